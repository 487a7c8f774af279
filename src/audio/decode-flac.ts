// FLAC, by itself or in Ogg.
import { type Decoder, mix, quietly, whole } from "./decode.ts";

export async function flacDecoder(head: Uint8Array): Promise<Decoder> {
  const { FLACDecoder } = await whole(import("@wasm-audio-decoders/flac"));
  const decoder = new FLACDecoder();
  await decoder.ready;
  const promised = promisedSamples(head);
  let rate = 0;
  let decoded = 0;
  let error: string | undefined;

  function take({
    channelData,
    samplesDecoded,
    sampleRate,
    errors,
  }: Awaited<ReturnType<typeof decoder.decode>>): Float32Array {
    decoded += samplesDecoded;
    if (samplesDecoded > 0) rate = sampleRate;
    error ??= errors[0]?.message;
    return mix(channelData);
  }

  return {
    get rate() {
      return rate;
    },
    decode: async (bytes) => take(await quietly(() => decoder.decode(bytes))),
    end: async () => take(await quietly(() => decoder.flush())),
    damage() {
      if (decoded < promised) return `it ends after ${decoded} samples of ${promised}`;
      return error;
    },
  };
}

/** The number of samples by STREAMINFO, which is the first metadata block; 0 where it is not known. */
function promisedSamples(head: Uint8Array): number {
  const at = String.fromCharCode(...head).indexOf("fLaC") + 21; // 36 bits
  if (at < 21 || at + 5 > head.length) return 0;
  return (head[at]! & 15) * 2 ** 32 + new DataView(head.buffer, head.byteOffset).getUint32(at + 1);
}
