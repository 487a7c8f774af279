// What audio is, by its first bytes: names of files lie.

/** Bytes of a source that are looked at. */
export const headSize = 4096;

/** Formats that src/audio decodes in the process. */
export type Codec = "mpeg" | "flac" | "vorbis" | "opus" | "webm";

export interface Sniffed {
  /** What messages call it. */
  format: string;
  /** "wave" is the library's; without a codec it is ffmpeg's. */
  codec?: Codec | "wave";
  /** The parts that come first in decoding may be last in the file. */
  seeks?: boolean;
}

/** Formats that only ffmpeg decodes. */
const signatures: [format: string, at: number, text: string][] = [
  ["Ogg", 0, "OggS"],
  ["Matroska", 0, "\x1a\x45\xdf\xa3"],
  ["AIFF", 0, "FORM"],
  ["CAF", 0, "caff"],
  ["AU", 0, ".snd"],
  ["AMR", 0, "#!AMR"],
  ["WMA/ASF", 0, "\x30\x26\xb2\x75"],
  ["WavPack", 0, "wvpk"],
  ["Monkey's Audio", 0, "MAC "],
  ["Flash video", 0, "FLV\x01"],
  ["MPEG program stream", 0, "\x00\x00\x01\xba"],
  ["AAC", 0, "ADIF"],
];

/** The format of what begins with `head`; undefined if it is none that is known. */
export function sniff(head: Uint8Array): Sniffed | undefined {
  const text = String.fromCharCode(...head);
  if (/^(RIFF|RF64|RIFX)/.test(text)) return sniffRiff(head, text);
  if (text.startsWith("fLaC")) return { format: "FLAC", codec: "flac" };
  if (text.startsWith("OggS")) {
    const packet = 27 + (head[26] ?? 0); // after the page's table of sizes
    if (text.startsWith("OpusHead", packet)) return { format: "Ogg Opus", codec: "opus" };
    if (text.startsWith("\x01vorbis", packet)) return { format: "Ogg Vorbis", codec: "vorbis" };
    if (text.startsWith("\x7fFLAC", packet)) return { format: "Ogg FLAC", codec: "flac" };
  }
  if (text.startsWith("\x1a\x45\xdf\xa3") && text.includes("webm") && text.includes("A_OPUS"))
    return { format: "WebM Opus", codec: "webm" };
  if (text.startsWith("ftyp", 4)) return { format: "MP4/M4A", seeks: !moviePrecedesMedia(head) };
  if (text.startsWith("ID3")) return { format: "MP3", codec: "mpeg" };
  if (isTransportStream(head)) return { format: "MPEG transport stream" };
  const frames = frameSync(head, 0);
  if (frames) return frames;
  if (isAc3(head, text)) return { format: "AC-3" };
  const found = signatures.find(([, at, signature]) => text.startsWith(signature, at));
  return found && { format: found[0] };
}

/** As sniff(), for files: a recording cut out of a broadcast begins within a frame. */
export function sniffFile(head: Uint8Array): Sniffed | undefined {
  let found = sniff(head);
  if (String.fromCharCode(...head.subarray(0, 4)) === "\x7fELF") return undefined; // long runs of 0xff
  for (let at = 1; !found && at + 4 < head.length; at++) found = frameSync(head, at);
  return found;
}

/** Format tags of WAVE that the library reads: PCM and float, also behind "extensible". */
const plainTags = [1, 3];

function sniffRiff(head: Uint8Array, text: string): Sniffed {
  if (text.startsWith("AVI ", 8)) return { format: "AVI" };
  const at = text.indexOf("fmt ", 12) + 8;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const tagAt = (offset: number): number | undefined =>
    offset + 2 <= head.length ? view.getUint16(offset, !text.startsWith("RIFX")) : undefined;
  let tag = at >= 20 ? tagAt(at) : undefined;
  if (tag === 0xfffe) tag = tagAt(at + 24);
  if (tag === undefined || plainTags.includes(tag)) return { format: "WAVE", codec: "wave" };
  return { format: `WAVE of codec ${tag}` };
}

/** How many bytes a WAVE file of `size` bytes lacks by its header; 0 where it does not tell. */
export function missingBytes(head: Uint8Array, size = Number.POSITIVE_INFINITY): number {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const at = String.fromCharCode(...head).indexOf("data", 36) + 4;
  if (!String.fromCharCode(...head.subarray(0, 4)).startsWith("RIFF") || at < 40 || at + 4 > head.length) return 0;
  const promised = view.getUint32(at, true);
  const isOpen = promised >= 0xffffff00; // written by a program that could not go back to correct it
  return isOpen ? 0 : Math.max(at + 4 + promised - size, 0);
}

// kbit/s by bit rate index: MPEG 1 layers I, II, III, then MPEG 2 layer I, and II and III
const bitRates = [
  [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
] as const;
const sampleRates = [44100, 48000, 32000] as const;

/** MPEG audio or ADTS AAC: three frames, or two up to the end, each where the one before ends. */
function frameSync(head: Uint8Array, at: number): Sniffed | undefined {
  let next = at;
  for (let frames = 0; frames < 3; frames++) {
    const endsHere = next + 4 > head.length && (head.length < headSize || at === 0);
    if (frames === 2 && endsHere) break;
    const size = frameSize(head, next);
    // version, layer and sample rate are those of the stream
    const isOther = head[next + 1] !== head[at + 1] || ((head[next + 2]! ^ head[at + 2]!) & 0x0c) !== 0;
    if (size === undefined || isOther) return undefined;
    next += size;
  }
  return isAdts(head, at) ? { format: "AAC" } : { format: "MP3", codec: "mpeg" };
}

const isAdts = (head: Uint8Array, at: number): boolean => head[at] === 0xff && (head[at + 1]! & 0xf6) === 0xf0;

function frameSize(head: Uint8Array, at: number): number | undefined {
  const [sync = 0, kind = 0, rates = 0, mode = 0, low = 0, lowest = 0] = head.subarray(at, at + 6);
  if (sync !== 0xff || (kind & 0xe0) !== 0xe0) return undefined;
  if (isAdts(head, at)) {
    const size = ((mode & 3) << 11) | (low << 3) | (lowest >> 5);
    return size > 7 ? size : undefined;
  }
  const version = (kind >> 3) & 3; // 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
  const layer = 4 - ((kind >> 1) & 3);
  const sampleRate = sampleRates[(rates >> 2) & 3];
  const table = version === 3 ? layer - 1 : layer === 1 ? 3 : 4;
  const bitRate = bitRates[table]?.[rates >> 4];
  if (version === 1 || layer === 4 || !bitRate || !sampleRate) return undefined;
  const hz = sampleRate >> (version === 3 ? 0 : version === 2 ? 1 : 2);
  const padding = (rates >> 1) & 1;
  if (layer === 1) return (Math.floor((12 * bitRate * 1000) / hz) + padding) * 4;
  const samples = layer === 3 && version !== 3 ? 576 : 1152;
  return Math.floor((samples * bitRate * 125) / hz) + padding;
}

/** Samples of one frame of an MPEG layer III stream. */
export function mpegFrameSamples(kind: number): number {
  return (kind & 0x18) === 0x18 ? 1152 : 576;
}

// kbit/s by frame size code
const ac3Rates = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];

/** AC-3 or E-AC-3: a frame, and another one where it ends, as far as that is seen. */
function isAc3(head: Uint8Array, text: string): boolean {
  if (!text.startsWith("\x0b\x77") || head.length < 6) return false;
  const [, , high = 0, low = 0, code = 0, version = 0] = head;
  const hz = [48000, 44100, 32000][code >> 6];
  const rate = ac3Rates[(code & 63) >> 1];
  let size = (((high & 7) << 8) | low) * 2 + 2; // E-AC-3
  if (version >> 3 <= 10) size = hz && rate ? (Math.floor((rate * 96000) / hz) + (hz === 44100 ? code & 1 : 0)) * 2 : 0;
  return version >> 3 <= 16 && size > 0 && (size + 2 > head.length || text.startsWith("\x0b\x77", size));
}

function isTransportStream(head: Uint8Array): boolean {
  return head.length >= 565 && head[0] === 0x47 && head[188] === 0x47 && head[376] === 0x47 && head[564] === 0x47;
}

/** Whether an MP4 can be decoded without seeking: its description comes before the media. */
function moviePrecedesMedia(head: Uint8Array): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  for (let at = 0; at + 8 <= head.length; ) {
    const type = String.fromCharCode(...head.subarray(at + 4, at + 8));
    if (type === "moov") return true;
    if (type === "mdat") return false;
    at += Math.max(view.getUint32(at), 8);
  }
  return false;
}
