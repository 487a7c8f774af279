/** Safetensors: u64 header length, JSON header {name: {dtype, shape, data_offsets}}, then the tensors, little-endian. */
import { readFileSync } from "node:fs";

export interface Tensor {
  shape: number[];
  data: Float32Array;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

export function loadSafetensors(path: string): Map<string, Tensor> {
  const file = new Uint8Array(readFileSync(path)); // a copy of its own, so that offset 0 is aligned
  const headerLength = Number(new DataView(file.buffer).getBigUint64(0, true));
  const header: Record<string, Entry> = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + headerLength)));
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [begin, end] = entry.data_offsets;
    const bytes = file.slice(8 + headerLength + begin, 8 + headerLength + end);
    tensors.set(name, { shape: entry.shape, data: toFloat32(bytes, entry.dtype) });
  }
  return tensors;
}

function toFloat32(bytes: Uint8Array<ArrayBuffer>, dtype: string): Float32Array {
  if (dtype === "F32") return new Float32Array(bytes.buffer);
  if (dtype !== "BF16") throw new Error(`dtype ${dtype} is not supported`);
  // BF16 is the upper half of an F32.
  return new Float32Array(Uint32Array.from(new Uint16Array(bytes.buffer), (half) => half << 16).buffer);
}
