/** The reference agrees with HF transformers on every golden, and the word error rate counts as it should. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Matrix } from "./ops.ts";
import { loadReference } from "./reference.ts";
import { loadSafetensors, type Tensor } from "./safetensors.ts";
import { readWav } from "./wav.ts";
import { wordErrorRate, wordErrors } from "./wer.ts";

interface Run {
  audio: string;
  samples: number;
  delay_ms: number;
  positions: number;
  tokens: number[];
  margins: number[];
  bytes: string;
  text: string;
}

interface Golden {
  tensors_of_run: number;
  logits_steps: number[];
  runs: Run[];
  decode: { tokens: number[]; bytes: string; text: string }[];
}

const goldens = join(import.meta.dir, "../goldens");
const wav = (name: string): Float32Array => readWav(join(goldens, "audio", name));

/** The largest difference from a golden tensor: ours is f64, HF's is f32. */
function difference(ours: Matrix, golden: Tensor): number {
  expect([ours.rows, ours.cols]).toEqual(golden.shape);
  return golden.data.reduce((max, v, i) => Math.max(max, Math.abs(v - ours.data[i]!)), 0);
}

for (const name of ["plain", "wrap", "wide", "deep", "eos"]) {
  describe(name, () => {
    const reference = loadReference(join(goldens, name));
    const golden: Golden = JSON.parse(readFileSync(join(goldens, name, "golden.json"), "utf8"));
    const tensors = loadSafetensors(join(goldens, name, "golden.safetensors"));

    test("every stage is HF's", () => {
      const run = golden.runs[golden.tensors_of_run]!;
      const melBins = reference.config.audio.num_mel_bins;
      const melGolden = loadSafetensors(join(goldens, "audio", `short-mel${melBins}.safetensors`)).get("mel")!;
      const mel = reference.mel(reference.prepare(wav(run.audio), run.delay_ms / 80));
      const conv = reference.model.convStem(mel);
      const encoded = reference.encode(mel);
      const audio = reference.adapt(encoded);
      const { logits } = reference.transcribe(wav(run.audio), { delayMs: run.delay_ms });
      const rows = golden.logits_steps.map((step) => logits[step]!);
      const kept = new Matrix(rows.length, rows[0]!.length, Float64Array.from(rows.flatMap((row) => [...row])));
      const head = (m: Matrix, tensor: Tensor): Matrix =>
        new Matrix(tensor.shape[0]!, m.cols, m.row(0, tensor.shape[0]!));

      expect(difference(mel, melGolden)).toBeLessThan(1e-4);
      for (const [stage, ours] of Object.entries({ conv, encoder: encoded, adapter: audio, logits: kept })) {
        const tensor = tensors.get(stage)!;
        expect(difference(head(ours, tensor), tensor)).toBeLessThan(2e-3);
      }
    });

    test.each(golden.runs)("$audio, $samples samples, $delay_ms ms", (run) => {
      const transcript = reference.transcribe(wav(run.audio).subarray(0, run.samples), { delayMs: run.delay_ms });
      expect(transcript.tokens).toEqual(run.tokens);
      expect(transcript.text).toBe(run.text);
      run.margins.forEach((margin, i) => void expect(Math.abs(transcript.margins[i]! - margin)).toBeLessThan(1e-3));
    });

    test("bytes become text", () => {
      for (const { tokens, text } of golden.decode) expect(reference.detokenize(tokens)).toBe(text);
    });
  });
}

test("word error rate", () => {
  expect(wordErrorRate("What is the weather, today?", "what is the weather today")).toBe(0);
  expect(wordErrors("the red car is fast", "the car is very fast")).toEqual({ errors: 2, words: 5 });
  expect(wordErrorRate("one two", "")).toBe(1);
  expect(wordErrorRate("", "")).toBe(0);
  expect(wordErrorRate("", "noise")).toBe(Infinity);
  expect(wordErrorRate("don’t stop", "Don't stop!")).toBe(0);
});
