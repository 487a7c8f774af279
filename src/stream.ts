import { setImmediate as nextTurn } from "node:timers/promises";
import { checkChunk, chunkBytes, chunkFormat, type Format } from "./audio/chunk.ts";
import { abortError, statusError, VoxtralError } from "./errors.ts";
import { decodeEvents, type EventRecord } from "./events.ts";
import { type Handle, native } from "./native.ts";
import { configure } from "./options.ts";
import { type Consumer, pump } from "./pump.ts";
import { Segmenter, splitWord } from "./segments.ts";
import type { AudioChunk, Progress, RawFormat, StreamOptions, VoxtralEvent } from "./types.ts";

/** Events held here; more stay in the native ring, whose fullness stops the model. */
const queueLimit = 1024;
/** Bytes given to the library in one call, and ms of calls before other work has its turn. */
const writeSlice = 65536;
const writeTurnMs = 4;

/**
 * One live transcription: audio goes in by write(), events come out by iterating.
 * Both wait for each other, so iterate while writing.
 */
export class VoxtralStream implements AsyncIterable<VoxtralEvent>, AsyncDisposable, Disposable {
  readonly #options: StreamOptions;
  #handle: Handle | undefined;
  #format: Format | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  #ending = false;
  #room: PromiseWithResolvers<void> | undefined;
  #queue: VoxtralEvent[] = [];
  #taken = 0; // events of #queue already given away
  #starved = false; // events may wait in the native ring
  #news: PromiseWithResolvers<void> | undefined;
  #consumed = false;
  #over: VoxtralError | "done" | "closed" | undefined;
  #thrown = false;
  #begun = false; // text has come
  #progress: Progress = { written: 0, encoded: 0, decoded: 0 };
  readonly #segmenter = new Segmenter();
  readonly #consumer: Consumer = { drain: () => this.#drain() };
  readonly #onOver: () => void;

  /** Use Voxtral.stream(). */
  constructor(model: Handle, delaysMs: readonly number[], options: StreamOptions, onOver: () => void) {
    if (options.signal?.aborted) throw abortError(options.signal);
    const handle = native().vox_stream_init(model);
    if (!handle) throw new VoxtralError("memory", "out of memory for a stream");
    this.#options = options;
    this.#onOver = onOver;
    try {
      configure(handle, options, delaysMs);
      native().vox_stream_set_bell(handle, pump().bell);
    } catch (error) {
      native().vox_stream_free(handle);
      throw error;
    }
    this.#handle = handle;
    pump().add(this.#consumer);
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Seconds of audio taken, encoded and decoded. */
  get progress(): Progress {
    if (this.#handle) {
      const s = new Float64Array(3);
      native().vox_stream_progress(this.#handle, s.subarray(0, 1), s.subarray(1, 2), s.subarray(2, 3));
      this.#progress = { written: s[0] ?? 0, encoded: s[1] ?? 0, decoded: s[2] ?? 0 };
    }
    return this.#progress;
  }

  /** Whether no more audio is taken: ended, closed or failed. */
  get ended(): boolean {
    return this.#ending || this.#over !== undefined;
  }

  /**
   * Appends audio; resolves when all of it is taken, so awaiting keeps pace with the
   * model. The chunk must not change until then. The first chunk fixes the format:
   * `raw` says what its samples are where the stream's options do not.
   */
  write(chunk: AudioChunk, raw: RawFormat = this.#options): Promise<void> {
    return this.#inTurn(async () => {
      this.#assertWritable();
      this.#useFormat(checkChunk(chunk), raw);
      await this.#give(chunkBytes(chunk));
    });
  }

  /** Transcribes what has been written now, whatever the interval; the stream stays open. */
  flush(): Promise<void> {
    return this.#inTurn(async () => {
      this.#check(native().vox_stream_flush(this.#assertWritable()));
    });
  }

  /** No more audio: the rest is transcribed, then "done" comes. */
  end(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.ended && !(this.#over instanceof VoxtralError)) return;
      // 1: the library's buffer is too full for the last samples yet
      while (this.#check(native().vox_stream_end(this.#assertWritable())) > 0) {
        await this.#hasRoom();
        if (this.#over === "done") return; // the model has ended the text meanwhile
      }
      this.#ending = true;
    });
  }

  /** Stops the work at once and releases the stream; iteration ends. */
  close(): void {
    this.#finish("closed");
  }

  /** Stops the work at once; iteration throws `error`. */
  fail(error: VoxtralError): void {
    this.#finish(error);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** The events, once. Leaving the loop closes the stream. */
  [Symbol.asyncIterator](): AsyncIterableIterator<VoxtralEvent> {
    if (this.#consumed)
      throw new VoxtralError("state", "the stream's events are already being read: they are given once");
    if (this.#over === "closed") throw new VoxtralError("state", "the stream is closed");
    this.#consumed = true;
    const iterator: AsyncIterableIterator<VoxtralEvent> = {
      next: () => this.#next(),
      return: async () => {
        this.close();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  async #next(): Promise<IteratorResult<VoxtralEvent>> {
    for (;;) {
      const event = this.#queue[this.#taken];
      if (event !== undefined) {
        if (++this.#taken === this.#queue.length) {
          this.#queue = [];
          this.#taken = 0;
          if (this.#starved) pump().schedule();
        }
        return { done: false, value: event };
      }
      if (this.#over instanceof VoxtralError && !this.#thrown) {
        this.#thrown = true;
        throw this.#over;
      }
      if (this.#over) return { done: true, value: undefined };
      using _alive = pump().hold();
      await (this.#news ??= Promise.withResolvers()).promise;
    }
  }

  /** Runs calls that give audio one after the other. */
  #inTurn(call: () => Promise<void>): Promise<void> {
    const mine = this.#writing.then(call);
    this.#writing = mine.catch(() => {});
    return mine;
  }

  async #give(bytes: Uint8Array): Promise<void> {
    let turn = performance.now();
    for (let at = 0; at < bytes.length; ) {
      const slice = bytes.subarray(at, at + writeSlice);
      const taken = this.#check(Number(native().vox_stream_write(this.#assertWritable(), slice, slice.length)));
      at += taken;
      if (taken === 0) await this.#hasRoom();
      else if (performance.now() - turn < writeTurnMs) continue;
      else await nextTurn();
      turn = performance.now();
    }
  }

  /** The next ring of the bell, when the model may have made room. */
  async #hasRoom(): Promise<void> {
    using _alive = pump().hold();
    await (this.#room ??= Promise.withResolvers()).promise;
  }

  #useFormat(chunk: AudioChunk, raw: RawFormat): void {
    const format = chunkFormat(chunk, raw);
    const fixed = this.#format;
    if (fixed === undefined) {
      this.#check(native().vox_stream_set_input(this.#assertWritable(), format.encoding, format.rate, format.channels));
      this.#format = format;
    } else if (fixed.encoding !== format.encoding) {
      throw new VoxtralError(
        "argument",
        `${chunk.constructor.name} does not go with the stream's first chunk: the first one fixes the format`,
      );
    }
  }

  #assertWritable(): Handle {
    if (this.#over instanceof VoxtralError) throw this.#over;
    if (this.#over === "closed") throw new VoxtralError("state", "the stream is closed");
    if (this.#ending) throw new VoxtralError("state", "the stream has been ended");
    if (!this.#handle)
      throw new VoxtralError("state", "the model has ended the text; set continuous to go on after that");
    return this.#handle;
  }

  /** The result of a call on the open handle, or the stream's error. */
  #check(status: number): number {
    if (status >= 0) return status;
    const why = this.#handle ? (native().vox_stream_error(this.#handle) ?? "") : "";
    throw statusError(status, why || "the stream refuses the call in its present state");
  }

  #drain(): boolean {
    if (!this.#handle) return false;
    this.#room?.resolve();
    this.#room = undefined;
    this.#starved = this.#queue.length - this.#taken >= queueLimit;
    if (this.#starved) return false;
    const { buffer } = pump();
    const size = native().vox_stream_read(this.#handle, buffer, buffer.length);
    if (size <= 0) return false;
    decodeEvents(buffer, size, (record) => this.#take(record));
    this.#wake();
    return this.#handle !== undefined;
  }

  #take(record: EventRecord): void {
    switch (record.type) {
      case "word": {
        const { type: _, ...word } = record;
        for (const part of splitWord(word))
          this.#queue.push(
            ...this.#segmenter.breakBefore(part),
            { type: "word", ...part },
            ...this.#segmenter.push(part),
          );
        break;
      }
      case "text": {
        const text = this.#begun ? record.text : record.text.trimStart();
        if (text !== "") this.#queue.push({ type: "text", text });
        this.#begun ||= text !== "";
        break;
      }
      case "restart":
        this.#queue.push(...this.#segmenter.end(), record);
        break;
      case "error":
        this.#finish(statusError(record.status, record.message));
        break;
      case "end":
        this.#queue.push(...this.#segmenter.end());
        if (record.reason === "end" || record.reason === "eos") {
          this.#queue.push({ type: "done", reason: record.reason, duration: record.duration });
          this.#finish("done");
        } else this.#finish(new VoxtralError("cancelled", "the model was closed"));
        break;
      default:
        this.#queue.push(record);
    }
  }

  /** The end, by whichever way comes first: releases the handle and wakes whoever waits. */
  #finish(how: VoxtralError | "done" | "closed"): void {
    const handle = this.#handle;
    if (how === "closed") {
      this.#queue = [];
      this.#taken = 0;
      this.#over = how;
    }
    if (!handle) return;
    void this.progress; // its last value
    this.#over = how;
    this.#handle = undefined;
    native().vox_stream_free(handle);
    pump().remove(this.#consumer);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#room?.resolve();
    this.#room = undefined;
    this.#wake();
    this.#onOver();
  }

  #wake(): void {
    this.#news?.resolve();
    this.#news = undefined;
  }

  #onAbort = (): void => {
    this.#finish(abortError(this.#options.signal as AbortSignal));
  };
}
