/** The offline schedule and greedy decoding: one token for each 80 ms. */
import { logMel } from "./mel.ts";
import type { Model } from "./model.ts";
import { Matrix } from "./ops.ts";

const BOS = 1;
const EOS = 2;
const STREAMING_PAD = 32;
const LEFT_PAD_TOKENS = 32;
/** Room at the end for a long last word. */
const EXTRA_TOKENS = 10;
export const SAMPLES_PER_TOKEN = 1280;

/** Left pad, the audio, zeros to a whole token, then room for the delay, BOS and a last word. `delay` is in tokens. */
export function prepare(samples: Float32Array, delay: number): Float32Array {
  const audioTokens = Math.ceil(samples.length / SAMPLES_PER_TOKEN);
  const tokens = LEFT_PAD_TOKENS + audioTokens + delay + 1 + EXTRA_TOKENS;
  const padded = new Float32Array(tokens * SAMPLES_PER_TOKEN);
  padded.set(samples, LEFT_PAD_TOKENS * SAMPLES_PER_TOKEN);
  return padded;
}

export interface Step {
  token: number;
  /** Best minus second logit: how clear the choice was. */
  margin: number;
  logits: Float64Array;
}

/** The first id comes from the last prompt position, then one from each audio embedding left, or until EOS. */
export function* greedy(model: Model, samples: Float32Array, delay: number): Generator<Step> {
  const audio = model.adapt(model.encode(logMel(prepare(samples, delay), model.config.audio)));
  const decode = model.decoder(delay);
  let tokens = [BOS, ...new Array<number>(LEFT_PAD_TOKENS + delay).fill(STREAMING_PAD)];
  for (let position = 0; position < audio.rows; ) {
    const rows = new Matrix(tokens.length, audio.cols, audio.row(position, tokens.length));
    position += tokens.length;
    const step = choose(decode(rows, tokens));
    yield step;
    if (step.token === EOS) return;
    tokens = [step.token];
  }
}

function choose(logits: Float64Array): Step {
  let [token, second] = [0, -Infinity];
  for (let id = 1; id < logits.length; id++) {
    if (logits[id]! > logits[token]!) {
      second = logits[token]!;
      token = id;
    } else second = Math.max(second, logits[id]!);
  }
  return { token, margin: logits[token]! - second, logits };
}
