// The parts of the model measured beside their limits. A pass cannot be faster than
// reading its weights once, nor than its multiply-adds at the machine's peak.
import { setTimeout as sleep } from "node:timers/promises";
import { statusError } from "../src/errors.ts";
import { native } from "../src/native.ts";
import { handleOf, type Voxtral } from "../src/voxtral.ts";

const decodeRows = [1, 2, 4, 8, 16];
const encoderBlocks = [0.5, 2, 8];
/** Tokens already in the cache of a measured decoder row. */
const context = 128;
/** The encoder sees 50 frames a second. */
const framesPerSecond = 50;
const endToEndSeconds = 8;

export interface Report {
  machine: { platform: string; isa: string; threads: number; cores: number; model: string };
  limits: { bandwidth_gb_s: number; peak_gflop_s: number };
  /** ratio: measured time over the limit's; 1 is the limit. */
  decode: { backend: string; weights: string; rows: number; ms: number; limit_ms: number; ratio: number }[];
  prefill: { backend: string; weights: string; rows: number; ms: number; limit_ms: number; ratio: number };
  /** Seconds of work per second of audio. */
  encoder: {
    backend: string;
    weights: string;
    block_s: number;
    s_per_s: number;
    limit_s_per_s: number;
    ratio: number;
  }[];
  /** s_per_s: the real-time factor, below 1 is faster than speech. */
  end_to_end: { audio_s: number; s: number; s_per_s: number };
}

export interface BenchOptions {
  repeats: number;
  /** Told what is measured next. */
  onStep(step: string): void;
}

export async function benchmark(model: Voxtral, { repeats, onStep }: BenchOptions): Promise<Report> {
  const info = model.info;
  const handle = handleOf(model);
  const { backend, isa, threads } = info;
  const library = native();
  const measure = async (step: string, call: (out: Float64Array) => number): Promise<number> => {
    onStep(step);
    await sleep(0); // lets the status line out
    const out = new Float64Array(1);
    const status = call(out);
    if (status < 0) throw statusError(status, `measuring ${step} failed`);
    return out[0] ?? 0;
  };

  const sweeps: number[] = []; // before and after every decoder measurement: shared machines come and go
  const sweep = async (): Promise<void> => {
    sweeps.push(await measure("memory bandwidth", (out) => library.vox_bench_bandwidth(threads, out)));
  };
  const peak = await measure("arithmetic", (out) => library.vox_bench_flops(isa, threads, out));
  /** Least ms to read `bytes` of weights at `bandwidth` and do `flop` operations. */
  const limitMs = (bandwidth: number, bytes: number, flop: number): number =>
    Math.max(bytes / (bandwidth * 1e6), flop / (peak * 1e6));
  const embeddings = info.vocabSize * (info.decoder.dim ?? 0);
  /** Only rows that want logits meet the output matrix. */
  const passLimit = (bandwidth: number, rows: number, wanted = rows): number =>
    limitMs(bandwidth, info.decoderBytes, 2 * (decoderParameters * rows + embeddings * wanted));
  const encoderParameters = (info.encoder.layers ?? 0) * layerParameters(info.encoder);
  const decoderParameters = (info.decoder.layers ?? 0) * layerParameters(info.decoder);
  const weightBytes = info.weightBytes / info.parameters;
  const common = { backend: `${backend} ${isa}`, weights: `${fixedBits(weightBytes)} bits` };

  const decodeMs: number[] = [];
  for (const rows of decodeRows) {
    await sweep();
    const ms = await measure(`the decoder, ${rows} rows`, (out) =>
      library.vox_bench_decode(handle, rows, context, repeats, out),
    );
    decodeMs.push(ms);
  }
  await sweep();
  const decode = decodeRows.map((rows, i) => {
    const ms = decodeMs[i] ?? 0;
    const limit = passLimit(mean(sweeps.slice(i, i + 2)), rows);
    return { ...common, rows, ms, limit_ms: limit, ratio: ms / limit };
  });
  const bandwidth = mean(sweeps);

  const promptRows = 1 + 32 + 6;
  const prefillMs = await measure("the prompt", (out) => library.vox_bench_prefill(handle, repeats, out));
  const prefill = {
    ...common,
    rows: promptRows,
    ms: prefillMs,
    limit_ms: passLimit(bandwidth, promptRows, 1),
    ratio: prefillMs / passLimit(bandwidth, promptRows, 1),
  };

  const encoder: Report["encoder"] = [];
  for (const block of encoderBlocks) {
    const ms = await measure(`the encoder, ${block} s`, (out) => library.vox_bench_encode(handle, block, repeats, out));
    const limit = limitMs(bandwidth, encoderParameters * weightBytes, encoderParameters * 2 * framesPerSecond * block);
    encoder.push({
      ...common,
      block_s: block,
      s_per_s: ms / 1000 / block,
      limit_s_per_s: limit / 1000 / block,
      ratio: ms / limit,
    });
  }

  onStep("a whole transcription");
  const start = performance.now();
  await model.transcribe(noise(endToEndSeconds)).result();
  const s = (performance.now() - start) / 1000;
  return {
    machine: {
      platform: `${process.platform}-${process.arch}`,
      isa,
      threads,
      cores: navigator.hardwareConcurrency,
      model: info.model,
    },
    limits: { bandwidth_gb_s: bandwidth, peak_gflop_s: peak },
    decode,
    prefill,
    encoder,
    end_to_end: { audio_s: endToEndSeconds, s, s_per_s: s / endToEndSeconds },
  };
}

const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Bits a weight takes on average: 16 in BF16, 8.5 in Q8_0. */
const fixedBits = (bytes: number): string => String(Math.round(bytes * 80) / 10);

/** Weights of one transformer layer. */
function layerParameters(c: Record<string, number>): number {
  const { dim = 0, heads = 0, kvHeads = 0, headDim = 0, hiddenDim = 0 } = c;
  return dim * headDim * (2 * heads + 2 * kvHeads) + 3 * dim * hiddenDim;
}

/** Quiet noise, the same every time: its words do not matter, its length does. */
function noise(seconds: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length: seconds * 16000 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 0.02;
  });
}
