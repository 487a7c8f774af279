/**
 * The whole model in plain TypeScript, in f64, to be read rather than to be fast: a witness for the C library.
 *
 *     const reference = loadReference("models/nano");
 *     reference.transcribe(readWav("samples/weather.wav"), { delayMs: 480 }).text;
 *
 * Read in this order: transcribe, mel, model, ops, tokenizer; then safetensors and config.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Config, toConfig } from "./config.ts";
import { logMel } from "./mel.ts";
import { Model } from "./model.ts";
import type { Matrix } from "./ops.ts";
import { loadSafetensors } from "./safetensors.ts";
import { detokenize, type Tekken } from "./tokenizer.ts";
import { greedy, prepare, type Step } from "./transcribe.ts";

export interface Transcript {
  tokens: number[];
  margins: number[];
  logits: Float64Array[];
  text: string;
}

export interface Reference {
  config: Config;
  model: Model;
  /** samples [n] -> log-mel [n / 160, mel bins] */
  mel(samples: Float32Array): Matrix;
  /** log-mel [t, mel bins] -> [t / 2, encoder dim] */
  encode(mel: Matrix): Matrix;
  /** encoder output [t, encoder dim] -> audio embeddings [t / 4, dim] */
  adapt(encoded: Matrix): Matrix;
  /** The padded samples that the model hears; `delay` is in tokens. */
  prepare(samples: Float32Array, delay: number): Float32Array;
  /** Token by token. */
  steps(samples: Float32Array, options?: { delayMs?: number }): Generator<Step>;
  transcribe(samples: Float32Array, options?: { delayMs?: number }): Transcript;
  detokenize(tokens: number[]): string;
}

export function loadReference(dir: string): Reference {
  const config = toConfig(JSON.parse(readFileSync(join(dir, "params.json"), "utf8")));
  const tekken: Tekken = JSON.parse(readFileSync(join(dir, "tekken.json"), "utf8"));
  const model = new Model(config, loadSafetensors(join(dir, "consolidated.safetensors")));
  const steps = (samples: Float32Array, { delayMs = 480 } = {}): Generator<Step> =>
    greedy(model, samples, delayMs / 80);
  return {
    config,
    model,
    mel: (samples) => logMel(samples, config.audio),
    encode: (mel) => model.encode(mel),
    adapt: (encoded) => model.adapt(encoded),
    prepare,
    steps,
    transcribe(samples, options) {
      const all = [...steps(samples, options)];
      const tokens = all.map((step) => step.token);
      return {
        tokens,
        margins: all.map((s) => s.margin),
        logits: all.map((s) => s.logits),
        text: detokenize(tokens, tekken),
      };
    },
    detokenize: (tokens) => detokenize(tokens, tekken),
  };
}
