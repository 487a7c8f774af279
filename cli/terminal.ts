// The process around the commands: output that respects readers, messages, signals.
import { VoxtralError } from "../src/index.ts";

export const ExitCode = { ok: 0, failure: 1, usage: 2, interrupted: 130, pipeClosed: 141, terminated: 143 } as const;

/** Writes to stdout or stderr; resolves when it is on its way. */
export function write(to: "out" | "err", data: string | Uint8Array): Promise<void> {
  const stream = to === "out" ? process.stdout : process.stderr;
  return new Promise((resolve) => stream.write(data, () => resolve()));
}

/** Ends quietly, as a filter killed by SIGPIPE does, when the reader of stdout has gone. */
export function onClosedOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(ExitCode.pipeClosed);
    throw error;
  });
  process.stderr.on("error", () => {}); // nobody to tell
}

/** The sentence for an error. */
export function sentence(error: unknown): string {
  if (error instanceof VoxtralError) return error.message;
  return (error as Error)?.stack ?? String(error);
}

export function complain(error: unknown): void {
  process.stderr.write(`voxtral: ${sentence(error)}\n`);
}

/** Turns the first SIGINT or SIGTERM into an abort; a second one ends the process. */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #handlers = [
    ["SIGINT", () => this.#on(ExitCode.interrupted)],
    ["SIGTERM", () => this.#on(ExitCode.terminated)],
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
