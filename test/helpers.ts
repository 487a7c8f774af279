// What the tests of the package and of the command line share.
import { join } from "node:path";
import { VoxtralError, type VoxtralErrorCode } from "../src/index.ts";

export const root = join(import.meta.dir, "..");
export const nano = join(root, "models", "nano");
export const sample = (name: string): string => join(root, "samples", name);
export const media = (name: string): string => join(root, "test", "media", name);
export const cliPath = join(root, "cli", "main.ts");

/** What is said in every recording of samples/. */
export const expected: Record<string, { text: string; words: { word: string; start: number; end: number }[] }> =
  await Bun.file(sample("expected.json")).json();

/** The samples of a 16 kHz mono s16 WAVE file. */
export async function samplesOf(path: string): Promise<Int16Array> {
  const bytes = await Bun.file(path).arrayBuffer();
  const view = new DataView(bytes);
  let at = 12;
  while (view.getUint32(at, false) !== 0x64617461 /* "data" */) at += 8 + view.getUint32(at + 4, true);
  return new Int16Array(bytes.slice(at + 8, at + 8 + view.getUint32(at + 4, true)));
}

export const toFloats = (samples: Int16Array): Float32Array => Float32Array.from(samples, (sample) => sample / 32768);

/** Fails unless the call throws, or rejects with, a VoxtralError of this code; returns it. */
export async function failure(code: VoxtralErrorCode, call: () => unknown): Promise<VoxtralError> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof VoxtralError)) throw error;
    if (error.code !== code)
      throw new Error(`expected a VoxtralError "${code}", got "${error.code}": ${error.message}`);
    return error;
  }
  throw new Error(`expected a VoxtralError "${code}", but nothing failed`);
}

export interface Run {
  out: string;
  err: string;
  code: number;
}

const cliOptions = {
  stdout: "pipe",
  stderr: "pipe",
  env: { ...process.env, VOXTRAL_MODEL: nano, NO_COLOR: "1" },
} as const;

/** Starts the command line with a pipe to its stdin. */
export function startCli(args: string[]) {
  return Bun.spawn([process.execPath, cliPath, ...args], { ...cliOptions, stdin: "pipe" });
}

/** Runs the command line to its end. */
export async function runCli(args: string[], stdin: "ignore" | Uint8Array | Blob = "ignore"): Promise<Run> {
  return finished(Bun.spawn([process.execPath, cliPath, ...args], { ...cliOptions, stdin }));
}

/** Runs a program that imports the package, to its end, within the time limit. */
export async function runProgram(source: string, timeoutMs = 20_000): Promise<Run> {
  const program = `import { Voxtral } from ${JSON.stringify(join(root, "src", "index.ts"))};\nconst nano = ${JSON.stringify(nano)};\nconst file = ${JSON.stringify(sample("weather.wav"))};\n${source}`;
  return finished(
    Bun.spawn([process.execPath, "-e", program], {
      stdout: "pipe",
      stderr: "pipe",
      stdin: "ignore",
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    }),
  );
}

async function finished(child: Bun.ReadableSubprocess): Promise<Run> {
  const texts = [new Response(child.stdout).text(), new Response(child.stderr).text()] as const;
  const [out, err, code] = await Promise.all([...texts, child.exited]);
  return { out, err, code };
}

/** A web stream of the chunks. */
export function readable<T>(chunks: Iterable<T>): ReadableStream<T> {
  const iterator = chunks[Symbol.iterator]();
  return new ReadableStream({
    pull(controller) {
      const { done, value } = iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}

/** Small deterministic pseudo-random numbers in 0..1. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
