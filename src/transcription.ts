import { openReader, type Reader } from "./audio/reader.ts";
import { checkedReader } from "./audio/sniff.ts";
import { VoxtralError } from "./errors.ts";
import type { VoxtralStream } from "./stream.ts";
import type { AudioSource, Progress, Segment, StreamOptions, Token, Transcript, VoxtralEvent, Word } from "./types.ts";

/**
 * A source being transcribed: iterate its events, or await result(). Either starts
 * the work, and only one of them can be used, once. Leaving the loop stops the work.
 */
export class Transcription implements AsyncIterable<VoxtralEvent> {
  readonly #open: () => VoxtralStream;
  readonly #source: AudioSource;
  readonly #auto: boolean;
  #stream: VoxtralStream | undefined;
  #consumed = false;

  /** Use Voxtral.transcribe(). */
  constructor(open: () => VoxtralStream, source: AudioSource, options: StreamOptions) {
    this.#open = open;
    this.#source = source;
    this.#auto = (options.encoding ?? "auto") === "auto";
  }

  /** Seconds of audio taken, encoded and decoded so far. */
  get progress(): Progress {
    return this.#stream?.progress ?? { written: 0, encoded: 0, decoded: 0 };
  }

  [Symbol.asyncIterator](): AsyncGenerator<VoxtralEvent, void, void> {
    if (this.#consumed)
      throw new VoxtralError("state", "the transcription is already being read: its events are given once");
    this.#consumed = true;
    return this.#run();
  }

  /** The whole transcript. */
  async result(): Promise<Transcript> {
    let text = "";
    let duration = 0;
    const words: Word[] = [];
    const segments: Segment[] = [];
    const tokens: Token[] = [];
    for await (const { type, ...event } of this) {
      if (type === "text") text += (event as { text: string }).text;
      else if (type === "word") words.push(event as Word);
      else if (type === "segment") segments.push(event as Segment);
      else if (type === "token") tokens.push(event as Token);
      else if (type === "done") ({ duration } = event as { duration: number });
    }
    return { text: text.trim(), words, segments, tokens, duration };
  }

  async *#run(): AsyncGenerator<VoxtralEvent, void, void> {
    let reader: Reader | undefined;
    try {
      reader = openReader(this.#source);
      if (this.#auto) reader = checkedReader(reader);
      using stream = this.#open();
      this.#stream = stream;
      void feed(reader, stream);
      yield* stream;
    } catch (error) {
      throw named(reader?.name, error);
    } finally {
      reader?.close();
    }
  }
}

/** Writes all that the reader gives; its failure becomes the stream's. */
async function feed(reader: Reader, stream: VoxtralStream): Promise<void> {
  try {
    for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) {
      if (stream.ended) return; // closed, or the model has ended the text
      await stream.write(chunk);
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
