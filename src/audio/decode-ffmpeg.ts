// Everything else, through the ffmpeg program.
import { rmSync } from "node:fs";
import { mkdtemp, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileError, VoxtralError } from "../errors.ts";
import { chunkBytes } from "./chunk.ts";
import { damaged, type Samples } from "./decode.ts";
import type { Reader, Warn } from "./reader.ts";
import type { Sniffed } from "./sniff.ts";

const rate = 16000;
/** Characters of ffmpeg's messages that are kept. */
const keptMessages = 8192;

/** Samples of what `reader` gives, by ffmpeg: from the file itself, else through a pipe or a temporary file. */
export async function ffmpegSamples(
  reader: Reader,
  { format, seeks }: Sniffed,
  warn: Warn,
  closing: AbortSignal,
): Promise<Samples> {
  const program = Bun.which("ffmpeg");
  if (!program)
    throw new VoxtralError(
      "unsupported",
      `${format} needs ffmpeg, which is not in PATH: install it, or convert the audio to WAVE, MP3, FLAC, Ogg or WebM with Opus`,
    );
  const path = reader.path ?? (seeks ? await spooled(reader, closing) : undefined);
  const input =
    path === undefined
      ? ["-protocol_whitelist", "pipe", "-i", "pipe:0"]
      : ["-nostdin", "-protocol_whitelist", "file", "-i", `file:${path}`];
  const output = ["-vn", "-sn", "-dn", "-ac", "1", "-ar", `${rate}`, "-f", "f32le", "pipe:1"];
  const child = Bun.spawn([program, "-hide_banner", "-nostats", "-v", "level+info", ...input, ...output], {
    stdin: path === undefined ? "pipe" : "ignore",
    stdout: "pipe",
    stderr: "pipe",
    signal: closing,
    killSignal: "SIGKILL", // asked to end it would first write what nobody reads
  });
  let failure: unknown;
  if (child.stdin) void pour(reader, child.stdin).catch((error) => (failure = error));
  const messages = new Messages();
  const told = messages.read(child.stderr);
  const samples = child.stdout.getReader();
  let bytes = 0;

  async function end(): Promise<void> {
    await told;
    const code = await child.exited;
    if (closing.aborted) return;
    if (failure) throw failure;
    if (child.signalCode || messages.killed)
      throw new VoxtralError("io", `${reader.name ?? "the source"}: ffmpeg was killed while it decoded ${format}`);
    if (bytes === 0) {
      const why = messages.noSound
        ? "without sound"
        : `that ffmpeg cannot decode: ${messages.error ?? "it gives no samples"}`;
      throw new VoxtralError("format", `${format} ${why}`);
    }
    if (code === 0 && !messages.error) return;
    const why = messages.error ?? `ffmpeg ended with ${code}`;
    warn(damaged(reader, format, why));
  }

  return {
    async read() {
      const { done, value } = await samples.read();
      if (done) await end();
      else bytes += value.length;
      return value;
    },
    raw: () => ({ encoding: "f32", rate, channels: 1 }),
    fraction: () => (messages.duration ? Math.min(bytes / 4 / rate / messages.duration, 1) : undefined),
  };
}

/** Writes all that the reader gives into ffmpeg; rejects if the reader fails. */
async function pour(reader: Reader, ffmpeg: Bun.FileSink): Promise<void> {
  let open = true;
  const stop = (): void => {
    open = false; // ffmpeg has heard enough
  };
  try {
    for (let chunk = await reader.read(); chunk !== undefined && open; chunk = await reader.read()) {
      ffmpeg.write(chunkBytes(chunk));
      await Promise.resolve(ffmpeg.flush()).catch(stop);
    }
  } finally {
    await Promise.resolve(ffmpeg.end()).catch(stop);
  }
}

/** The path of a temporary file, gone on `closing`, with all that the reader gives. */
async function spooled(reader: Reader, closing: AbortSignal): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "voxtral-"));
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
    process.off("exit", remove);
  };
  process.on("exit", remove);
  closing.addEventListener("abort", remove);
  if (closing.aborted) remove();
  const path = join(folder, "source");
  const file = await open(path, "wx", 0o600);
  try {
    for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read())
      await file.writeFile(chunkBytes(chunk));
  } catch (cause) {
    throw cause instanceof VoxtralError ? cause : fileError(path, cause);
  } finally {
    await file.close();
  }
  return path;
}

/** What ffmpeg says: "[error] ..." and "Duration: ...". */
class Messages {
  #text = "";
  duration: number | undefined;

  async read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.#text = (this.#text + decoder.decode(chunk, { stream: true })).slice(-keptMessages);
      const found = this.#text.match(/Duration: (\d+):(\d+):([\d.]+)/);
      if (found) this.duration ??= Number(found[1]) * 3600 + Number(found[2]) * 60 + Number(found[3]);
    }
  }

  get error(): string | undefined {
    return this.#text.match(/\[(?:error|fatal)\] (.+)/)?.[1]?.replace(/^file:/, "");
  }

  /** It ends in order on a signal, and says so. */
  get killed(): boolean {
    return /received signal/i.test(this.#text);
  }

  get noSound(): boolean {
    return /does not contain any stream|matches no streams/.test(this.#text);
  }
}
