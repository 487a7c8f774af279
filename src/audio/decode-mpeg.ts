// MPEG 1, 2 and 2.5 audio, layers I to III.
import { type Decoder, mix, quietly, whole } from "./decode.ts";
import { mpegFrameSamples } from "./sniff.ts";

/** Frames that encoder delay and padding may take off what the header promises. */
const slackFrames = 6;

export async function mpegDecoder(head: Uint8Array): Promise<Decoder> {
  const { MPEGDecoder } = await whole(import("mpg123-decoder"));
  const decoder = new MPEGDecoder();
  await decoder.ready;
  const promised = promisedSamples(head);
  let rate = 0;
  let decoded = 0;
  let error: string | undefined;
  return {
    get rate() {
      return rate;
    },
    slice: 1024, // it tells one rate for all samples of a call
    decode(bytes) {
      const { channelData, samplesDecoded, sampleRate, errors } = quietly(() => decoder.decode(bytes));
      decoded += samplesDecoded;
      if (samplesDecoded > 0) rate = sampleRate;
      error ??= errors[0]?.message;
      return mix(channelData);
    },
    end: () => new Float32Array(0),
    damage() {
      if (decoded < promised) return `it ends after ${decoded} samples of ${promised}`;
      return error;
    },
  };
}

/** The least number of samples by the header that encoders write into the first frame; 0 without it. */
function promisedSamples(head: Uint8Array): number {
  const text = String.fromCharCode(...head);
  const tag = text.search(/Xing|Info/);
  const frame = tag < 0 ? -1 : text.lastIndexOf("\xff", tag);
  if (frame < 0 || tag - frame > 36 || tag + 12 > head.length) return 0;
  const view = new DataView(head.buffer, head.byteOffset + tag, 12);
  const hasFrames = (view.getUint32(4) & 1) !== 0;
  return hasFrames ? Math.max(view.getUint32(8) - slackFrames, 0) * mpegFrameSamples(head[frame + 1]!) : 0;
}
