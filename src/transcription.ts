import { type AudioReader, decodedReader } from "./audio/decode.ts";
import { openReader, type Warn } from "./audio/reader.ts";
import { VoxtralError } from "./errors.ts";
import { Collector } from "./formats/collect.ts";
import { type FormatName, format } from "./formats/index.ts";
import type { VoxtralStream } from "./stream.ts";
import type { AudioSource, Progress, TranscribeOptions, Transcript, VoxtralEvent } from "./types.ts";

/**
 * A source being transcribed: iterate its events, or await result(). Either starts
 * the work, and only one of them can be used, once. Leaving the loop stops the work.
 */
export class Transcription implements AsyncIterable<VoxtralEvent> {
  readonly #open: () => VoxtralStream;
  readonly #source: AudioSource;
  readonly #auto: boolean;
  readonly #warn: Warn;
  readonly #format: FormatName;
  readonly #words: boolean;
  #stream: VoxtralStream | undefined;
  #reader: AudioReader | undefined;
  #consumed = false;

  /** Use Voxtral.transcribe(). */
  constructor(open: () => VoxtralStream, source: AudioSource, options: TranscribeOptions) {
    this.#open = open;
    this.#source = source;
    this.#format = options.format ?? "text";
    this.#words = options.words ?? true;
    this.#auto = (options.encoding ?? "auto") === "auto";
    this.#warn = options.onWarning ?? ((message) => process.emitWarning(message, "VoxtralWarning"));
  }

  /** Seconds of audio taken, encoded and decoded so far, and about how many there are. */
  get progress(): Progress {
    const progress = this.#stream?.progress ?? { written: 0, encoded: 0, decoded: 0 };
    const fraction = this.#reader?.fraction?.();
    return fraction ? { ...progress, total: progress.written / fraction } : progress;
  }

  [Symbol.asyncIterator](): AsyncGenerator<VoxtralEvent, void, void> {
    if (this.#consumed)
      throw new VoxtralError("state", "the transcription is already being read: its events are given once");
    this.#consumed = true;
    return this.#run();
  }

  /** The whole transcript. */
  async result(): Promise<Transcript> {
    const collector = new Collector();
    for await (const event of this) collector.push(event);
    return collector.transcript;
  }

  /** The whole transcript as a document of the option `format`. */
  async document(): Promise<string> {
    return format(await this.result(), this.#format);
  }

  async *#run(): AsyncGenerator<VoxtralEvent, void, void> {
    let reader: AudioReader | undefined;
    try {
      const source = openReader(this.#source, this.#warn);
      reader = this.#auto ? decodedReader(source, this.#warn) : source;
      this.#reader = reader;
      using stream = this.#open();
      this.#stream = stream;
      void feed(reader, stream);
      for await (const event of stream) if (this.#words || event.type !== "word") yield event;
    } catch (error) {
      throw named(reader?.name, error);
    } finally {
      reader?.close();
    }
  }
}

/** Writes all that the reader gives; its failure becomes the stream's. */
async function feed(reader: AudioReader, stream: VoxtralStream): Promise<void> {
  try {
    for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) {
      if (stream.ended) return; // closed, or the model has ended the text
      await stream.write(chunk, reader.raw?.());
    }
    await stream.end();
  } catch (error) {
    stream.fail(
      error instanceof VoxtralError
        ? error
        : new VoxtralError("io", `the source of audio failed: ${(error as Error)?.message ?? error}`, { cause: error }),
    );
  }
}

/** Says which file an error about its content is of. */
function named(name: string | undefined, error: unknown): unknown {
  if (!name || !(error instanceof VoxtralError) || error.message.startsWith(`${name}: `)) return error;
  if (error.code !== "format" && error.code !== "unsupported") return error;
  return new VoxtralError(error.code, `${name}: ${error.message}`, { cause: error });
}
