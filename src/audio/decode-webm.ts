// Opus in WebM, as browsers record it. WebM is a tree of elements (id, size, content);
// the few containers that lead to sound are entered, everything else is skipped.
import { VoxtralError } from "../errors.ts";
import { type Decoder, joined } from "./decode.ts";
import { isOpusHead, OpusPackets } from "./decode-opus.ts";

const Id = {
  segment: 0x18538067,
  cluster: 0x1f43b675,
  tracks: 0x1654ae6b,
  track: 0xae,
  trackNumber: 0xd7,
  codec: 0x86,
  codecPrivate: 0x63a2,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
} as const;

const entered = new Set<number>([Id.segment, Id.cluster, Id.tracks, Id.track, Id.blockGroup]);
const wanted = new Set<number>([Id.trackNumber, Id.codec, Id.codecPrivate, Id.simpleBlock, Id.block]);
/** Wanted elements are no larger. */
const largest = 1 << 20;

interface Track {
  number?: number;
  codec?: string;
  head?: Uint8Array;
}

interface Variable {
  value: number;
  length: number;
}

/** A number of variable length; the count of leading zero bits is that of the bytes that follow. */
function variable(bytes: Uint8Array, at: number, keepMarker: boolean): Variable | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  const length = Math.clz32(first) - 23;
  if (at + length > bytes.length) return undefined;
  let value = keepMarker ? first : first & (0xff >> length);
  let ones = (first & (0xff >> length)) === 0xff >> length;
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i]!;
    value = value * 256 + byte;
    ones &&= byte === 0xff;
  }
  return { value: !keepMarker && ones ? Number.POSITIVE_INFINITY : value, length }; // all ones: not known
}

export async function webmDecoder(): Promise<Decoder> {
  let bytes = new Uint8Array(0);
  let skip = 0;
  let track: Track | undefined; // the one being described
  let sound: Track | undefined; // the one with Opus
  let stream: OpusPackets | undefined;
  let broken: string | undefined;

  /** Takes the next element; false when more bytes are needed. */
  function next(packets: Uint8Array[]): boolean {
    const skipped = Math.min(skip, bytes.length);
    bytes = bytes.subarray(skipped);
    skip -= skipped;
    if (skip > 0 || bytes.length === 0) return false;
    const id = variable(bytes, 0, true);
    const size = id && variable(bytes, id.length, false);
    if (!id || !size) return false;
    const start = id.length + size.length;
    if (entered.has(id.value)) {
      if (id.value === Id.track) track = {};
      bytes = bytes.subarray(start);
    } else if (wanted.has(id.value) && size.value <= largest) {
      const isBlock = id.value === Id.simpleBlock || id.value === Id.block;
      const number = isBlock ? variable(bytes, start, false) : undefined;
      if (number && number.value !== sound?.number) {
        skip = start + size.value; // a picture, say
        return true;
      }
      if (bytes.length < start + size.value) return false;
      take(id.value, bytes.subarray(start, start + size.value), packets);
      bytes = bytes.subarray(start + size.value);
    } else if (Number.isFinite(size.value)) skip = start + size.value;
    else broken = "an element that is not known has no size";
    return broken === undefined;
  }

  function take(id: number, content: Uint8Array, packets: Uint8Array[]): void {
    if (id === Id.trackNumber && track) track.number = content.reduce((value, byte) => value * 256 + byte, 0);
    else if (id === Id.codec && track) track.codec = String.fromCharCode(...content).replace(/\0+$/, "");
    else if (id === Id.codecPrivate && track) track.head = content.slice();
    else if (id === Id.simpleBlock || id === Id.block) takeBlock(content, packets);
    if (!sound && track?.codec === "A_OPUS" && track.number !== undefined && track.head) sound = track;
  }

  /** A block: track, time (2 bytes), flags, then a packet. */
  function takeBlock(content: Uint8Array, packets: Uint8Array[]): void {
    const number = variable(content, 0, false);
    if (!number) return;
    const flags = content[number.length + 2] ?? 0;
    if (flags & 6)
      throw new VoxtralError("unsupported", "WebM with several packets in a block; expected one: convert it to WAVE");
    const packet = content.slice(number.length + 3);
    if (packet.length > 0) packets.push(packet);
  }

  return {
    rate: 16000,
    async decode(more) {
      if (broken) return new Float32Array(0);
      bytes = Buffer.concat([bytes, more]);
      const packets: Uint8Array[] = [];
      while (next(packets));
      if (!stream && sound?.head && isOpusHead(sound.head)) stream = await OpusPackets.open(sound.head);
      return stream && packets.length > 0 ? stream.decode(packets) : joined([]);
    },
    end: () => joined([]),
    damage: () => broken ?? (bytes.length > 0 || skip > 0 ? "it ends within an element" : stream?.error),
  };
}
