"""Writes a checkpoint as a model folder: params.json, consolidated.safetensors (BF16), tekken.json.

    python export.py checkpoint.pt FOLDER
"""
import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from features import BINS, HOP, LEFT_PAD, N_FFT, TOP
from model import Config, Voxtral
from tokenizer import CONTROL, tekken

FRAME_RATE, SAMPLING_RATE = 12.5, 16000
NAMES = {0: "<unk>", 1: "<s>", 2: "</s>", 3: "[INST]", 4: "[/INST]", 11: "<pad>", 24: "[AUDIO]", 25: "[BEGIN_AUDIO]",
         32: "[STREAMING_PAD]", 33: "[STREAMING_WORD]"}


def params(c: Config):
    audio = dict(sampling_rate=SAMPLING_RATE, frame_rate=FRAME_RATE, num_mel_bins=BINS, hop_length=HOP, window_size=N_FFT,
                 chunk_length_s=None, global_log_mel_max=TOP, transcription_format="streaming")
    encoder = dict(audio_encoding_args=audio, dim=c.encoder_dim, n_layers=c.encoder_layers, head_dim=c.head_dim,
                   hidden_dim=c.encoder_hidden, n_heads=c.encoder_heads, vocab_size=c.vocabulary,
                   n_kv_heads=c.encoder_heads, use_biases=True, use_cache=False, rope_theta=c.theta, causal=True,
                   norm_eps=c.eps, pos_embed="rope", max_source_positions=None, ffn_type="swiglu", norm_type="rms_norm",
                   sliding_window=c.encoder_window)
    return dict(dim=c.dim, n_layers=c.layers, head_dim=c.head_dim, hidden_dim=c.hidden, n_heads=c.heads,
                n_kv_heads=c.kv_heads, use_biases=False, causal=True, rope_theta=c.theta, norm_eps=c.eps,
                vocab_size=c.vocabulary, model_parallel=1, tied_embeddings=True, sliding_window=c.window,
                model_max_length=131072,
                multimodal=dict(whisper_model_args=dict(encoder_args=encoder, downsample_args=dict(downsample_factor=4))),
                ada_rms_norm_t_cond=True, ada_rms_norm_t_cond_dim=c.time_dim)


def tekken_file(c: Config):
    """The first ranks of the real vocabulary behind 1000 control ids."""
    source, ranks = tekken(), c.vocabulary - CONTROL
    config = source["config"] | dict(num_vocab_tokens=ranks, default_vocab_size=c.vocabulary,
                                     default_num_special_tokens=CONTROL)
    special = [dict(rank=i, token_str=NAMES.get(i, f"<SPECIAL_{i}>"), is_control=True) for i in range(CONTROL)]
    audio = dict(sampling_rate=SAMPLING_RATE, frame_rate=FRAME_RATE,
                 audio_encoding_config=dict(num_mel_bins=BINS, hop_length=HOP, window_size=N_FFT), chunk_length_s=None,
                 transcription_format="streaming", transcription_delay_ms=480, streaming_look_ahead_ms=2.5,
                 streaming_look_back_ms=52.5, streaming_n_left_pad_tokens=LEFT_PAD)
    return dict(config=config, vocab=source["vocab"][:ranks], special_tokens=special, audio=audio)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("checkpoint", type=Path)
    p.add_argument("folder", type=Path)
    args = p.parse_args()
    trainee = torch.load(args.checkpoint)["trainee"]
    weights = {k.removeprefix("model."): v for k, v in trainee.items() if k.startswith("model.")}
    model = Voxtral()
    model.load_state_dict(weights)
    args.folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.bfloat16().contiguous() for k, v in model.state_dict().items()},
              args.folder / "consolidated.safetensors", metadata={"format": "pt"})
    (args.folder / "params.json").write_text(json.dumps(params(model.c), indent=2) + "\n")
    (args.folder / "tekken.json").write_text(json.dumps(tekken_file(model.c), ensure_ascii=False))
    print(f"{sum(v.numel() for v in weights.values()) / 1e6:.2f} M parameters in {len(weights)} tensors")


if __name__ == "__main__":
    main()
