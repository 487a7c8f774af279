/** The model: log-mel -> conv stem -> encoder -> adapter -> decoder -> logits. */
import type { Config, Stack } from "./config.ts";
import { add, causalConv, gelu, type Linear, linear, Matrix, rmsNorm, rope, softmax, swiGlu } from "./ops.ts";
import type { Tensor } from "./safetensors.ts";

const MM = "mm_streams_embeddings.embedding_module.";
const ENCODER = `${MM}whisper_encoder.`;

interface Layer {
  attentionNorm: Tensor;
  wq: Linear;
  wk: Linear;
  wv: Linear;
  wo: Linear;
  ffnNorm: Tensor;
  /** gate, down, up */
  w1: Linear;
  w2: Linear;
  w3: Linear;
}

/** Keys (rotated) and values of every position so far: rows [kv heads * head dim]. */
interface KvCache {
  keys: Float64Array[];
  values: Float64Array[];
}

export class Model {
  readonly #conv: Linear[];
  readonly #encoder: Layer[];
  readonly #decoder: Layer[];
  readonly #embeddings: Tensor;

  constructor(
    readonly config: Config,
    private readonly tensors: Map<string, Tensor>,
  ) {
    this.#conv = [0, 1].map((i) => this.#linear(`${ENCODER}conv_layers.${i}.conv`));
    this.#encoder = this.#layers(`${ENCODER}transformer.layers`, config.encoder.n_layers);
    this.#decoder = this.#layers("layers", config.decoder.n_layers);
    this.#embeddings = this.#tensor(`${MM}tok_embeddings.weight`);
  }

  /** log-mel [t, mel bins] -> [t / 2, encoder dim] */
  convStem(mel: Matrix): Matrix {
    return gelu(causalConv(gelu(causalConv(mel, this.#conv[0]!, 1)), this.#conv[1]!, 2));
  }

  /** log-mel [t, mel bins] -> [t / 2, encoder dim] */
  encode(mel: Matrix): Matrix {
    const { encoder } = this.config;
    let x = this.convStem(mel);
    for (const layer of this.#encoder) x = forward(x, layer, encoder, { keys: [], values: [] });
    return rmsNorm(x, this.#tensor(`${ENCODER}transformer.norm.weight`), encoder.norm_eps);
  }

  /** encoder output [t, encoder dim] -> audio embeddings [t / downsample, dim] */
  adapt(encoded: Matrix): Matrix {
    const { downsample } = this.config;
    const joined = new Matrix(encoded.rows / downsample, encoded.cols * downsample, encoded.data);
    const hidden = gelu(linear(joined, this.#linear(`${MM}audio_language_projection.0`)));
    return linear(hidden, this.#linear(`${MM}audio_language_projection.2`));
  }

  /** A fresh decoder for one stream; its delay, in tokens, conditions every layer. */
  decoder(delay: number): Decoder {
    const { dim, norm_eps } = this.config.decoder;
    const time = timeEmbedding(delay, dim);
    const scales = this.#decoder.map((_, i) => {
      const hidden = gelu(linear(time, this.#linear(`layers.${i}.ada_rms_norm_t_cond.0`)));
      return linear(hidden, this.#linear(`layers.${i}.ada_rms_norm_t_cond.2`)).data.map((v) => 1 + v);
    });
    const caches = this.#decoder.map((): KvCache => ({ keys: [], values: [] }));

    return (audio, tokens) => {
      let x = new Matrix(audio.rows, dim);
      tokens.forEach((token, r) => {
        const embedding = this.#embeddings.data.subarray(token * dim, (token + 1) * dim);
        x.row(r).set(audio.row(r).map((v, i) => v + embedding[i]!));
      });
      this.#decoder.forEach((layer, i) => {
        x = forward(x, layer, this.config.decoder, caches[i]!, scales[i]);
      });
      const last = new Matrix(1, dim, x.row(x.rows - 1));
      const hidden = rmsNorm(last, this.#tensor("norm.weight"), norm_eps);
      return linear(hidden, { weight: this.#embeddings, bias: undefined }).data; // tied: the head is the embeddings
    };
  }

  #tensor(name: string): Tensor {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new Error(`no tensor ${name}`);
    return tensor;
  }

  #linear(name: string): Linear {
    return { weight: this.#tensor(`${name}.weight`), bias: this.tensors.get(`${name}.bias`) };
  }

  #layers(prefix: string, count: number): Layer[] {
    return Array.from({ length: count }, (_, i) => ({
      attentionNorm: this.#tensor(`${prefix}.${i}.attention_norm.weight`),
      wq: this.#linear(`${prefix}.${i}.attention.wq`),
      wk: this.#linear(`${prefix}.${i}.attention.wk`),
      wv: this.#linear(`${prefix}.${i}.attention.wv`),
      wo: this.#linear(`${prefix}.${i}.attention.wo`),
      ffnNorm: this.#tensor(`${prefix}.${i}.ffn_norm.weight`),
      w1: this.#linear(`${prefix}.${i}.feed_forward.w1`),
      w2: this.#linear(`${prefix}.${i}.feed_forward.w2`),
      w3: this.#linear(`${prefix}.${i}.feed_forward.w3`),
    }));
  }
}

/** Takes the next positions: audio embeddings [n, dim] and as many token ids. Gives the logits [vocab] of the last. */
export type Decoder = (audio: Matrix, tokens: number[]) => Float64Array;

/** One pre-norm transformer layer over the next positions; `scale` [dim] is the delay's factor on the FFN's norm. */
function forward(x: Matrix, layer: Layer, config: Stack, cache: KvCache, scale?: Float64Array): Matrix {
  const attended = add(x, attention(rmsNorm(x, layer.attentionNorm, config.norm_eps), layer, config, cache));
  const h = rmsNorm(attended, layer.ffnNorm, config.norm_eps);
  if (scale) for (let i = 0; i < h.data.length; i++) h.data[i]! *= scale[i % h.cols]!;
  return add(attended, linear(swiGlu(linear(h, layer.w1), linear(h, layer.w3)), layer.w2));
}

/** Causal attention over the last `window` positions, the query's own included. */
function attention(x: Matrix, layer: Layer, config: Stack, { keys, values }: KvCache): Matrix {
  const { n_heads: heads, n_kv_heads: kvHeads, head_dim: headDim, rope_theta: theta, sliding_window: window } = config;
  const [q, k, v] = [linear(x, layer.wq), linear(x, layer.wk), linear(x, layer.wv)];
  const out = new Matrix(x.rows, heads * headDim);
  for (let r = 0; r < x.rows; r++) {
    const position = keys.length;
    rope(q.row(r), position, headDim, theta);
    rope(k.row(r), position, headDim, theta);
    keys.push(k.row(r));
    values.push(v.row(r));
    const oldest = Math.max(0, position - window + 1);
    for (let head = 0; head < heads; head++) {
      const kv = Math.floor((head * kvHeads) / heads) * headDim; // several query heads share one KV head
      const query = q.row(r).subarray(head * headDim, (head + 1) * headDim);
      const scores = new Float64Array(position - oldest + 1);
      for (let j = 0; j < scores.length; j++) {
        const key = keys[oldest + j]!;
        for (let i = 0; i < headDim; i++) scores[j]! += (query[i]! * key[kv + i]!) / Math.sqrt(headDim);
      }
      const weights = softmax(scores);
      const result = out.row(r).subarray(head * headDim, (head + 1) * headDim);
      for (let j = 0; j < weights.length; j++) {
        const value = values[oldest + j]!;
        for (let i = 0; i < headDim; i++) result[i]! += weights[j]! * value[kv + i]!;
      }
    }
  }
  return linear(out, layer.wo);
}

/** Sinusoids of the delay: cosines, then sines. -> [1, dim] */
function timeEmbedding(delay: number, dim: number): Matrix {
  const half = dim / 2;
  const angle = (i: number): number => delay * 10000 ** -(i / half);
  return new Matrix(
    1,
    dim,
    Float64Array.from({ length: dim }, (_, i) => (i < half ? Math.cos(angle(i)) : Math.sin(angle(i - half)))),
  );
}
