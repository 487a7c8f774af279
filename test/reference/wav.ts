/** Samples of a 16 kHz mono s16 WAV file. */
import { readFileSync } from "node:fs";

export function readWav(path: string): Float32Array {
  const file = new DataView(new Uint8Array(readFileSync(path)).buffer);
  for (let at = 12; at + 8 <= file.byteLength; ) {
    const id = file.getUint32(at, false);
    const size = file.getUint32(at + 4, true);
    at += 8;
    if (id === 0x666d7420 /* "fmt " */) {
      const [format, channels, rate, bits] = [
        file.getUint16(at, true),
        file.getUint16(at + 2, true),
        file.getUint32(at + 4, true),
        file.getUint16(at + 14, true),
      ];
      if (format !== 1 || channels !== 1 || rate !== 16000 || bits !== 16)
        throw new Error(`${path}: not 16 kHz mono s16`);
    }
    if (id === 0x64617461 /* "data" */) {
      const count = Math.floor(Math.min(size, file.byteLength - at) / 2);
      return Float32Array.from({ length: count }, (_, i) => file.getInt16(at + 2 * i, true) / 32768);
    }
    at += size + (size & 1);
  }
  throw new Error(`${path}: no data`);
}
