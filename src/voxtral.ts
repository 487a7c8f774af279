import { setTimeout as sleep } from "node:timers/promises";
import { VoxtralError } from "./errors.ts";
import { loadModel } from "./load.ts";
import { type Handle, native, readJson } from "./native.ts";
import { checkOptions } from "./options.ts";
import { VoxtralStream } from "./stream.ts";
import { Transcription } from "./transcription.ts";
import { type AudioTransform, transformOf } from "./transform.ts";
import type { AudioSource, LoadOptions, ModelInfo, StreamOptions, TranscribeOptions } from "./types.ts";

const closePollMs = 2;
const handles = new WeakMap<Voxtral, Handle>();

/** A loaded model. Any number of transcriptions run on it at once. */
export class Voxtral implements AsyncDisposable, Disposable {
  readonly #streams = new Set<VoxtralStream>();
  readonly #delaysMs: readonly number[];
  #closing: Promise<void> | undefined;

  private constructor(handle: Handle) {
    handles.set(this, handle);
    this.#delaysMs = this.info.delaysMs;
  }

  /**
   * Loads a model: a folder, "synthetic:4b" or "synthetic:PATH.json" for random
   * weights; without one VOXTRAL_MODEL, the user's cache or the bundled model.
   */
  static async load(model?: string | URL, options: LoadOptions = {}): Promise<Voxtral> {
    return new Voxtral(await loadModel(model, options));
  }

  /** What is loaded, and how it runs. */
  get info(): ModelInfo {
    return camelKeys(JSON.parse(infoJson(this))) as ModelInfo;
  }

  /** Transcribes a source; nothing happens before its events or result() are read. */
  transcribe(source: AudioSource, options: TranscribeOptions = {}): Transcription {
    handleOf(this);
    checkOptions(options, this.#delaysMs);
    return new Transcription(() => this.stream(options), source, options);
  }

  /** A live transcription, written to piece by piece. */
  stream(options: StreamOptions = {}): VoxtralStream {
    const stream = new VoxtralStream(handleOf(this), this.#delaysMs, options, () => this.#streams.delete(stream));
    this.#streams.add(stream);
    return stream;
  }

  /** A live transcription for pipeThrough(). */
  transformStream(options: StreamOptions = {}): AudioTransform {
    return transformOf(this.stream(options));
  }

  /** Stops all work and releases the model; open streams fail with "cancelled". */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  [Symbol.dispose](): void {
    void this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const handle = handleOf(this);
    handles.delete(this);
    native().vox_close(handle);
    for (const stream of this.#streams) stream.fail(new VoxtralError("cancelled", "the model was closed"));
    while (!native().vox_is_closed(handle)) await sleep(closePollMs); // at most the pass being computed
    native().vox_free(handle);
  }
}

/** The library's handle of an open model. */
export function handleOf(model: Voxtral): Handle {
  const handle = handles.get(model);
  if (!handle) throw new VoxtralError("state", "the model is closed");
  return handle;
}

/** What the library says about a model. */
export function infoJson(model: Voxtral): string {
  return readJson((buffer, capacity) => native().vox_info(handleOf(model), buffer, capacity)).text;
}

function camelKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/_(\w)/g, (_, c: string) => c.toUpperCase()),
      camelKeys(inner),
    ]),
  );
}
