"""HF transformers as the oracle: loads a consolidated folder and runs it in float32.

    python tools/goldens/oracle.py MODEL_DIR FILE.wav [DELAY_MS]     prints ids, margins and text
"""
import base64
import json
import os
import sys

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import DynamicCache, VoxtralRealtimeConfig, VoxtralRealtimeFeatureExtractor, VoxtralRealtimeForConditionalGeneration

BOS, EOS, STREAMING_PAD = 1, 2, 32
LEFT_PAD_TOKENS, EXTRA_TOKENS, SAMPLES_PER_TOKEN = 32, 10, 1280
MM = "mm_streams_embeddings.embedding_module."

# consolidated name -> HF name, the parts that follow "layers.N."
ENCODER_LAYER = {"attention.wq": "self_attn.q_proj", "attention.wk": "self_attn.k_proj", "attention.wv": "self_attn.v_proj",
                 "attention.wo": "self_attn.o_proj", "attention_norm": "self_attn_layer_norm", "ffn_norm": "final_layer_norm",
                 "feed_forward.w1": "mlp.gate_proj", "feed_forward.w2": "mlp.down_proj", "feed_forward.w3": "mlp.up_proj"}
DECODER_LAYER = ENCODER_LAYER | {"attention_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
                                 "ada_rms_norm_t_cond.0": "ada_rms_norm.linear1", "ada_rms_norm_t_cond.2": "ada_rms_norm.linear2"}
FIXED = {MM + "tok_embeddings": "model.language_model.embed_tokens", "norm": "model.language_model.norm",
         MM + "whisper_encoder.conv_layers.0.conv": "model.audio_tower.embedder.conv1",
         MM + "whisper_encoder.conv_layers.1.conv": "model.audio_tower.embedder.conv2",
         MM + "whisper_encoder.transformer.norm": "model.audio_tower.norm",
         MM + "audio_language_projection.0": "model.multi_modal_projector.linear_1",
         MM + "audio_language_projection.2": "model.multi_modal_projector.linear_2"}


def hf_name(name: str) -> str:
    stem, kind = name.rsplit(".", 1)  # kind: weight or bias
    if stem in FIXED:
        return f"{FIXED[stem]}.{kind}"
    encoder = MM + "whisper_encoder.transformer.layers."
    layer, rest = stem.removeprefix(encoder).removeprefix("layers.").split(".", 1)
    if stem.startswith(encoder):
        return f"model.audio_tower.layers.{layer}.{ENCODER_LAYER[rest]}.{kind}"
    return f"model.language_model.layers.{layer}.{DECODER_LAYER[rest]}.{kind}"


def split_half(w: torch.Tensor, head_dim: int) -> torch.Tensor:
    """Rows of each head from interleaved RoPE pairs (0,1)(2,3).. to HF's halves: evens, then odds."""
    return w.view(-1, head_dim // 2, 2, *w.shape[1:]).transpose(1, 2).reshape(w.shape)


def hf_config(p: dict) -> VoxtralRealtimeConfig:
    e = p["multimodal"]["whisper_model_args"]["encoder_args"]
    rope = lambda theta: {"rope_type": "default", "rope_theta": theta}
    audio = dict(hidden_size=e["dim"], intermediate_size=e["hidden_dim"], num_hidden_layers=e["n_layers"], num_attention_heads=e["n_heads"],
                 head_dim=e["head_dim"], num_mel_bins=e["audio_encoding_args"]["num_mel_bins"], rms_norm_eps=e["norm_eps"],
                 rope_parameters=rope(e["rope_theta"]), sliding_window=e["sliding_window"], vocab_size=p["vocab_size"])
    text = dict(hidden_size=p["dim"], intermediate_size=p["hidden_dim"], num_hidden_layers=p["n_layers"], num_attention_heads=p["n_heads"],
                num_key_value_heads=p["n_kv_heads"], head_dim=p["head_dim"], rms_norm_eps=p["norm_eps"], vocab_size=p["vocab_size"],
                rope_parameters=rope(p["rope_theta"]), sliding_window=p["sliding_window"])
    return VoxtralRealtimeConfig(audio_config=audio, text_config=text, tie_word_embeddings=True,
                                 downsample_factor=p["multimodal"]["whisper_model_args"]["downsample_args"]["downsample_factor"])


class Oracle:
    def __init__(self, folder: str):
        torch.set_num_threads(1)
        with open(os.path.join(folder, "params.json")) as f:
            self.params = p = json.load(f)
        encoder = p["multimodal"]["whisper_model_args"]["encoder_args"]
        config = hf_config(p)
        config._attn_implementation = "eager"
        self.model = VoxtralRealtimeForConditionalGeneration(config).float().eval()
        state = {}
        for name, w in load_file(os.path.join(folder, "consolidated.safetensors")).items():
            w = w.float()
            if ".attention.wq." in name or ".attention.wk." in name:
                w = split_half(w, (encoder if name.startswith(MM) else p)["head_dim"])
            state[hf_name(name)] = w
        state["lm_head.weight"] = state["model.language_model.embed_tokens.weight"]
        self.model.load_state_dict(state, strict=True)
        for part, theta in ((self.model.model.audio_tower, encoder["rope_theta"]), (self.model.model.language_model, p["rope_theta"])):
            assert part.rotary_emb.config.rope_parameters["rope_theta"] == theta
        self.n_mel = encoder["audio_encoding_args"]["num_mel_bins"]

    @staticmethod
    def schedule(samples: np.ndarray, delay: int) -> np.ndarray:
        """Left pad, the audio, zeros to a whole token, then room for the delay, BOS and a long last word."""
        right = -len(samples) % SAMPLES_PER_TOKEN + (delay + 1 + EXTRA_TOKENS) * SAMPLES_PER_TOKEN
        return np.pad(samples.astype(np.float32), (LEFT_PAD_TOKENS * SAMPLES_PER_TOKEN, right))

    def mel(self, padded: np.ndarray) -> torch.Tensor:
        """-> [1, n_mel, frames]"""
        extractor = VoxtralRealtimeFeatureExtractor(feature_size=self.n_mel)
        return extractor(padded, sampling_rate=16000, return_tensors="pt")["input_features"]

    @torch.no_grad()
    def audio(self, mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """-> encoder output [1, 4T, encoder dim], adapter output [1, T, dim]"""
        out = self.model.get_audio_features(input_features=mel, return_dict=True)
        return out.last_hidden_state, out.pooler_output

    @torch.no_grad()
    def greedy(self, audio: torch.Tensor, delay: int) -> tuple[list[int], torch.Tensor]:
        """One id for each position from the last of the prompt to the last of the audio. -> ids, logits [n, vocab]"""
        language_model, embed = self.model.model.language_model, self.model.get_input_embeddings()
        t_cond = self.model.model.time_embedding(torch.tensor([float(delay)]))[None]
        cache = DynamicCache(config=self.model.config.text_config)
        tokens = [BOS] + [STREAMING_PAD] * (LEFT_PAD_TOKENS + delay)
        ids, rows, done = [], [], 0
        while done < audio.shape[1]:
            x = audio[:, done : done + len(tokens)] + embed(torch.tensor([tokens]))
            done += len(tokens)
            hidden = language_model(inputs_embeds=x, past_key_values=cache, use_cache=True, t_cond=t_cond).last_hidden_state
            rows.append(self.model.lm_head(hidden[0, -1]))
            ids.append(int(rows[-1].argmax()))
            tokens = ids[-1:]
            if ids[-1] == EOS:
                break
        return ids, torch.stack(rows)

    @torch.no_grad()
    def logits(self, mel: torch.Tensor, ids: list[int], delay: int) -> torch.Tensor:
        """The same logits from one call of HF's own forward, without caches: [n, vocab]."""
        prompt = [BOS] + [STREAMING_PAD] * (LEFT_PAD_TOKENS + delay)
        tokens = prompt + ids[:-1]
        mel = mel[:, :, : len(tokens) * 8]  # causal: later audio has no say
        out = self.model(input_ids=torch.tensor([tokens]), input_features=mel, num_delay_tokens=delay, use_cache=False)
        return out.logits[0, len(prompt) - 1 :]


def margins(logits: torch.Tensor) -> list[float]:
    best = logits.topk(2, -1).values
    return (best[:, 0] - best[:, 1]).tolist()


def main() -> None:
    from signals import read_wav
    folder, wav, delay = sys.argv[1], sys.argv[2], int(sys.argv[3]) // 80 if len(sys.argv) > 3 else 6
    oracle = Oracle(folder)
    mel = oracle.mel(oracle.schedule(read_wav(wav), delay))
    ids, logits = oracle.greedy(oracle.audio(mel)[1], delay)
    with open(os.path.join(folder, "tekken.json")) as f:
        vocab = [base64.b64decode(v["token_bytes"]) for v in json.load(f)["vocab"]]
    text = b"".join(vocab[i - 1000] for i in ids if i >= 1000).decode("utf-8", "replace")
    print(json.dumps({"text": text, "tokens": ids, "margins": [round(m, 3) for m in margins(logits)]}))


if __name__ == "__main__":
    main()
