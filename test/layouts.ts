// The bundled model in other layouts: GGUF and safetensors files written here.

export interface Tensor {
  name: string;
  /** "BF16", "F32" or "Q8_0". */
  dtype: string;
  shape: number[];
  data: Uint8Array;
}

export async function readSafetensors(path: string): Promise<Tensor[]> {
  const bytes = await Bun.file(path).bytes();
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  return Object.entries<{ dtype: string; shape: number[]; data_offsets: [number, number] }>(header)
    .filter(([name]) => name !== "__metadata__")
    .map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => ({
        name,
        dtype,
        shape,
        data: bytes.subarray(8 + length + from, 8 + length + to),
      }),
    );
}

export function writeSafetensors(tensors: Tensor[]): Uint8Array {
  let at = 0;
  const entries = tensors.map(({ name, dtype, shape, data }) => {
    at += data.length;
    return [name, { dtype, shape, data_offsets: [at - data.length, at] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const padded = Buffer.concat([header, Buffer.alloc((8 - (header.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, ...tensors.map(({ data }) => data)]);
}

export type Value = number | string | string[];

const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
const u64 = (value: number) => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

/** Numbers are f32, or u32 when they are whole. */
function valueBytes(value: Value): Uint8Array {
  if (typeof value === "string") return Buffer.concat([u32(8), text(value)]);
  if (Array.isArray(value)) return Buffer.concat([u32(9), u32(8), u64(value.length), ...value.map(text)]);
  if (Number.isInteger(value)) return Buffer.concat([u32(4), u32(value)]);
  return Buffer.concat([u32(6), new Uint8Array(Float32Array.of(value).buffer)]);
}

const alignment = 32;
const types: Record<string, number> = { F32: 0, F16: 1, Q8_0: 8, BF16: 30 };
const pad = (size: number) => new Uint8Array((alignment - (size % alignment)) % alignment);

export function writeGguf(keys: Record<string, Value>, tensors: Tensor[]): Uint8Array {
  const head: Uint8Array[] = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(Object.keys(keys).length)];
  for (const [key, value] of Object.entries(keys)) head.push(text(key), valueBytes(value));
  let at = 0;
  const data: Uint8Array[] = [];
  for (const tensor of tensors) {
    head.push(text(tensor.name), u32(tensor.shape.length), ...tensor.shape.toReversed().map(u64));
    head.push(u32(types[tensor.dtype] ?? -1), u64(at));
    const padding = pad(tensor.data.length);
    data.push(tensor.data, padding);
    at += tensor.data.length + padding.length;
  }
  const header = Buffer.concat(head);
  return Buffer.concat([header, pad(header.length), ...data]);
}

function widened({ data }: Tensor): Float32Array {
  const halves = new Uint16Array(data.slice().buffer);
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
}

/** A BF16 tensor as F32. */
export const toF32 = (tensor: Tensor): Tensor => ({
  ...tensor,
  dtype: "F32",
  data: new Uint8Array(widened(tensor).buffer),
});

/** A BF16 tensor in blocks of 32 elements: F16 scale, then bytes. */
export function toQ8(tensor: Tensor): Tensor {
  const values = widened(tensor);
  const data = new Uint8Array((values.length / 32) * 34);
  const view = new DataView(data.buffer);
  for (let block = 0; block < values.length / 32; block++) {
    const part = values.subarray(block * 32, block * 32 + 32);
    const scale = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
    view.setFloat16(block * 34, scale, true);
    for (const [i, value] of part.entries()) view.setInt8(block * 34 + 2 + i, scale ? Math.round(value / scale) : 0);
  }
  return { ...tensor, dtype: "Q8_0", data };
}

/** Rows of every head: interleaved rotary pairs become two halves. */
export function splitHalves(tensor: Tensor, heads: number): Tensor {
  const rows = tensor.shape[0] ?? 0;
  const size = tensor.data.length / rows;
  const half = rows / heads / 2;
  const data = new Uint8Array(tensor.data.length);
  for (let row = 0; row < rows; row++) {
    const head = Math.floor(row / (2 * half));
    const i = row % (2 * half);
    const to = head * 2 * half + (i % 2) * half + Math.floor(i / 2);
    data.set(tensor.data.subarray(row * size, row * size + size), to * size);
  }
  return { ...tensor, data };
}
