// Opus: its packets, and Ogg around them.
import type { OpusDecoder } from "opus-decoder";
import { type Decoder, joined, mix, quietly, whole } from "./decode.ts";
import { OggReader } from "./ogg.ts";

/** Opus decodes to the model's rate by itself; its own clock is 48 kHz. */
const rate = 16000;
const clock = 48000;

/** One Opus stream. */
export class OpusPackets {
  readonly #decoder: OpusDecoder<typeof rate>;
  readonly #preSkip: number;
  #decoded = 0;
  /** What was wrong with a packet. */
  error: string | undefined;

  private constructor(decoder: OpusDecoder<typeof rate>, preSkip: number) {
    this.#decoder = decoder;
    this.#preSkip = preSkip;
  }

  /** `head` is the stream's OpusHead. */
  static async open(head: Uint8Array): Promise<OpusPackets> {
    const view = new DataView(head.buffer, head.byteOffset, head.length);
    const channels = head[9]!;
    const preSkip = view.getUint16(10, true);
    const mapping = head[18]! > 0 && {
      streamCount: head[19]!,
      coupledStreamCount: head[20]!,
      channelMappingTable: [...head.subarray(21, 21 + channels)],
    };
    const opus = await whole(import("opus-decoder"));
    const decoder = new opus.OpusDecoder({
      channels,
      sampleRate: rate,
      preSkip: Math.round((preSkip * rate) / clock),
      ...mapping,
    });
    await decoder.ready;
    return new OpusPackets(decoder, preSkip);
  }

  decode(packets: Uint8Array[]): Float32Array {
    try {
      const { channelData, samplesDecoded, errors } = quietly(() => this.#decoder.decodeFrames(packets));
      this.#decoded += samplesDecoded;
      this.error ??= errors[0]?.message;
      return mix(channelData);
    } catch (error) {
      this.error ??= (error as Error).message; // a packet larger than any of Opus
      return new Float32Array(0);
    }
  }

  /** The samples without those past the end of the stream, which is at `granule` of its clock. */
  trim(samples: Float32Array, granule: number): Float32Array {
    const surplus = this.#decoded - Math.round(((granule - this.#preSkip) * rate) / clock);
    return surplus > 0 ? samples.subarray(0, Math.max(samples.length - surplus, 0)) : samples;
  }
}

/** Whether a packet is an OpusHead that can be used. */
export function isOpusHead(packet: Uint8Array): boolean {
  if (packet.length < 19 || !startsWith(packet, "OpusHead")) return false;
  const channels = packet[9]!;
  return packet[18] === 0 ? channels === 1 || channels === 2 : channels > 0 && packet.length >= 21 + channels;
}

const startsWith = (packet: Uint8Array, text: string): boolean =>
  Buffer.from(packet.subarray(0, text.length)).toString("latin1") === text;

/** Opus in Ogg; one stream may follow another. */
export async function oggOpusDecoder(): Promise<Decoder> {
  const pages = new OggReader();
  let stream: OpusPackets | undefined;
  let error: string | undefined;
  return {
    rate,
    async decode(bytes) {
      const parts: Float32Array[] = [];
      for (const { packets, granule, isLast } of pages.push(bytes)) {
        const [first] = packets;
        if (first && isOpusHead(first)) stream = await OpusPackets.open(first);
        const audio = packets.filter((packet) => packet.length > 0 && !startsWith(packet, "Opus"));
        if (!stream || audio.length === 0) continue;
        const samples = stream.decode(audio);
        parts.push(isLast ? stream.trim(samples, granule) : samples);
        error ??= stream.error;
      }
      return joined(parts);
    },
    end: () => new Float32Array(0),
    damage: () => (pages.ended ? error : "it ends without its last page"),
  };
}
