"""Small random models in the consolidated layout: params.json, consolidated.safetensors (BF16), tekken.json."""
import json
import os
from dataclasses import dataclass

import torch
from safetensors.torch import save_file

import tekken
from oracle import MM

ADA_DIM = 32


@dataclass(frozen=True)
class Stack:
    """One transformer: the encoder or the decoder."""
    dim: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    window: int


@dataclass(frozen=True)
class Spec:
    name: str
    about: str
    encoder: Stack
    decoder: Stack
    vocab: int
    n_mel: int = 128
    seed: int = 0
    eos_gain: float = 0.0  # how loud the row of EOS is; 0 keeps it from being chosen


#                          dim layers heads kv head_dim ffn window
MODELS = [
    Spec("plain", "one layer each, no window ever wraps: start here",
         Stack(32, 1, 2, 2, 16, 64, 750), Stack(48, 1, 2, 2, 16, 64, 8192), vocab=1280),
    Spec("wrap", "windows of 7 and 5 wrap within the prompt; two query heads on each KV head",
         Stack(48, 2, 3, 3, 16, 72, 7), Stack(40, 2, 4, 2, 16, 72, 5), vocab=1301, seed=21),
    Spec("wide", "heads wider than the model: 3 x 32 = 96 over 40, 6 x 32 = 192 over 40; three query heads on each KV head",
         Stack(40, 2, 3, 3, 32, 40, 13), Stack(40, 2, 6, 2, 32, 40, 8), vocab=1273, seed=7),
    Spec("deep", "four and three layers, 80 mel bins, one 64-wide encoder head, three decoder heads, odd ffn sizes",
         Stack(32, 4, 1, 1, 64, 51, 20), Stack(40, 3, 3, 3, 16, 58, 12), vocab=1299, n_mel=80, seed=28),
    Spec("eos", "one KV head for four 64-wide query heads, a window of 45 that wraps while generating; some runs end at EOS",
         Stack(24, 2, 4, 4, 16, 56, 11), Stack(32, 2, 4, 1, 64, 104, 45), vocab=1290, eos_gain=1.0, seed=4),
]


def params(s: Spec) -> dict:
    e, d = s.encoder, s.decoder
    audio = {"sampling_rate": 16000, "frame_rate": 12.5, "num_mel_bins": s.n_mel, "hop_length": 160, "window_size": 400,
             "chunk_length_s": None, "global_log_mel_max": 1.5, "transcription_format": "streaming"}
    encoder = {"audio_encoding_args": audio, "dim": e.dim, "n_layers": e.layers, "head_dim": e.head_dim, "hidden_dim": e.ffn,
               "n_heads": e.heads, "vocab_size": s.vocab, "n_kv_heads": e.kv_heads, "use_biases": True, "use_cache": False,
               "rope_theta": 1e6, "causal": True, "norm_eps": 1e-5, "pos_embed": "rope", "max_source_positions": None,
               "ffn_type": "swiglu", "norm_type": "rms_norm", "sliding_window": e.window}
    return {"dim": d.dim, "n_layers": d.layers, "head_dim": d.head_dim, "hidden_dim": d.ffn, "n_heads": d.heads, "n_kv_heads": d.kv_heads,
            "use_biases": False, "causal": True, "rope_theta": 1e6, "norm_eps": 1e-5, "vocab_size": s.vocab, "model_parallel": 1,
            "tied_embeddings": True, "sliding_window": d.window, "model_max_length": 131072,
            "multimodal": {"whisper_model_args": {"encoder_args": encoder, "downsample_args": {"downsample_factor": 4}}},
            "ada_rms_norm_t_cond": True, "ada_rms_norm_t_cond_dim": ADA_DIM}


def weights(s: Spec) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(s.seed)
    randn = lambda *shape: torch.randn(*shape, generator=rng)
    out: dict[str, torch.Tensor] = {}

    def linear(name: str, rows: int, cols: int, gain: float = 1.0, bias: bool = False) -> None:
        out[name + ".weight"] = randn(rows, cols) * gain / cols**0.5
        if bias:
            out[name + ".bias"] = 0.2 * randn(rows)

    def norm(name: str, dim: int) -> None:
        out[name + ".weight"] = 1 + 0.2 * randn(dim)

    def layer(prefix: str, t: Stack, bias: bool) -> None:
        # Sharp attention (q, k > 1) makes position and window matter; loud branches outweigh the residual stream.
        linear(prefix + "attention.wq", t.heads * t.head_dim, t.dim, 2.0, bias)
        linear(prefix + "attention.wk", t.kv_heads * t.head_dim, t.dim, 2.0)
        linear(prefix + "attention.wv", t.kv_heads * t.head_dim, t.dim, 1.5, bias)
        linear(prefix + "attention.wo", t.dim, t.heads * t.head_dim, 1.5, bias)
        linear(prefix + "feed_forward.w1", t.ffn, t.dim, 1.5)
        linear(prefix + "feed_forward.w2", t.dim, t.ffn, 1.5, bias)
        linear(prefix + "feed_forward.w3", t.ffn, t.dim, 1.5)
        norm(prefix + "attention_norm", t.dim)
        norm(prefix + "ffn_norm", t.dim)

    e, d = s.encoder, s.decoder
    for i, n_in in enumerate([s.n_mel, e.dim]):
        name = f"{MM}whisper_encoder.conv_layers.{i}.conv."
        out[name + "weight"] = randn(e.dim, n_in, 3) * 4 / (3 * n_in) ** 0.5
        out[name + "bias"] = 0.2 * randn(e.dim)
    for i in range(e.layers):
        layer(f"{MM}whisper_encoder.transformer.layers.{i}.", e, bias=True)
    norm(MM + "whisper_encoder.transformer.norm", e.dim)
    linear(MM + "audio_language_projection.0", d.dim, 4 * e.dim, 2.5)
    linear(MM + "audio_language_projection.2", d.dim, d.dim, 2.0)
    for i in range(d.layers):
        layer(f"layers.{i}.", d, bias=False)
        linear(f"layers.{i}.ada_rms_norm_t_cond.0", ADA_DIM, d.dim, 2.0)
        linear(f"layers.{i}.ada_rms_norm_t_cond.2", d.dim, ADA_DIM, 1.0)
    norm("norm", d.dim)
    out[MM + "tok_embeddings.weight"] = embeddings(s, randn)
    return {name: w.to(torch.bfloat16).contiguous() for name, w in out.items()}


def embeddings(s: Spec, randn) -> torch.Tensor:
    """Rows are also the output head: a loud row is often chosen. Few loud rows give clear margins: PAD, WORD and 60 text ids."""
    gain = torch.full((s.vocab, 1), 0.12)
    gain[tekken.N_CONTROL + 65 : tekken.N_CONTROL + 91] = 0.6  # A..Z
    gain[tekken.N_CONTROL + 0xE0 : tekken.N_CONTROL + 0xE4] = 0.6  # lead bytes without their followers
    gain[tekken.N_CONTROL + 250 :] = 0.6  # rare bytes, then all words
    gain[[32, 33], :] = 0.7
    gain[2, :] = max(0.12, s.eos_gain)
    return randn(s.vocab, s.decoder.dim) * gain


def write(folder: str, s: Spec) -> None:
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "params.json"), "w") as f:
        json.dump(params(s), f, indent=2)
    save_file(weights(s), os.path.join(folder, "consolidated.safetensors"), metadata={"format": "pt"})
    tekken.write(os.path.join(folder, "tekken.json"), s.vocab, s.n_mel)
