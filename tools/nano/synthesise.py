"""Makes one shard of speech: NAME.s16 (16 kHz mono, utterance after utterance) and NAME.jsonl (one line each).

    python synthesise.py OUT/espeak0 --engine espeak --hours 2 --seed 1
    python synthesise.py OUT/slt0    --engine flite --voice slt --convert 0.5 --hours 1 --seed 2
    python synthesise.py OUT/test_rms --engine flite --voice rms --evaluation --count 200 --seed 3
"""
import argparse
import json
import random

import numpy as np

import voices
import words

PEAK = 26000            # of 32767; the loudness is drawn again when an utterance is used
LEAD, TAIL = .05, .10   # seconds kept before the first word and after the last


def trim(u):
    """Cuts the silence at both ends; times follow.  None: nothing was spoken."""
    start = max(0., u.words[0][1] - LEAD)
    first, last = int(start * voices.RATE), min(len(u.audio), int((u.words[-1][2] + TAIL) * voices.RATE))
    audio = u.audio[first:last]
    peak = np.abs(audio).max(initial=0)
    if peak < 3e-3:
        return None
    move = lambda items: [(x, round(max(0, a - start), 4), round(b - start, 4)) for x, a, b in items if b > start]
    return (audio / peak * PEAK).astype(np.int16), move(u.words), move(u.phones)


def utterances(args):
    r = random.Random(args.seed)
    sentence = words.evaluation_sentence if args.evaluation else words.training_sentence
    while True:
        voice = r.choice(args.voice) if args.voice else None
        text = sentence(r)
        voice = voice or voices.draw_voice(args.engine, r)
        u = voices.speak(args.engine, voice, text, voices.draw_style(args.engine, voice, r))
        if u is not None and args.convert > r.random():
            u = voices.convert(u, r)
        cut = trim(u) if u is not None else None
        if cut is not None:
            yield u.voice, *cut


def main():
    p = argparse.ArgumentParser()
    p.add_argument("out")
    p.add_argument("--engine", choices=["espeak", "flite", "festival"], required=True)
    p.add_argument("--voice", action="append", help="one of these; default: any that is not held out")
    p.add_argument("--convert", type=float, default=0., help="share of utterances turned into new speakers (WORLD)")
    p.add_argument("--evaluation", action="store_true", help="held-out sentences")
    p.add_argument("--hours", type=float, default=0.)
    p.add_argument("--count", type=int, default=0)
    p.add_argument("--seed", type=int, required=True)
    args = p.parse_args()
    offset = count = 0
    with open(args.out + ".s16", "wb") as samples, open(args.out + ".jsonl", "w") as index:
        for voice, audio, spoken, phones in utterances(args):
            samples.write(audio.tobytes())
            index.write(json.dumps(dict(offset=offset, length=len(audio), voice=voice, words=spoken, phones=phones)) + "\n")
            offset, count = offset + len(audio), count + 1
            if (args.hours and offset >= args.hours * 3600 * voices.RATE) or (args.count and count >= args.count):
                break
    print(f"{args.out}: {count} utterances, {offset / voices.RATE / 3600:.2f} hours")


if __name__ == "__main__":
    main()
