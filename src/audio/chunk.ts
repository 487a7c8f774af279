// Chunks of audio and the format in which a stream hands them to the library.
import { Encoding } from "../abi.ts";
import { VoxtralError } from "../errors.ts";
import type { AudioChunk, RawFormat } from "../types.ts";

export interface Format {
  encoding: Encoding;
  rate: number;
  channels: number;
}

/** The bytes of a chunk, not copied. */
export function chunkBytes(chunk: AudioChunk): Uint8Array {
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return new Uint8Array(chunk);
}

export function isChunk(value: unknown): value is AudioChunk {
  return (
    value instanceof Float32Array ||
    value instanceof Int16Array ||
    value instanceof Uint8Array ||
    value instanceof DataView ||
    value instanceof ArrayBuffer ||
    value instanceof SharedArrayBuffer
  );
}

/** The chunk, or an error that says what it is instead. */
export function checkChunk(value: unknown): AudioChunk {
  if (isChunk(value)) return value;
  const what =
    value === null ? "null" : typeof value === "object" ? (value.constructor?.name ?? "object") : typeof value;
  throw new VoxtralError(
    "argument",
    `a chunk of audio is ${what}; expected Float32Array, Int16Array, Uint8Array or ArrayBuffer`,
  );
}

/** The format of a stream whose first chunk is `chunk`. */
export function chunkFormat(chunk: AudioChunk, { encoding, rate, channels }: RawFormat): Format {
  const raw = { rate: rate ?? 16000, channels: channels ?? 1 };
  if (chunk instanceof Float32Array) return { encoding: Encoding.F32, ...raw };
  if (chunk instanceof Int16Array) return { encoding: Encoding.S16, ...raw };
  if (encoding === "f32") return { encoding: Encoding.F32, ...raw };
  if (encoding === "s16") return { encoding: Encoding.S16, ...raw };
  if (rate !== undefined || channels !== undefined)
    throw new VoxtralError(
      "argument",
      'rate and channels say nothing about bytes of unknown encoding: set encoding to "s16" or "f32" as well',
    );
  return { encoding: Encoding.AUTO, ...raw };
}
