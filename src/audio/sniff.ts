// Refuses compressed audio, which would be transcribed as noise.
import { VoxtralError } from "../errors.ts";
import type { AudioChunk } from "../types.ts";
import { chunkBytes } from "./chunk.ts";
import type { Reader } from "./reader.ts";

/** Bytes that tell a format. */
const enough = 12;

const signatures: [format: string, at: number, text: string][] = [
  ["MP3", 0, "ID3"],
  ["Ogg", 0, "OggS"],
  ["FLAC", 0, "fLaC"],
  ["MP4/M4A", 4, "ftyp"],
  ["WebM/Matroska", 0, "\x1a\x45\xdf\xa3"],
  ["AIFF", 0, "FORM"],
  ["CAF", 0, "caff"],
  ["AU", 0, ".snd"],
  ["AMR", 0, "#!AMR"],
  ["WMA", 0, "\x30\x26\xb2\x75"],
];

/** A reader whose first bytes have been looked at: a file is WAVE, a pipe is not a known compressed format. */
export function checkedReader(reader: Reader): Reader {
  let checked = false;
  const waiting: AudioChunk[] = [];

  async function look(): Promise<void> {
    checked = true;
    let head = new Uint8Array(0);
    while (head.length < enough) {
      const chunk = await reader.read();
      if (chunk === undefined) break;
      waiting.push(chunk);
      if (chunk instanceof Float32Array || chunk instanceof Int16Array) return; // samples
      head = Buffer.concat([head, chunkBytes(chunk).subarray(0, enough)]);
    }
    checkHead(head, reader);
  }

  return {
    ...reader,
    async read() {
      if (!checked) await look();
      return waiting.shift() ?? reader.read();
    },
  };
}

function checkHead(head: Uint8Array, { name, isFile }: Reader): void {
  const text = String.fromCharCode(...head);
  if (/^(RIFF|RF64|RIFX)/.test(text)) return; // the library reads and checks the header
  const format = signatures.find(([, at, signature]) => text.startsWith(signature, at))?.[0];
  if (!format && !isFile) return;
  const what = isFile ? "not a WAVE file" : "not WAVE or raw samples";
  if (head.length === 0) throw new VoxtralError("format", `${what} (it is empty)`);
  const looks = format ? ` (it looks like ${format})` : "";
  const input = isFile ? (name ?? "FILE") : "FILE";
  throw new VoxtralError(
    "format",
    `${what}${looks}: convert it with "ffmpeg -i ${input} -f s16le -ar 16000 -ac 1 - | voxtral --stdin"`,
  );
}
