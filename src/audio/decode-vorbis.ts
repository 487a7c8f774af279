// Vorbis in Ogg.
import { type Decoder, mix, whole } from "./decode.ts";
import { OggReader } from "./ogg.ts";

export async function vorbisDecoder(): Promise<Decoder> {
  const { OggVorbisDecoder } = await whole(import("@wasm-audio-decoders/ogg-vorbis"));
  const decoder = new OggVorbisDecoder();
  await decoder.ready;
  const pages = new OggReader();
  let rate = 0;
  let error: string | undefined;

  function take({
    channelData,
    samplesDecoded,
    sampleRate,
    errors,
  }: Awaited<ReturnType<typeof decoder.decode>>): Float32Array {
    if (samplesDecoded > 0) rate = sampleRate;
    error ??= errors[0]?.message;
    return mix(channelData);
  }

  return {
    get rate() {
      return rate;
    },
    async decode(bytes) {
      pages.push(bytes);
      return take(await decoder.decode(bytes));
    },
    end: async () => take(await decoder.flush()),
    damage: () => (pages.ended ? error : "it ends without its last page"),
  };
}
