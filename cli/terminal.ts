// The process around the commands: output that respects readers, messages, signals.
import { readFileSync, writeSync } from "node:fs";
import { VoxtralError } from "../src/index.ts";
import { reason } from "./output.ts";

export const ExitCode = {
  ok: 0,
  failure: 1,
  usage: 2,
  hungUp: 129,
  interrupted: 130,
  pipeClosed: 141,
  terminated: 143,
} as const;

/** Writes to stdout or stderr; resolves when it is on its way. */
export function write(to: "out" | "err", data: string | Uint8Array): Promise<void> {
  if (to === "out" && isMissing) failOutput("it is closed");
  const stream = to === "out" ? process.stdout : process.stderr;
  return new Promise((resolve) => stream.write(data, () => resolve()));
}

/** Ends when stdout takes no more: quietly, as a filter killed by SIGPIPE does, if its reader has gone. */
export function onClosedOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(ExitCode.pipeClosed);
    failOutput(reason(error));
  });
  process.stderr.on("error", () => {}); // nobody to tell
}

function failOutput(why: string): never {
  try {
    writeSync(process.stderr.fd, `voxtral: standard output: ${why}\n`);
  } catch {} // nobody to tell
  process.exit(ExitCode.failure);
}

/** O_CLOEXEC: set where this process has opened the file, never where it was started with it. */
const ownFlag = 0o2000000;

/** Whether the process was started without a stdout: Bun has then opened /dev/null. Only Linux tells. */
const isMissing = ((): boolean => {
  if (process.platform !== "linux") return false;
  try {
    const flags = readFileSync("/proc/self/fdinfo/1", "latin1").match(/^flags:\s*(\d+)$/m)?.[1] ?? "0";
    return (Number.parseInt(flags, 8) & ownFlag) !== 0;
  } catch {
    return false; // no /proc
  }
})();

/** The sentence for an error. */
export function sentence(error: unknown): string {
  if (error instanceof VoxtralError) return error.message;
  return (error as Error)?.stack ?? String(error);
}

export function complain(error: unknown): void {
  process.stderr.write(`voxtral: ${sentence(error)}\n`);
}

/** Whether the process is to outlive its terminal, as nohup has it: by what it was told, else by where messages go. */
function outlivesTerminal(): boolean {
  try {
    const ignored = readFileSync("/proc/self/status", "utf8").match(/^SigIgn:\s*(\w+)/m)?.[1] ?? "0";
    return (BigInt(`0x${ignored}`) & 1n) === 1n;
  } catch {
    return !process.stderr.isTTY;
  }
}

/** Turns the first SIGINT, SIGTERM or SIGHUP into an abort; a second one ends the process. */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #handlers = [
    ["SIGINT", () => this.#on(ExitCode.interrupted)],
    ["SIGTERM", () => this.#on(ExitCode.terminated)],
    ...(outlivesTerminal() ? [] : [["SIGHUP", () => this.#on(ExitCode.hungUp)] as const]),
  ] as const;

  constructor() {
    for (const [name, handler] of this.#handlers) process.on(name, handler);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const [name, handler] of this.#handlers) process.off(name, handler);
  }

  #on(code: number): void {
    if (this.signal.aborted) process.exit(code);
    process.exitCode = code;
    this.#controller.abort();
  }
}

/** One line on a terminal that is rewritten in place; nothing elsewhere. */
export class Status implements Disposable {
  readonly #enabled: boolean;
  #shown = false;

  constructor(enabled: boolean) {
    this.#enabled = enabled && process.stderr.isTTY;
  }

  show(text: string): void {
    if (!this.#enabled) return;
    process.stderr.write(`\r\x1b[K${text}`);
    this.#shown = true;
  }

  clear(): void {
    if (this.#shown) process.stderr.write("\r\x1b[K");
    this.#shown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
