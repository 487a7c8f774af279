// What audio is by its first bytes, and what only looks like it.
import { expect, test } from "bun:test";
import { headSize, sniffFile } from "../src/audio/sniff.ts";
import { media } from "./helpers.ts";

const frame = Uint8Array.of(0xff, 0xfb, 0x90, 0x64, ...new Uint8Array(413)); // MPEG 1 layer III, 128 kbit/s, 44.1 kHz

function head(size: number, at: number, frames: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < frames; i++) bytes.set(frame, at + i * frame.length);
  return bytes;
}

test("MPEG audio is three frames, or two that end the data", () => {
  expect(sniffFile(head(headSize, 0, 3))?.format).toBe("MP3");
  expect(sniffFile(head(headSize, 100, 3))?.format).toBe("MP3");
  expect(sniffFile(head(frame.length * 2, 0, 2))?.format).toBe("MP3");
  expect(sniffFile(head(headSize, 0, 2))).toBeUndefined();
  expect(sniffFile(head(headSize, headSize - 900, 2))).toBeUndefined();
});

test("MPEG audio that begins within a frame, as it is cut out of a broadcast", async () => {
  const bytes = await Bun.file(media("digits.mp3")).bytes();
  for (const at of [1001, 2002, 3003]) expect(sniffFile(bytes.slice(at, at + headSize))?.format).toBe("MP3");
});

test("an ELF file is no audio, whatever its bytes look like", () => {
  const bytes = head(headSize, 100, 5);
  expect(sniffFile(bytes)?.format).toBe("MP3");
  bytes.set(Buffer.from("\x7fELF"));
  expect(sniffFile(bytes)).toBeUndefined();
});

test("AC-3 needs another frame where the first ends", () => {
  const bytes = new Uint8Array(headSize);
  bytes.set([0x0b, 0x77, 0, 0, 0x0c, 0x40]); // 96 kbit/s, 48 kHz: 384 bytes
  expect(sniffFile(bytes)).toBeUndefined();
  bytes.set([0x0b, 0x77], 384);
  expect(sniffFile(bytes)?.format).toBe("AC-3");
});
