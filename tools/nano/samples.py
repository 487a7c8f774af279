"""Makes the recordings of samples/: short WAVs (16 kHz mono s16) and expected.json with what was said, and when.

    python samples.py ../../samples

Every file is one or more utterances with pauses between; words carry their true times in seconds.  A WAV that is
there already stays as it is, because others are made from it; its times are those of the same utterances.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import soundfile

import voices

KITCHEN = ("flite", "slt", "turn on the kitchen lights please")
TIMER = ("flite", "rms", "set a timer for twenty five minutes")
NATO = ("flite", "kal16", "alpha bravo charlie seven nine two")
DIGITS = ("flite", "slt", "one two three four five six seven eight nine zero")
WEATHER = ("flite", "rms", "what is the weather today")
FRIDAY = ("espeak", "en-us", "tomorrow is friday morning")
GARDEN = ("espeak", "en-us+f3", "please open the garden window")
SCOTLAND = ("espeak", "en-gb-scotland", "the red car is very fast")
FRIDAY_TAIL, GARDEN_TAIL, SCOTLAND_TAIL = .324, .3054, .323      # silence that espeak-ng put after these

# name -> utterances (engine, voice, text) and pauses in seconds
SAMPLES = {
    "kitchen": [KITCHEN], "timer": [TIMER], "nato": [NATO], "digits": [DIGITS], "weather": [WEATHER],
    "espeak_us": [FRIDAY, FRIDAY_TAIL], "espeak_f3": [GARDEN, GARDEN_TAIL], "scotland": [SCOTLAND, SCOTLAND_TAIL],
    "long_mixed": [KITCHEN, .5, TIMER, .5, NATO, .5, DIGITS, .5, WEATHER, .5, FRIDAY, FRIDAY_TAIL + .5, GARDEN,
                   GARDEN_TAIL + .5, SCOTLAND, SCOTLAND_TAIL + .5],
    "friend": [.3, ("festival", "ked_diphone", "hello my friend where is your brother"), .4],
    "music": [.3, ("festival", "cmu_us_slt_arctic_hts", "play some more music in the bedroom"), .4],
    "unheard": [.3, ("espeak", "en-us+Annie", "thank you and good night"), .4],
    "demo": [.2, ("flite", "slt", "good morning my friend"), .2,
             ("flite", "slt", "the weather is good today and the sun is out"), .3,
             ("flite", "slt", "please open the window and turn off all the lights"), .3,
             ("flite", "slt", "call me tonight"), .3],
    "long_pauses": [1., ("flite", "slt", "hello this is a test of the speech to text system"), 1.5,
                    ("flite", "awb", "what is the weather today"), .8,
                    ("espeak", "en-us", "set the temperature to twenty one degrees"), 2.5, NATO, 1.,
                    ("festival", "ked_diphone", "the train will come at ten in the evening"), 3.5,
                    ("festival", "cmu_us_slt_arctic_hts", "two hundred plus forty equals two hundred forty"), .6,
                    ("espeak", "en-gb-scotland", "the big white dog is very happy"), 1.2,
                    ("flite", "slt", "send me a message with your number"), 5.,
                    ("espeak", "gmw/en+f2", "thank you for your help and good night"), .7,
                    ("flite", "awb", "my brother has a new red car"), 2., ("flite", "slt", "goodbye"), 1.5],
}


def build(parts):
    """Audio f32 at 16 kHz, the voices in order, and [(word, start, end)]."""
    audio, speakers, words, at = [], [], [], 0
    for part in parts:
        if isinstance(part, float):
            piece = np.zeros(int(part * voices.RATE), np.float32)
        else:
            engine, voice, text = part
            u = voices.speak(engine, voice, text, voices.PLAIN[engine])
            piece = u.audio / np.abs(u.audio).max() * .5
            words += [(w, a + at / voices.RATE, b + at / voices.RATE) for w, a, b in u.words]
            speakers.append(u.voice)
        audio.append(piece)
        at += len(piece)
    return np.concatenate(audio), speakers, words


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder", type=Path)
    folder = p.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    expected = {}
    for name, parts in SAMPLES.items():
        audio, speakers, words = build(parts)
        if not (folder / f"{name}.wav").exists():
            soundfile.write(folder / f"{name}.wav", audio, voices.RATE, "PCM_16")
        expected[f"{name}.wav"] = dict(
            voice=", ".join(dict.fromkeys(speakers)), text=" ".join(w for w, _, _ in words),
            words=[dict(word=w, start=round(a, 3), end=round(b, 3)) for w, a, b in words])
        print(f"{name}.wav {len(audio) / voices.RATE:.1f} s: {expected[f'{name}.wav']['text']}")
    # one sample a line: short to read, and small differences when one changes
    lines = [f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in expected.items()]
    (folder / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
