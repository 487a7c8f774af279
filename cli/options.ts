// Options that several commands share, and parsers of their values.
import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { fileError } from "../src/errors.ts";
import { type LoadOptions, type StreamOptions, Voxtral, VoxtralError } from "../src/index.ts";
import { ExitCode, Status } from "./terminal.ts";

/** Loads shorter than this show no progress. */
const quietMs = 300;

export interface ModelOptions {
  model?: string;
  backend: NonNullable<LoadOptions["backend"]>;
  isa: NonNullable<LoadOptions["isa"]>;
  threads: number;
}

/** A parser of numbers from low to high. */
export function numberIn(low: number, high: number, whole = false): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!(value >= low && value <= high) || (whole && !Number.isInteger(value)))
      throw new InvalidArgumentError(`It must be ${whole ? "a whole number" : "a number"} from ${low} to ${high}.`);
    return value;
  };
}

/** A parser of lists of names, separated by commas; options that repeat add up. */
export function namesAmong<Name extends string>(known: readonly Name[]): (text: string, before?: Name[]) => Name[] {
  return (text, before = []) => {
    const names = text.split(",").map((name) => {
      const found = known.find((one) => one === name.trim());
      if (found === undefined) throw new InvalidArgumentError(`It must be one or more of ${known.join(", ")}.`);
      return found;
    });
    return [...new Set([...before, ...names])];
  };
}

export function addModelOptions(command: Command): Command {
  return command
    .option(
      "-d, --model <dir>",
      'model folder or .gguf file, or "synthetic:4b" for random weights (default: $VOXTRAL_MODEL, the full model in the cache, or the bundled one)',
    )
    .addOption(new Option("--backend <name>", "what computes").choices(["auto", "cpu"]).default("auto"))
    .addOption(
      new Option("--isa <name>", "instruction set")
        .choices(["auto", "scalar", "avx2", "avx512", "avx512bf16", "neon"])
        .default("auto"),
    )
    .option("--threads <n>", "threads of the CPU backend; 0: one per core", numberIn(0, 1024, true), 0);
}

/** Adds --hotwords. */
export function addHotwords(command: Command): Command {
  return command.option("--hotwords <file>", "phrases to prefer where the model hesitates between words, one a line");
}

/** The stream option that --hotwords stands for. */
export async function hotwordsOf(file: string | undefined): Promise<Pick<StreamOptions, "hotwords">> {
  if (file === undefined) return {};
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw fileError(file, cause);
  }
  if (!isUtf8(bytes) || bytes.includes(0))
    throw new VoxtralError("format", `${file}: not a text in UTF-8; expected phrases, one a line`);
  return { hotwords: new TextDecoder().decode(bytes).split("\n") };
}

/** Loads the model that the options name; progress on a terminal if it takes long. */
export async function loadModel(options: ModelOptions, quiet: boolean, signal?: AbortSignal): Promise<Voxtral> {
  const { model, backend, isa, threads } = options;
  const start = performance.now();
  using status = new Status(!quiet);
  return await Voxtral.load(model, {
    backend,
    isa,
    threads,
    ...(signal && { signal }),
    onProgress(fraction) {
      if (performance.now() - start > quietMs) status.show(`loading the model: ${Math.floor(fraction * 100)} %`);
    },
  });
}

/** Loads the model for a transcription; undefined if it was interrupted. */
export async function openModel(
  options: ModelOptions & { delay: number; silent?: true },
  command: Command,
  signal: AbortSignal,
): Promise<Voxtral | undefined> {
  let model: Voxtral;
  try {
    model = await loadModel(options, options.silent === true, signal);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
  const { delaysMs } = model.info;
  if (delaysMs.includes(options.delay)) return model;
  await model.close();
  command.error(`error: --delay is ${options.delay}; expected one of ${delaysMs.join(", ")}`, {
    exitCode: ExitCode.usage,
  });
}
