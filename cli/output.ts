// Where transcripts go: standard output, or files that appear when they are whole.
import { realpathSync, rmSync, statSync } from "node:fs";
import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import {
  extensions,
  type FormatName,
  type Formatter,
  formatNames,
  VoxtralError,
  type VoxtralEvent,
} from "../src/index.ts";
import type { Input } from "./inputs.ts";

export interface OutputOptions {
  format?: FormatName[];
  output?: string;
  outputDir?: string;
}

/** A document that one input becomes; without a path on standard output. */
export interface Target {
  format: FormatName;
  path?: string;
}

/** The targets of each input; refuses by `usage` what cannot be meant. */
export function targetsOf(inputs: Input[], options: OutputOptions, usage: (message: string) => never): Target[][] {
  const { output, outputDir } = options;
  const formats = options.format ?? [output === undefined ? "text" : formatOf(output, usage)];
  if (output !== undefined && outputDir !== undefined) usage("-o and --output-dir exclude each other");
  if (output !== undefined && (inputs.length > 1 || formats.length > 1))
    usage("-o takes one transcript in one format: use --output-dir for several");
  if (output === undefined && outputDir === undefined) {
    if (formats.length > 1) usage("several formats need --output-dir");
    return inputs.map(() => formats.map((format) => ({ format })));
  }
  const isShared = (stem: string): boolean => inputs.filter((other) => other.stem === stem).length > 1;
  const targets = inputs.map(({ name, stem }) => {
    const base = isShared(stem) ? basename(name) : stem; // talk.wav beside talk.mp3
    return formats.map((format) => ({
      format,
      path: output ?? join(outputDir ?? "", `${base}.${extensions[format]}`),
    }));
  });
  const taken = new Map(inputs.map(({ name }) => [resolve(name), name]));
  targets.forEach((documents, i) => {
    for (const { path } of documents) {
      const other = taken.get(resolve(path));
      if (other !== undefined) usage(`${path} would be written over ${other}`);
      taken.set(resolve(path), `the transcript of ${inputs[i]?.name}`);
    }
  });
  return targets;
}

/** The format whose files end like this one; text without an ending. */
function formatOf(path: string, usage: (message: string) => never): FormatName {
  if (extname(path) === "") return "text";
  const found = formatNames.findLast((name) => path.toLowerCase().endsWith(`.${extensions[name]}`)); // .verbose.json before .json
  const known = Object.values(extensions).map((end) => `.${end}`);
  return found ?? usage(`${path}: no format ends in ${extname(path)}; expected ${known.join(", ")}, or add --format`);
}

/** Makes the folder for the files, if it is missing. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST")
      throw new VoxtralError("io", `${path}: is a file; expected a folder`, { cause });
    throw unwritable(path, cause);
  }
}

/** The documents that one input becomes, written as its events come. */
export class Documents {
  readonly #print: (text: string) => Promise<void>;
  readonly #open: { formatter: Formatter; file: OutputFile | undefined }[] = [];

  /** `print` takes what has no file. */
  constructor(print: (text: string) => Promise<void>) {
    this.#print = print;
  }

  async add(formatter: Formatter, path?: string): Promise<void> {
    this.#open.push({ formatter, file: path === undefined ? undefined : await OutputFile.open(path) });
  }

  async push(event: VoxtralEvent): Promise<void> {
    for (const { formatter, file } of this.#open) await this.#write(file, formatter.push(event));
  }

  /** Ends them all and puts the files in their places. */
  async commit(): Promise<void> {
    for (const { formatter, file } of this.#open) await this.#write(file, formatter.end(true));
    for (const { file } of this.#open) await file?.commit();
  }

  /** Ends what is printed; leaves no files. */
  async discard(): Promise<void> {
    for (const { formatter, file } of this.#open) await (file ? file.discard() : this.#print(formatter.end(false)));
  }

  #write(file: OutputFile | undefined, text: string): Promise<void> {
    return file ? file.write(text) : this.#print(text);
  }
}

/** A file that is written beside its place and moved there by commit(); what is not a plain file is written directly. */
export class OutputFile {
  readonly #path: string;
  readonly #temporary: string | undefined;
  readonly #handle: FileHandle;
  readonly #onExit = (): void => this.#remove();

  private constructor(path: string, temporary: string | undefined, handle: FileHandle) {
    this.#path = path;
    this.#temporary = temporary;
    this.#handle = handle;
    process.on("exit", this.#onExit);
  }

  static async open(path: string): Promise<OutputFile> {
    try {
      const found = statSync(path, { throwIfNoEntry: false });
      const isPlain = !found || found.isFile();
      const place = found?.isFile() ? realpathSync(path) : path;
      const temporary = isPlain ? join(dirname(place), `.${basename(place)}.${process.pid}.tmp`) : undefined;
      return new OutputFile(place, temporary, await open(temporary ?? place, "w"));
    } catch (cause) {
      throw unwritable(path, cause);
    }
  }

  async write(text: string): Promise<void> {
    if (text !== "") await this.#do(() => this.#handle.appendFile(text));
  }

  /** Puts the file in its place. */
  async commit(): Promise<void> {
    const temporary = this.#temporary;
    if (temporary !== undefined) await this.#do(() => this.#handle.sync());
    await this.#do(() => this.#handle.close());
    if (temporary !== undefined) await this.#do(() => rename(temporary, this.#path));
    process.off("exit", this.#onExit);
  }

  /** Leaves what was there before. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => {});
    this.#remove();
    process.off("exit", this.#onExit);
  }

  #remove(): void {
    if (this.#temporary !== undefined) rmSync(this.#temporary, { force: true });
  }

  async #do(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (cause) {
      throw unwritable(this.#path, cause);
    }
  }
}

const reasons: Record<string, string> = {
  ENOENT: "its folder does not exist",
  EACCES: "permission denied",
  ENOTDIR: "a folder in its path is a file",
  EISDIR: "it is a folder",
  ENOSPC: "no space left on the device",
  EROFS: "the file system is read-only",
};

/** Why the system refuses to write, in words. */
export function reason(cause: unknown): string {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  return reasons[code] ?? message;
}

function unwritable(path: string, cause: unknown): VoxtralError {
  return new VoxtralError("io", `${path}: cannot be written (${reason(cause)})`, { cause });
}
