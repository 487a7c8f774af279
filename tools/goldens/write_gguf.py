"""Writes a model folder as GGUF with the gguf package, in one of the three ways found in the wild.

    python -m pip install gguf numpy safetensors
    python tools/goldens/write_gguf.py models/nano nano.gguf --dialect blk --type Q8_0

blk: enc.blk.0.attn_q, keys voxtral.*, base64 vocabulary. blocks: enc.blocks.0.attn.q, keys stt.*, GPT-2 characters and
split-half rotary pairs. bare: the names of consolidated.safetensors and nothing else.
"""
import argparse
import json
import os
import re

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter
from gguf.quants import quantize
from safetensors import safe_open

AUDIO = "mm_streams_embeddings.embedding_module."
ENCODER = AUDIO + "whisper_encoder."
NAMES = {  # consolidated: (blk, blocks)
    AUDIO + "tok_embeddings": ("tok_embeddings", "dec.token_embd"), "norm": ("norm", "dec.output_norm"),
    AUDIO + "audio_language_projection.0": ("adapter.0", "proj.linear_1"),
    AUDIO + "audio_language_projection.2": ("adapter.2", "proj.linear_2"),
    ENCODER + "conv_layers.0.conv": ("enc.conv0", "enc.conv.0"), ENCODER + "conv_layers.1.conv": ("enc.conv1", "enc.conv.1"),
    ENCODER + "transformer.norm": ("enc.norm", "enc.final_norm"),
}
LAYER = {
    "attention_norm": ("attn_norm", "norm_attn"), "attention.wq": ("attn_q", "attn.q"), "attention.wk": ("attn_k", "attn.k"),
    "attention.wv": ("attn_v", "attn.v"), "attention.wo": ("attn_o", "attn.out"), "ffn_norm": ("ffn_norm", "norm_ffn"),
    "feed_forward.w1": ("ffn_w1", "ffn.gate"), "feed_forward.w2": ("ffn_w2", "ffn.down"), "feed_forward.w3": ("ffn_w3", "ffn.up"),
    "ada_rms_norm_t_cond.0": ("ada0", "ada.linear_1"), "ada_rms_norm_t_cond.2": ("ada2", "ada.linear_2"),
}


def rename(name: str, dialect: str) -> str:
    if dialect == "bare":
        return name
    column, (stem, kind) = ("blk", "blocks").index(dialect), name.rsplit(".", 1)
    found = re.fullmatch(r"(.*)layers\.(\d+)\.(.*)", stem)
    if not found or stem in NAMES:
        return f"{NAMES[stem][column]}.{kind}"
    side = "enc" if found[1] else "dec"
    part = LAYER[found[3]][column]
    if side == "dec" and part == "attn.out":
        part = "attn.o"
    return f"{side}.{dialect}.{found[2]}.{part}.{kind}"


def split_halves(x: np.ndarray, heads: int) -> np.ndarray:
    return x.reshape(heads, -1, 2, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)


def characters(token: bytes) -> str:
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in plain]
    return "".join(chr(b) if b in plain else chr(256 + others.index(b)) for b in token)


def blk_keys(w: GGUFWriter, params: dict, vocab: list[str]) -> None:
    whisper = params["multimodal"]["whisper_model_args"]
    enc, audio = whisper["encoder_args"], whisper["encoder_args"]["audio_encoding_args"]
    for side, args in (("decoder", params), ("encoder", enc)):
        for key in ("dim", "n_layers", "n_heads", "head_dim", "hidden_dim", "n_kv_heads", "sliding_window"):
            w.add_int32(f"voxtral.{side}.{key}", args[key])
        w.add_float32(f"voxtral.{side}.norm_eps", args["norm_eps"])
        w.add_float32(f"voxtral.{side}.rope_theta", args["rope_theta"])
    w.add_int32("voxtral.vocab_size", params["vocab_size"])
    w.add_int32("voxtral.ada_rms_norm_t_cond_dim", params["ada_rms_norm_t_cond_dim"])
    w.add_int64("voxtral.params.model_max_length", params["model_max_length"])
    w.add_int32("voxtral.audio.sample_rate", audio["sampling_rate"])
    w.add_float32("voxtral.audio.frame_rate", audio["frame_rate"])
    w.add_float32("voxtral.audio.global_log_mel_max", audio["global_log_mel_max"])
    for key in ("num_mel_bins", "hop_length", "window_size"):
        w.add_int32(f"voxtral.audio.{key}", audio[key])
    w.add_int32("voxtral.audio.downsample_factor", whisper["downsample_args"]["downsample_factor"])
    w.add_array("voxtral.tokenizer.vocab_token_bytes_b64", vocab)


def blocks_keys(w: GGUFWriter, params: dict, vocab: list[str]) -> None:
    from base64 import b64decode

    whisper = params["multimodal"]["whisper_model_args"]
    enc, audio = whisper["encoder_args"], whisper["encoder_args"]["audio_encoding_args"]
    own = {"encoder": {"dim": "d_model", "hidden_dim": "ffn_dim"}, "decoder": {"dim": "hidden_size", "hidden_dim": "intermediate_size"}}
    for side, args in (("decoder", params), ("encoder", enc)):
        for key in ("dim", "n_layers", "n_heads", "head_dim", "hidden_dim", "n_kv_heads", "sliding_window"):
            w.add_uint32(f"stt.voxtral_realtime.{side}.{own[side].get(key, key)}", args[key])
        w.add_float32(f"stt.voxtral_realtime.{side}.rms_norm_eps", args["norm_eps"])
        w.add_float32(f"stt.voxtral_realtime.{side}.rope_theta", args["rope_theta"])
    w.add_uint32("stt.voxtral_realtime.decoder.vocab_size", params["vocab_size"])
    w.add_uint32("stt.voxtral_realtime.decoder.max_position_embeddings", params["model_max_length"])
    w.add_uint32("stt.voxtral_realtime.encoder.num_mel_bins", audio["num_mel_bins"])
    w.add_uint32("stt.voxtral_realtime.projector.downsample_factor", whisper["downsample_args"]["downsample_factor"])
    w.add_uint32("stt.voxtral_realtime.time.ada_hidden", params["ada_rms_norm_t_cond_dim"])
    w.add_uint32("stt.frontend.sample_rate", audio["sampling_rate"])
    w.add_uint32("stt.frontend.hop_length", audio["hop_length"])
    w.add_uint32("stt.frontend.win_length", audio["window_size"])
    w.add_float32("stt.frontend.global_log_mel_max", audio["global_log_mel_max"])
    w.add_string("tokenizer.ggml.model", "gpt2")
    w.add_array("tokenizer.ggml.tokens", [f"<SPECIAL_{i}>" for i in range(1000)] + [characters(b64decode(t)) for t in vocab])


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("folder")
    options.add_argument("out")
    options.add_argument("--dialect", choices=["blk", "blocks", "bare"], default="blk")
    options.add_argument("--type", default="BF16", help="of matrices whose rows are whole blocks; others are F16")
    args = options.parse_args()
    params = json.load(open(os.path.join(args.folder, "params.json")))
    tekken = json.load(open(os.path.join(args.folder, "tekken.json")))
    vocab = [entry["token_bytes"] for entry in sorted(tekken["vocab"], key=lambda e: e["rank"])][: params["vocab_size"] - 1000]
    w = GGUFWriter(args.out, "voxtral_realtime")
    if args.dialect == "blk":
        blk_keys(w, params, vocab)
    elif args.dialect == "blocks":
        blocks_keys(w, params, vocab)
    enc = params["multimodal"]["whisper_model_args"]["encoder_args"]
    with safe_open(os.path.join(args.folder, "consolidated.safetensors"), "pt") as f:
        for name in sorted(f.keys()):
            x = f.get_tensor(name).float().numpy()
            if args.dialect == "blocks" and (".wq." in name or ".wk." in name):
                of = enc if ENCODER in name else params
                x = split_halves(x, of["n_heads"] if ".wq." in name else of["n_kv_heads"])
            type = Type.F32 if x.ndim == 1 else Type[args.type]
            if x.ndim == 3 and type != Type.BF16 or x.ndim == 2 and x.shape[1] % (32 if type < Type.Q2_K else 1):
                type = Type.F16
            if type in (Type.F32, Type.F16):
                w.add_tensor(rename(name, args.dialect), x.astype(np.float16 if type == Type.F16 else np.float32))
            else:
                w.add_tensor(rename(name, args.dialect), quantize(x, type), raw_dtype=type)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


main()
