// Any audio as samples: what a source holds is told from its first bytes; WAVE and raw
// samples pass through to the library, the rest is decoded piece by piece, in the
// process where a decoder exists, else by ffmpeg. Decoders are loaded when first met.
import { setImmediate as nextTurn } from "node:timers/promises";
import { VoxtralError } from "../errors.ts";
import type { AudioChunk, RawFormat } from "../types.ts";
import { chunkBytes } from "./chunk.ts";
import type { Reader, Warn } from "./reader.ts";
import { type Codec, headSize, missingBytes, sniff, sniffFile } from "./sniff.ts";

/** Chunks that the library understands. */
export interface Samples extends Pick<Reader, "read"> {
  /** What the chunks are, once one has come; undefined: as the stream's options say. */
  raw?(): RawFormat | undefined;
  /** How much of the source has been read, 0..1; undefined where its length is not known. */
  fraction?(): number | undefined;
}

export interface AudioReader extends Samples, Pick<Reader, "name" | "close"> {}

/** Compressed bytes to mono samples. */
export interface Decoder {
  /** Hz, once samples have come. */
  readonly rate: number;
  /** Bytes it takes at a time at most, if there is a limit. */
  readonly slice?: number;
  decode(bytes: Uint8Array): Float32Array | Promise<Float32Array>;
  /** No more bytes: the last samples. */
  end(): Float32Array | Promise<Float32Array>;
  /** What was wrong with the data; asked after end(). */
  damage(): string | undefined;
}

/** Bytes that tell plain WAVE, which need not wait for more. */
const waveHeadSize = 48;
/** Bytes decoded in one go, so that other work has its turn. */
const slice = 8192;

const decoders: Record<Codec, (head: Uint8Array) => Promise<Decoder>> = {
  mpeg: async (head) => (await import("./decode-mpeg.ts")).mpegDecoder(head),
  flac: async (head) => (await import("./decode-flac.ts")).flacDecoder(head),
  vorbis: async () => (await import("./decode-vorbis.ts")).vorbisDecoder(),
  opus: async () => (await import("./decode-opus.ts")).oggOpusDecoder(),
  webm: async () => (await import("./decode-webm.ts")).webmDecoder(),
};

/** Opens whatever `reader` gives. */
export function decodedReader(reader: Reader, warn: Warn): AudioReader {
  const closing = new AbortController();
  let bytes = 0;
  const counted: Reader = {
    ...reader,
    get size() {
      return reader.size;
    },
    async read() {
      const chunk = await reader.read();
      bytes += chunk?.byteLength ?? 0;
      return chunk;
    },
  };
  let opening: Promise<Samples> | undefined;
  let opened: Samples | undefined;
  return {
    ...(reader.name !== undefined && { name: reader.name }),
    async read() {
      opened ??= await (opening ??= openSamples(counted, warn, closing.signal));
      return opened.read();
    },
    close() {
      closing.abort();
      reader.close();
    },
    raw: () => opened?.raw?.(),
    fraction: () => opened?.fraction?.() ?? (reader.size ? Math.min(bytes / reader.size, 1) : undefined),
  };
}

async function openSamples(reader: Reader, warn: Warn, closing: AbortSignal): Promise<Samples> {
  const { head, chunks, isSamples } = await peek(reader);
  const whole: Reader = { ...reader, read: async () => chunks.shift() ?? reader.read() };
  const found = isSamples ? undefined : (reader.isFile ? sniffFile : sniff)(head);
  if (isSamples || (!found && !reader.isFile)) return whole;
  if (found?.codec === "wave") {
    const missing = missingBytes(head, reader.size);
    if (missing > 0) warn(damaged(reader, found.format, `its last ${missing} bytes are missing`));
    return whole;
  }
  if (!found) throw unknown(head);
  const { codec, format } = found;
  if (!codec) return (await import("./decode-ffmpeg.ts")).ffmpegSamples(whole, found, warn, closing);
  return decoding(whole, await decoders[codec](head), format, warn);
}

/** The first bytes of a reader, and the chunks they came in. */
async function peek(reader: Reader): Promise<{ head: Uint8Array; chunks: AudioChunk[]; isSamples: boolean }> {
  const chunks: AudioChunk[] = [];
  let head = new Uint8Array(0);
  while (head.length < headSize && !(head.length >= waveHeadSize && sniff(head)?.codec === "wave")) {
    const chunk = await reader.read();
    if (chunk === undefined) break;
    chunks.push(chunk);
    if (chunk instanceof Float32Array || chunk instanceof Int16Array) return { head, chunks, isSamples: true };
    head = Buffer.concat([head, chunkBytes(chunk).subarray(0, headSize - head.length)]);
  }
  return { head, chunks, isSamples: false };
}

/** The warning about a source that is transcribed as far as possible. */
export function damaged({ name = "the source" }: Reader, format: string, damage: string): string {
  return `${name}: ${format} is damaged: ${damage}; what could be decoded is transcribed`;
}

function decoding(reader: Reader, decoder: Decoder, format: string, warn: Warn): Samples {
  let pending = new Uint8Array(0);
  let rate = 0;
  let over = false;

  /** The samples of the next bytes; none may have come yet. */
  async function step(): Promise<Float32Array> {
    await nextTurn();
    if (pending.length === 0) {
      const chunk = await reader.read();
      if (chunk === undefined) {
        over = true;
        return decoder.end();
      }
      pending = Uint8Array.from(chunkBytes(chunk)); // decoders may keep it
    }
    const bytes = pending.subarray(0, decoder.slice ?? slice);
    pending = pending.subarray(bytes.length);
    return decoder.decode(bytes);
  }

  function check(): void {
    const damage = decoder.damage();
    if (rate === 0)
      throw new VoxtralError("format", `${format} without sound that can be decoded${damage ? `: ${damage}` : ""}`);
    if (damage) warn(damaged(reader, format, damage));
  }

  return {
    async read() {
      while (!over) {
        const samples = await step();
        if (samples.length > 0) rate ||= decoder.rate;
        if (over) check();
        if (samples.length > 0) return decoder.rate === rate ? samples : resampled(samples, decoder.rate, rate);
      }
      return undefined;
    },
    raw: () => (rate ? { rate, channels: 1 } : undefined),
  };
}

/** Samples of a part with another rate than the first part's: linear, for such parts are rare. */
function resampled(samples: Float32Array, from: number, to: number): Float32Array {
  const last = samples.length - 1;
  return Float32Array.from({ length: Math.round((samples.length * to) / from) }, (_, i) => {
    const at = Math.min((i * from) / to, last);
    const before = samples[Math.floor(at)]!;
    return before + (samples[Math.min(Math.floor(at) + 1, last)]! - before) * (at % 1);
  });
}

/** A package, whole: of one whose use they see, bundlers leave out parts that the used ones need. */
export async function whole<Package>(loading: Promise<Package>): Promise<Package> {
  return await loading;
}

/** Runs a decoder that would print what it also returns as an error. */
export function quietly<Result>(decode: () => Result): Result {
  const { error } = console;
  console.error = () => {};
  try {
    return decode();
  } finally {
    console.error = error;
  }
}

/** The mean of the channels. */
export function mix(channels: Float32Array[]): Float32Array {
  const [first = new Float32Array(0), ...others] = channels;
  if (others.length === 0) return first;
  const mono = first.slice();
  for (const channel of others) for (let i = 0; i < mono.length; i++) mono[i]! += channel[i]!;
  for (let i = 0; i < mono.length; i++) mono[i]! /= channels.length;
  return mono;
}

export function joined(parts: Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function unknown(head: Uint8Array): VoxtralError {
  if (head.length === 0) return new VoxtralError("format", "the file is empty; expected audio");
  return new VoxtralError(
    "format",
    "not audio of a known format; expected WAVE, MP3, FLAC, Ogg, WebM, MP4 or another that ffmpeg reads (raw samples go to standard input)",
  );
}
