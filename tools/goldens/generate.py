"""Writes test/goldens: recordings, small random models and what HF transformers makes of them.

    python -m pip install -r tools/goldens/requirements.txt
    python tools/goldens/generate.py

The format is described in test/goldens/README.md.
"""
import json
import os
import warnings

import torch
from safetensors.torch import save_file

import models
import signals
import tekken
from oracle import Oracle, margins

OUT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../test/goldens"))
DELAYS_MS = [*range(80, 1201, 80), 2400]  # every legal delay
SHORT, LONG = "short.wav", "long.wav"
TENSORS_MS = 480  # the run whose tensors are kept: SHORT at this delay
EDGES = [0, 1, 1279, 1280, 1281, 8000]  # samples of SHORT: around one token, and none at all
SPLITS = [  # tokens whose bytes are parts of characters
    "caf\u00e9", "\u4f60\u597d \u4e16\u754c", "\U0001f642!", "\u043c\u0438\u0440",
]


def runs() -> list[tuple[str, int | None, int]]:
    """(file, how many samples of it, delay in ms)"""
    return ([(SHORT, None, ms) for ms in DELAYS_MS] + [(LONG, None, ms) for ms in (80, 480, 1200, 2400)]
            + [(SHORT, n, TENSORS_MS) for n in EDGES])


def run(oracle: Oracle, vocab: int, file: str, n: int | None, ms: int) -> tuple[dict, torch.Tensor]:
    samples, delay = signals.read_wav(os.path.join(OUT, "audio", file))[:n], ms // 80
    mel = oracle.mel(oracle.schedule(samples, delay))
    audio = oracle.audio(mel)[1]
    ids, logits = oracle.greedy(audio, delay)
    check(oracle, mel, ids, logits, delay)
    data, text = tekken.decode(ids, vocab)
    return {"audio": file, "samples": len(samples), "delay_ms": ms, "positions": audio.shape[1], "tokens": ids,
            "margins": [round(m, 4) for m in margins(logits)], "bytes": data.hex(), "text": text}, logits


def check(oracle: Oracle, mel: torch.Tensor, ids: list[int], logits: torch.Tensor, delay: int) -> None:
    """Step by step with caches, one whole forward without, and HF's generate() must agree."""
    whole = oracle.logits(mel, ids, delay)
    assert (whole - logits).abs().max() < 1e-3 and whole.argmax(-1).tolist() == ids
    prompt = [1] + [32] * (32 + delay)
    out = oracle.model.generate(input_ids=torch.tensor([prompt]), input_features=mel, num_delay_tokens=delay, do_sample=False)
    generated = out[0, len(prompt) :].tolist()  # HF leaves the last audio embedding unused: one id fewer
    assert generated == ids[: len(generated)] and len(ids) - len(generated) in (0, 1)


def tensors(oracle: Oracle, ids: list[int], logits: torch.Tensor) -> tuple[dict[str, torch.Tensor], list[int]]:
    """Every stage of SHORT at TENSORS_MS, from one forward of HF, caught by hooks; rows are time."""
    model, out = oracle.model.model, {}
    keep = lambda name: lambda module, args, result: out.__setitem__(name, result.detach().reshape(-1, result.shape[-1]))
    hooks = [model.audio_tower.embedder.register_forward_hook(keep("conv")),
             model.audio_tower.layers[0].register_forward_hook(keep("encoder.layers.0")),
             model.audio_tower.norm.register_forward_hook(keep("encoder")),
             model.multi_modal_projector.register_forward_hook(keep("adapter")),
             model.language_model.norm.register_forward_hook(keep("decoder"))]
    for i, layer in enumerate(model.language_model.layers):
        hooks += [layer.register_forward_hook(keep(f"decoder.layers.{i}")), layer.ada_rms_norm.register_forward_hook(keep(f"ada.{i}"))]
    delay = TENSORS_MS // 80
    mel = oracle.mel(oracle.schedule(signals.read_wav(os.path.join(OUT, "audio", SHORT)), delay))
    oracle.logits(mel, ids, delay)
    for hook in hooks:
        hook.remove()
    steps = sorted({0, 1, 2, len(ids) // 4, len(ids) // 2, len(ids) - 1})
    out["logits"] = logits[steps]
    return {name: t.float().contiguous() for name, t in out.items()}, steps


def write_audio() -> None:
    os.makedirs(os.path.join(OUT, "audio"), exist_ok=True)
    signals.write_wav(os.path.join(OUT, "audio", SHORT), signals.babble(2.5, 123, seed=1))
    signals.write_wav(os.path.join(OUT, "audio", LONG), signals.babble(6.1, 7, seed=2))


def write_mel(oracle: Oracle) -> None:
    padded = oracle.schedule(signals.read_wav(os.path.join(OUT, "audio", SHORT)), TENSORS_MS // 80)
    mel = oracle.mel(padded)[0].T.contiguous()
    save_file({"mel": mel}, os.path.join(OUT, "audio", f"short-mel{oracle.n_mel}.safetensors"))


def split_cases(vocab: int) -> list[dict]:
    """Texts spelled in single bytes, cut in odd places, and with a control id between."""
    cases = []
    for text in SPLITS:
        ids = [tekken.N_CONTROL + b for b in text.encode()]
        cases += [ids, ids[:-1], ids[1:], [32, *ids[:2], 33, *ids[2:]]]
    cases += [[1000 + tekken.pieces(vocab - 1000).index(p) for p in (b" caf\xc3\xa9", b"\xe4\xbd", b"\xa0", b"\xf0\x9f", b"\x99", b"\x82")]]
    cases += [[1000], [1000 + 0xFF, 1000 + 0xC0, 1000 + 65], [2, 1, 0, 999], []]
    return [{"tokens": ids, "bytes": data.hex(), "text": text} for ids in cases for data, text in [tekken.decode(ids, vocab)]]


def dump(path: str, golden: dict) -> None:
    """JSON, one run on a line."""
    lines = {k: "[\n    " + ",\n    ".join(json.dumps(x, ensure_ascii=False) for x in golden[k]) + "\n  ]" for k in ("runs", "decode")}
    head = ",\n".join(f"  {json.dumps(k)}: {lines.get(k) or json.dumps(v, ensure_ascii=False)}" for k, v in golden.items())
    with open(path, "w", newline="\n") as f:
        f.write("{\n" + head + "\n}\n")


def main() -> None:
    warnings.filterwarnings("ignore", message=".*max_length")
    write_audio()
    for spec in models.MODELS:
        folder = os.path.join(OUT, spec.name)
        models.write(folder, spec)
        oracle = Oracle(folder)
        write_mel(oracle)
        done = [run(oracle, spec.vocab, *r) for r in runs()]
        kept = DELAYS_MS.index(TENSORS_MS)
        stages, steps = tensors(oracle, done[kept][0]["tokens"], done[kept][1])
        save_file(stages, os.path.join(folder, "golden.safetensors"))
        dump(os.path.join(folder, "golden.json"), {
            "model": spec.name, "about": spec.about, "tensors_of_run": kept, "logits_steps": steps,
            "runs": [r for r, _ in done], "decode": split_cases(spec.vocab)})
        ids = [t for r, _ in done for t in r["tokens"]]
        print(f"{spec.name}: {len(ids)} ids, {len(set(ids))} different, smallest margin {min(m for r, _ in done for m in r['margins'])}", flush=True)


if __name__ == "__main__":
    main()
