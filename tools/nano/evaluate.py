"""Held-out evaluation: prints a markdown table and writes it.

    python evaluate.py WEIGHTS --sets FOLDER [--out table.md]

WEIGHTS: a folder with consolidated.safetensors, or a training checkpoint (rounded to BF16 first, as exported).
The sets are synthesised into FOLDER, seeded, where they are not there yet; sentences are those that is_held_out.
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from dataset import Noise
from features import FRAME, log_mel, padded
from model import Voxtral
from tokenizer import CONTROL, Tokenizer
from voices import ACCENTS, HELD_OUT, RATE

DEFAULT_DELAY = 6
COUNT = 150                 # utterances a set
UNSEEN = [f"{accent}+{v}" for accent in sorted(set(ACCENTS))[:4] + ["en-us"] for v in sorted(HELD_OUT["espeak"])]
SETS = {                    # name -> options of synthesise.py
    "espeak, trained variants": ["--engine", "espeak"],
    "flite and festival, trained speakers": None,          # the next five, mixed
    "espeak, six variants never heard": ["--engine", "espeak", *(f"--voice={v}" for v in UNSEEN)],
    "flite rms, a speaker never heard": ["--engine", "flite", "--voice", "rms"],
}
SPEAKERS = [("flite", "slt"), ("flite", "awb"), ("flite", "kal16"), ("festival", "ked_diphone"),
            ("festival", "cmu_us_slt_arctic_hts")]


def synthesise(path, options, count, seed):
    if not path.with_suffix(".jsonl").exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, Path(__file__).with_name("synthesise.py"), path, *options, "--evaluation",
                        "--count", str(count), "--seed", str(seed)], check=True)
    samples = np.fromfile(path.with_suffix(".s16"), np.int16)
    return [(samples[e["offset"]:e["offset"] + e["length"]] / np.float32(65536), e["words"])
            for e in map(json.loads, path.with_suffix(".jsonl").open())]


def load_sets(folder):
    """name -> [(audio f32 with up to half a second of silence before it, [(word, start, end)])], seeded."""
    sets = {}
    for i, (name, options) in enumerate(SETS.items()):
        if options:
            sets[name] = synthesise(folder / f"set{i}", options, COUNT, 900 + i)
        else:
            sets[name] = [u for j, (engine, voice) in enumerate(SPEAKERS) for u in synthesise(
                folder / f"set{i}_{voice}", ["--engine", engine, "--voice", voice], COUNT // len(SPEAKERS), 950 + j)]
    rng = np.random.default_rng(7)
    for name, items in sets.items():
        leads = rng.uniform(.05, .5, len(items))
        sets[name] = [(np.concatenate([np.zeros(int(lead * RATE), np.float32), audio]),
                       [(w, a + lead, b + lead) for w, a, b in words]) for lead, (audio, words) in zip(leads, items)]
    return sets


def load_model(path):
    state = torch.load(path)["trainee"] if path.suffix == ".pt" else load_file(path / "consolidated.safetensors")
    prefix = "model." if path.suffix == ".pt" else ""
    model = Voxtral()
    model.load_state_dict({k.removeprefix(prefix): v.bfloat16().float() for k, v in state.items()
                           if k.removeprefix(prefix) in model.state_dict()})
    return model.eval()


def transcribe(model, clips, delay=DEFAULT_DELAY, batch=30):
    """Ids of each clip, one a frame from the end of the prompt; clips of similar length go together."""
    out = [None] * len(clips)
    order = sorted(range(len(clips)), key=lambda i: len(clips[i]))
    for first in range(0, len(order), batch):
        part = order[first:first + batch]
        ids = model.generate(log_mel(padded([clips[i] for i in part], delay)), delay).tolist()
        for i, row in zip(part, ids):
            out[i] = row
    return out


def said(ids, tokenizer):
    """[(word, step of its first token)]: tokens that begin with a space begin a word."""
    words = []
    for step, token in enumerate(ids):
        if token >= CONTROL:
            if tokenizer.bytes[token - CONTROL].startswith(b" ") or not words:
                words.append(([], step))
            words[-1][0].append(token)
    return [(tokenizer.decode(tokens).strip(), step) for tokens, step in words]


def align(reference, hypothesis):
    """Edit distance of two lists of words, and the pairs (i, j) of equal words on one best path."""
    n, m = len(reference), len(hypothesis)
    cost = np.zeros((n + 1, m + 1), int)
    cost[:, 0], cost[0] = range(n + 1), range(m + 1)
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost[i, j] = min(cost[i - 1, j] + 1, cost[i, j - 1] + 1,
                             cost[i - 1, j - 1] + (reference[i - 1] != hypothesis[j - 1]))
    pairs, i, j = [], n, m
    while i and j:
        if cost[i, j] == cost[i - 1, j - 1] + (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
            if reference[i] == hypothesis[j]:
                pairs.append((i, j))
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return cost[n, m], pairs


def measure(model, tokenizer, items, delay=DEFAULT_DELAY, noise=None):
    """Word error rate in percent, and first-token step x 80 ms minus true word end, in seconds, of each right word."""
    clips = [audio for audio, _ in items]
    if noise is not None:
        rng = np.random.default_rng(11)
        clips = [add_noise(audio, noise, rng) for audio in clips]
    errors, count, offsets = 0, 0, []
    for ids, (_, words) in zip(transcribe(model, clips, delay), items):
        heard = said(ids, tokenizer)
        distance, pairs = align([w for w, _, _ in words], [w for w, _ in heard])
        errors, count = errors + distance, count + len(words)
        offsets += [heard[j][1] * FRAME / RATE - words[i][2] for i, j in pairs]
    return 100 * errors / count, np.array(offsets)


def add_noise(audio, decibels, rng):
    """White noise with a falling spectrum (half of it pink) at this ratio of powers, speech over noise."""
    spectrum = np.fft.rfft(rng.standard_normal(len(audio)))
    noise = np.fft.irfft(spectrum * (1 + (np.arange(len(spectrum)) / len(spectrum) + .01) ** -.5), len(audio))
    speech = audio[audio != 0]
    return audio + (noise / noise.std() * np.sqrt((speech ** 2).mean()) * 10 ** (-decibels / 20)).astype(np.float32)


def false_words(model, tokenizer, minutes=10):
    """Words heard in minutes of digital silence, noises, hum and music of several loudnesses."""
    bank = Noise(12345, seconds=60).bank
    rng = np.random.default_rng(13)
    clips = [np.zeros(60 * RATE, np.float32)]
    clips += [bank[i % len(bank)] * np.float32(.12 * 10 ** (-rng.uniform(0, 40) / 20)) for i in range(1, minutes)]
    return sum(len(said(ids, tokenizer)) for ids in transcribe(model, clips))


def report(model, tokenizer, sets):
    lines = ["| set | 160 ms | 480 ms | 960 ms | 480 ms, noise 20 dB | 480 ms, noise 10 dB |", "|---|---|---|---|---|---|"]
    offsets, out = [], lambda line: (lines.append(line), print(line, flush=True))
    for name, items in sets.items():
        rates = [measure(model, tokenizer, items, delay)[0] for delay in (2, 12)]
        middle, times = measure(model, tokenizer, items)
        noisy = [measure(model, tokenizer, items, noise=decibels)[0] for decibels in (20, 10)]
        offsets.append(times)
        out(f"| {name} | {rates[0]:.1f} | {middle:.1f} | {rates[1]:.1f} | {noisy[0]:.1f} | {noisy[1]:.1f} |")
    offsets = np.concatenate(offsets)
    error = np.abs(offsets - offsets.mean())
    out("")
    out(f"Word error rates in %, {COUNT} utterances a set. "
        f"False words in 10 minutes of silence, noise, hum and music: {false_words(model, tokenizer)}.")
    out(f"Word ends (480 ms): the first text token of a word comes at step k (0 = first id after the prompt) with "
        f"k x 80 ms = end + {1000 * offsets.mean():.0f} ms on average; with that taken off, the error is "
        f"{1000 * error.mean():.0f} ms on average and {1000 * np.quantile(error, .95):.0f} ms at the 95th percentile.")
    return "\n".join(lines) + "\n"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("weights", type=Path)
    p.add_argument("--sets", type=Path, required=True)
    p.add_argument("--out", type=Path)
    p.add_argument("--quick", action="store_true", help="only word error rates at 480 ms")
    args = p.parse_args()
    torch.set_num_threads(1)
    model, tokenizer, sets = load_model(args.weights), Tokenizer(), load_sets(args.sets)
    if args.quick:
        for name, items in sets.items():
            print(f"{name}: {measure(model, tokenizer, items)[0]:.1f}", flush=True)
    else:
        table = report(model, tokenizer, sets)
        if args.out:
            args.out.write_text(table)


if __name__ == "__main__":
    main()
