import { Status, sampleRate } from "./abi.ts";
import { statusError, VoxtralError } from "./errors.ts";
import { type Handle, native, readJson } from "./native.ts";
import { type Consumer, pump } from "./pump.ts";

/** Something that can be recorded. */
export interface Device {
  id: string;
  name: string;
  /** A monitor gives what the computer plays. */
  kind: "input" | "monitor";
  /** Recorded when none is named (a monitor: with `system`). */
  default: boolean;
  /** In Hz; 0 where only opening the device would tell. */
  rate: number;
  channels: number;
}

export interface Devices {
  system: "pulse" | "alsa" | "coreaudio" | "wasapi";
  devices: Device[];
}

/** What can be recorded here. Waits for the sound server, some milliseconds as a rule. */
export function devices(): Devices {
  const error = new Uint8Array(1024);
  const { status, text } = readJson((buffer, capacity) =>
    native().vox_capture_devices(buffer, capacity, error, error.length),
  );
  if (status < 0) throw statusError(status, new TextDecoder().decode(error.subarray(0, error.indexOf(0))));
  return JSON.parse(text) as Devices;
}

export interface MicrophoneOptions {
  /** An id, a name or a part of one; "pulse:" or "alsa:" in front chooses the sound system. Default: the system's. */
  device?: string;
  /** What the computer plays instead of what it hears. Default false. */
  system?: boolean;
  /** Ends the recording: what was heard until then is still given. */
  signal?: AbortSignal;
}

/** Records a device: `for await (const event of model.transcribe(microphone())) …`. */
export function microphone(options: MicrophoneOptions = {}): Microphone {
  return new Microphone(options);
}

const chunkSamples = 4096;
/** What chooses the sound system in a device's name. */
export const systemPrefix = /^(pulse|alsa|coreaudio|wasapi):/;

/** A device being recorded, as 16 kHz mono samples; recording starts with the first read. */
export class Microphone implements AsyncIterable<Float32Array>, AsyncDisposable, Disposable {
  readonly rate = sampleRate;
  readonly #options: MicrophoneOptions;
  readonly #scratch = new Float32Array(chunkSamples);
  readonly #consumer: Consumer = { drain: () => this.#wake() };
  #handle: Handle | undefined;
  #started = false;
  #stopped = false;
  #news: PromiseWithResolvers<void> | undefined;
  #lost = 0;
  #device: Device | undefined;

  /** Use microphone(). */
  constructor(options: MicrophoneOptions) {
    const name = options.device?.replace(systemPrefix, "");
    if (name?.includes("\0")) throw new VoxtralError("argument", "the device's name contains a NUL character");
    if (name?.trim() === "")
      throw new VoxtralError("argument", "the device's name is empty; leave it out to record the default one");
    this.#options = options;
  }

  /** The device, once it is open. */
  get device(): Device | undefined {
    const handle = this.#handle;
    if (handle) {
      const { text } = readJson((buffer, capacity) => native().vox_capture_info(handle, buffer, capacity));
      this.#device = (JSON.parse(text) as { device?: Device }).device;
    }
    return this.#device;
  }

  /** Samples lost so far because they were not read in time or the device lost them. */
  get lost(): number {
    if (this.#handle) this.#lost = Number(native().vox_capture_lost(this.#handle));
    return this.#lost;
  }

  /** Ends the recording; iteration ends. */
  close(): void {
    this.#stopped = true;
    this.#release();
    this.#wake();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** The samples, once. Leaving the loop ends the recording. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Float32Array> {
    if (this.#started)
      throw new VoxtralError("state", "the microphone is already being read: its samples are given once");
    this.#started = true;
    const iterator: AsyncIterableIterator<Float32Array> = {
      next: () => this.#next(),
      return: async () => {
        this.close();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  async #next(): Promise<IteratorResult<Float32Array>> {
    this.#open();
    while (this.#handle) {
      const n = native().vox_capture_read(this.#handle, this.#scratch, chunkSamples);
      if (n > 0) return { done: false, value: this.#scratch.slice(0, n) };
      if (n < 0) throw this.#failure(this.#handle, n);
      if (this.#stopped) break;
      using _alive = pump().hold();
      await (this.#news ??= Promise.withResolvers()).promise;
    }
    this.#release();
    return { done: true, value: undefined };
  }

  #open(): void {
    if (this.#handle || this.#stopped) return;
    const { device = "", system = false, signal } = this.#options;
    if (signal?.aborted) {
      this.#stopped = true;
      return;
    }
    const out = new BigUint64Array(1);
    const status = native().vox_capture_open(device, system ? 1 : 0, pump().bell, out);
    if (status < 0) throw statusError(status, "out of memory for a recording");
    this.#handle = out[0];
    pump().add(this.#consumer);
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  #failure(handle: Handle, status: number): VoxtralError {
    const error = statusError(status, native().vox_capture_error(handle) ?? "");
    this.close();
    return status === Status.E_CANCELLED ? new VoxtralError("state", "the microphone is closed") : error;
  }

  #release(): void {
    const handle = this.#handle;
    if (!handle) return;
    void this.lost; // their last values
    void this.device;
    this.#handle = undefined;
    native().vox_capture_close(handle);
    pump().remove(this.#consumer);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }

  #wake(): boolean {
    this.#news?.resolve();
    this.#news = undefined;
    return false;
  }

  #onAbort = (): void => {
    this.#stopped = true;
    this.#wake();
  };
}
