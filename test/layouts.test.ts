// The same model in every layout gives the same tokens; in blocks of eight bits nearly the same words.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect, Voxtral } from "../src/index.ts";
import { expected, failure, nano, root, sample } from "./helpers.ts";
import {
  readSafetensors,
  splitHalves,
  type Tensor,
  toF32,
  toQ8,
  type Value,
  writeGguf,
  writeSafetensors,
} from "./layouts.ts";

const audio = "mm_streams_embeddings.embedding_module.";
const encoder = `${audio}whisper_encoder.`;
const params = await Bun.file(join(nano, "params.json")).json();
const whisper = params.multimodal.whisper_model_args;
const tensors = await readSafetensors(join(nano, "consolidated.safetensors"));
let folder: string;
let reference: number[];

async function ids(model: string, source = sample("kitchen.wav")): Promise<number[]> {
  await using loaded = await Voxtral.load(model);
  return (await loaded.transcribe(source).result()).tokens.map(({ id }) => id);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "voxtral-layouts-"));
  reference = await ids(nano);
  expect(reference.length).toBeGreaterThan(20);
});
afterAll(() => rm(folder, { recursive: true }));

async function vocabulary(): Promise<string[]> {
  const { vocab } = await Bun.file(join(nano, "tekken.json")).json();
  const byRank: string[] = [];
  for (const { rank, token_bytes } of vocab) byRank[rank] = token_bytes;
  return byRank.slice(0, params.vocab_size - 1000);
}

/** Keys of every side, as voxtral.cpp calls them. */
async function blkKeys(): Promise<Record<string, Value>> {
  const keys: Record<string, Value> = { "general.architecture": "voxtral_realtime" };
  const sides = { decoder: params, encoder: whisper.encoder_args };
  const names = ["dim", "n_layers", "n_heads", "n_kv_heads", "head_dim", "hidden_dim", "sliding_window"];
  for (const [side, args] of Object.entries(sides))
    for (const key of [...names, "norm_eps", "rope_theta"]) keys[`voxtral.${side}.${key}`] = args[key];
  const sound = whisper.encoder_args.audio_encoding_args;
  for (const key of ["frame_rate", "num_mel_bins", "hop_length", "window_size", "global_log_mel_max"])
    keys[`voxtral.audio.${key}`] = sound[key];
  keys["voxtral.audio.sample_rate"] = sound.sampling_rate;
  keys["voxtral.audio.downsample_factor"] = whisper.downsample_args.downsample_factor;
  keys["voxtral.vocab_size"] = params.vocab_size;
  keys["voxtral.ada_rms_norm_t_cond_dim"] = params.ada_rms_norm_t_cond_dim;
  return { ...keys, "voxtral.tokenizer.vocab_token_bytes_b64": await vocabulary() };
}

const parts = {
  "attention.w": "attn_",
  "feed_forward.": "ffn_",
  attention_norm: "attn_norm",
  "ada_rms_norm_t_cond.": "ada",
};
function blkName(name: string): string {
  const [, side, layer, rest] = /^(.*transformer\.)?layers\.(\d+)\.(.*)/.exec(name) ?? [];
  if (layer === undefined || rest === undefined)
    return name
      .replace(`${encoder}conv_layers.`, "enc.conv")
      .replace(".conv.", ".")
      .replace(`${encoder}transformer.norm`, "enc.norm")
      .replace(`${audio}audio_language_projection`, "adapter")
      .replace(audio, "");
  const part = Object.entries(parts).find(([from]) => rest.startsWith(from)) ?? ["", ""];
  return `${side ? "enc" : "dec"}.blk.${layer}.${part[1]}${rest.slice(part[0].length)}`;
}

const isMatrix = ({ shape }: Tensor) => shape.length === 2;

test("GGUF with everything inside: BF16 matrices, F32 vectors", async () => {
  const path = join(folder, "whole.gguf");
  const named = tensors.map((t) => ({ ...(isMatrix(t) ? t : toF32(t)), name: blkName(t.name) }));
  await Bun.write(path, writeGguf(await blkKeys(), named));
  expect(await ids(path)).toEqual(reference);
  const { format, tensors: listed } = inspect(path);
  expect(format).toBe("gguf");
  expect(listed.find(({ name }) => name === "enc.blk.0.attn_q.weight")).toMatchObject({
    dtype: "BF16",
    shape: [256, 192],
  });
});

test("GGUF of consolidated names, sizes and words beside it; one file of a folder", async () => {
  const bare = join(folder, "bare");
  await Bun.write(join(bare, "model.gguf"), writeGguf({}, tensors));
  expect((await failure("io", () => ids(bare))).message).toContain("params.json");
  for (const name of ["params.json", "tekken.json"]) await Bun.write(join(bare, name), Bun.file(join(nano, name)));
  expect(await ids(bare)).toEqual(reference);
  await Bun.write(join(bare, "other.gguf"), "GGUF");
  expect((await failure("argument", () => ids(bare))).message).toContain("expected one .gguf file, found 2");
  expect((await failure("format", () => ids(join(bare, "other.gguf")))).message).toContain("the header is cut off");
});

test("model.safetensors of Hugging Face transformers", async () => {
  const hf = join(folder, "hf");
  const layer: Record<string, [encoder: string, decoder: string]> = {
    attention_norm: ["self_attn_layer_norm", "input_layernorm"],
    ffn_norm: ["final_layer_norm", "post_attention_layernorm"],
    "feed_forward.w1": ["mlp.gate_proj", "mlp.gate_proj"],
    "feed_forward.w2": ["mlp.down_proj", "mlp.down_proj"],
    "feed_forward.w3": ["mlp.up_proj", "mlp.up_proj"],
    "ada_rms_norm_t_cond.0": ["", "ada_rms_norm.linear1"],
    "ada_rms_norm_t_cond.2": ["", "ada_rms_norm.linear2"],
  };
  for (const x of ["q", "k", "v", "o"]) layer[`attention.w${x}`] = [`self_attn.${x}_proj`, `self_attn.${x}_proj`];
  const whole: Record<string, string> = {
    [`${audio}tok_embeddings`]: "language_model.model.embed_tokens",
    norm: "language_model.model.norm",
    [`${audio}audio_language_projection.0`]: "multi_modal_projector.linear_1",
    [`${audio}audio_language_projection.2`]: "multi_modal_projector.linear_2",
    [`${encoder}conv_layers.0.conv`]: "audio_tower.embedder.conv1",
    [`${encoder}conv_layers.1.conv`]: "audio_tower.embedder.conv2",
    [`${encoder}transformer.norm`]: "audio_tower.norm",
  };
  const renamed = tensors.map((tensor) => {
    const [, stem = "", kind] = /(.*)\.(weight|bias)/.exec(tensor.name) ?? [];
    const [, side, index, rest = ""] = /^(.*transformer\.)?layers\.(\d+)\.(.*)/.exec(stem) ?? [];
    const args = side ? whisper.encoder_args : params;
    const heads = { "attention.wq": args.n_heads, "attention.wk": args.n_kv_heads }[rest];
    const name =
      whole[stem] ?? `${side ? "audio_tower" : "language_model.model"}.layers.${index}.${layer[rest]?.[side ? 0 : 1]}`;
    return { ...(heads ? splitHalves(tensor, heads) : tensor), name: `${name}.${kind}` };
  });
  for (const name of ["params.json", "tekken.json"]) await Bun.write(join(hf, name), Bun.file(join(nano, name)));
  await Bun.write(join(hf, "model.safetensors"), writeSafetensors(renamed));
  expect(await ids(hf)).toEqual(reference);
});

test("a file by the gguf package, with split rotary pairs and words as characters", async () => {
  const { runs } = await Bun.file(join(root, "test/goldens/plain/golden.json")).json();
  const { tokens } = runs.find(
    (run: { audio: string; delay_ms: number; samples: number }) =>
      run.audio === "short.wav" && run.delay_ms === 480 && run.samples === 40123,
  );
  const source = join(root, "test/goldens/audio/short.wav");
  expect(await ids(join(root, "test/goldens/gguf/plain-blocks.gguf"), source)).toEqual(tokens);
});

const words = (text: string) =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9' ]/g, "")
    .split(/\s+/)
    .filter(Boolean);

function distance(a: string[], b: string[]): number {
  let row = b.map((_, i) => i + 1);
  for (const [i, word] of a.entries()) {
    const next: number[] = [];
    for (const [k, other] of b.entries()) {
      const diagonal = k ? (row[k - 1] ?? 0) : i;
      next.push(Math.min((row[k] ?? 0) + 1, (k ? (next[k - 1] ?? 0) : i + 1) + 1, diagonal + (word === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? a.length;
}

// A word is 0.45 points of these recordings. Over 32 shifts of them by 2.5 ms, 7040 words, it was 3.28 % against 3.10 %.
test("Q8_0: at most one word more is wrong", async () => {
  const path = join(folder, "q8.gguf");
  const quantised = tensors.map((t) => ({ ...(isMatrix(t) ? toQ8(t) : toF32(t)), name: blkName(t.name) }));
  await Bun.write(path, writeGguf(await blkKeys(), quantised));
  const wrong = async (model: string) => {
    await using loaded = await Voxtral.load(model);
    let sum = 0;
    for (const [name, { text }] of Object.entries(expected))
      sum += distance(words((await loaded.transcribe(sample(name)).result()).text), words(text));
    return sum;
  };
  expect(await wrong(path)).toBeLessThanOrEqual((await wrong(nano)) + 1);
}, 60_000);
