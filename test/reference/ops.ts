/** The arithmetic, in f64: rows are time, columns are channels. */
import type { Tensor } from "./safetensors.ts";

export class Matrix {
  readonly data: Float64Array;
  constructor(
    readonly rows: number,
    readonly cols: number,
    data?: Float64Array,
  ) {
    this.data = data ?? new Float64Array(rows * cols);
  }
  /** A view of one row, or of `count` rows laid end to end. */
  row(i: number, count = 1): Float64Array {
    return this.data.subarray(i * this.cols, (i + count) * this.cols);
  }
}

/** A weight [out, in] and perhaps a bias [out]. */
export interface Linear {
  weight: Tensor;
  bias: Tensor | undefined;
}

/** x [rows, in] -> x · weightᵀ + bias [rows, out] */
export function linear(x: Matrix, { weight, bias }: Linear): Matrix {
  const [outs, ins] = [weight.shape[0]!, x.cols];
  const out = new Matrix(x.rows, outs);
  const [w, from, to] = [weight.data, x.data, out.data];
  for (let r = 0; r < x.rows; r++)
    for (let o = 0; o < outs; o++) {
      let sum = bias ? bias.data[o]! : 0;
      for (let i = 0, a = r * ins, b = o * ins; i < ins; i++) sum += from[a + i]! * w[b + i]!;
      to[r * outs + o] = sum;
    }
  return out;
}

/** Kernel 3, causal: x [t, in] -> [⌊t / stride⌋, out]; zeros stand before the first row. weight [out, in, 3] */
export function causalConv(x: Matrix, { weight, bias }: Linear, stride: number): Matrix {
  const outs = weight.shape[0]!;
  const leftPad = 3 - stride;
  const out = new Matrix(Math.floor(x.rows / stride), outs);
  const [w, from, ins] = [weight.data, x.data, x.cols];
  for (let t = 0; t < out.rows; t++)
    for (let o = 0; o < outs; o++) {
      let sum = bias!.data[o]!;
      for (let k = 0; k < 3; k++) {
        const row = t * stride + k - leftPad;
        if (row < 0) continue;
        for (let i = 0; i < ins; i++) sum += from[row * ins + i]! * w[(o * ins + i) * 3 + k]!;
      }
      out.data[t * outs + o] = sum;
    }
  return out;
}

/** Each row divided by its root mean square, times weight. */
export function rmsNorm(x: Matrix, weight: Tensor, eps: number): Matrix {
  const out = new Matrix(x.rows, x.cols);
  for (let r = 0; r < x.rows; r++) {
    const [row, to] = [x.row(r), out.row(r)];
    const meanSquare = row.reduce((sum, v) => sum + v * v, 0) / x.cols;
    const scale = 1 / Math.sqrt(meanSquare + eps);
    for (let i = 0; i < x.cols; i++) to[i] = row[i]! * scale * weight.data[i]!;
  }
  return out;
}

/** Rotates the pairs (0,1), (2,3), … of each head in a row by position * theta^(-pair / pairs). */
export function rope(row: Float64Array, position: number, headDim: number, theta: number): void {
  for (let i = 0; i < row.length; i += 2) {
    const angle = position * theta ** -((i % headDim) / headDim);
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const [a, b] = [row[i]!, row[i + 1]!];
    row[i] = a * cos - b * sin;
    row[i + 1] = b * cos + a * sin;
  }
}

export function softmax(x: Float64Array): Float64Array {
  const max = x.reduce((a, b) => Math.max(a, b), -Infinity);
  const exp = x.map((v) => Math.exp(v - max));
  const sum = exp.reduce((a, b) => a + b, 0);
  return exp.map((v) => v / sum);
}

export const add = (a: Matrix, b: Matrix): Matrix =>
  new Matrix(
    a.rows,
    a.cols,
    a.data.map((v, i) => v + b.data[i]!),
  );
export const gelu = (x: Matrix): Matrix =>
  new Matrix(
    x.rows,
    x.cols,
    x.data.map((v) => 0.5 * v * (1 + erf(v / Math.SQRT2))),
  );
/** silu(gate) * up */
export const swiGlu = (gate: Matrix, up: Matrix): Matrix =>
  new Matrix(
    gate.rows,
    gate.cols,
    gate.data.map((g, i) => (g / (1 + Math.exp(-g))) * up.data[i]!),
  );

/** erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)): every term has one sign, so nothing cancels. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-16; n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
