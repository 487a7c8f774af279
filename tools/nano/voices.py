"""Synthetic speakers: `speak(engine, voice, text, style)` returns an Utterance with the times of words and phones.

The synthesisers are Debian's espeak-ng, flite and festival (with festvox-kallpc16k, festvox-kdlpc16k and
festvox-us-slt-hts).  Voices in HELD_OUT are for the evaluation only.
"""
import os
import random
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache

import numpy as np
import soundfile
import soxr

from espeak import SAMPLE_RATE as ESPEAK_RATE, Espeak

RATE = 16000
PHONES = ("pau aa ae ah ao aw ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y z "
          "zh").split()
PHONE_ID = {phone: i for i, phone in enumerate(PHONES)}
# Names outside the 40 phones: flite's and festival's reduced ones, then espeak's mnemonics.
OTHER_PHONES = dict(ax="ah", axr="er", el="l", em="m", en="n", hv="hh", dx="t")
ESPEAK_PHONES = {
    "I": "ih", "E": "eh", "i:": "iy", "@": "ah", "aI": "ay", "oU": "ow", "eI": "ey", "a": "ae", "V": "ah", "D": "dh",
    "a#": "ah", "u:": "uw", "0": "aa", "3": "er", "h": "hh", "j": "y", "i": "iy", "I2": "ih", "O@": "ao", "aU": "aw",
    ";": "y", "U": "uh", "T": "th", "A@": "aa", "3:": "er", "N": "ng", "tS": "ch", "@2": "ah", "S": "sh", "dZ": "jh",
    "O:": "ao", "@L": "l", "r-": "r", "aa": "ae", "o@": "ao", "e@": "eh", "A:": "aa", "t#": "t", "i@3": "iy",
    "OI": "oy", "i@": "iy", "U@": "uh", "t[": "t", "O2": "aa", "aI2": "ay", "I#": "ih", "Z": "zh", "VR": "er",
    "@-": "ah", "IR": "er", "t2": "t", "w#": "w", "aI@": "ay", "@5": "ah"}

HELD_OUT = {"espeak": {"f4", "m5", "Gene", "Annie", "steph2", "benjamin"}, "flite": {"rms"}}
UNCLEAR = {"whisper", "whisperf", "Demonic", "UniRobot", "anikaRobot", "Storm", "croak", "Tweaky", "robosoft",
           *(f"robosoft{i}" for i in range(2, 9)), "RicishayMax", "RicishayMax2", "RicishayMax3", "fast", "klatt6",
           "Mr serious", "Nguyen"}
ACCENTS = ["en-us"] * 5 + ["gmw/en"] * 2 + ["en-us-nyc", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-gb-x-gbclan",
                                            "en-gb-x-gbcwmd"]


@dataclass
class Utterance:
    audio: np.ndarray      # f32 [samples], 16 kHz, about ±1
    words: list            # [(word, start, end)] in seconds
    phones: list           # [(phone id, start, end)] in seconds
    voice: str

    @property
    def text(self):
        return " ".join(word for word, _, _ in self.words)


def deal(phones, weights):
    """Splits a list of phones among words in proportion to their weights; None if a word gets none."""
    total, done, first, parts = sum(weights), 0, 0, []
    for weight in weights:
        done += weight
        last = min(max(first + 1, round(done / total * len(phones))), len(phones))
        parts.append(phones[first:last])
        first = last
    return parts if all(parts) else None


def phone_id(name, table=OTHER_PHONES):
    return PHONE_ID.get(table.get(name, name), PHONE_ID["ah"])


# ---- espeak-ng ------------------------------------------------------------------------------------------------
@cache
def espeak():
    return Espeak()


@cache
def espeak_variants():
    folder = next(d for d in ("/usr/lib/x86_64-linux-gnu/espeak-ng-data", "/usr/lib/aarch64-linux-gnu/espeak-ng-data",
                              "/usr/share/espeak-ng-data") if os.path.isdir(d))
    names = set(os.listdir(folder + "/voices/!v"))
    return sorted(names - UNCLEAR - HELD_OUT["espeak"])


def speak_espeak(voice, text, style):
    spoken = espeak().speak(text, voice, style["rate"], style["pitch"], style["range"])
    if spoken is None or len(spoken[0]) < 3000:
        return None
    samples, events = spoken
    phones = []                                            # (id, start, end, text position of its word)
    for i, (name, sample, position) in enumerate(events):
        end = events[i + 1][1] if i + 1 < len(events) else len(samples)
        silent = name == "" or name.startswith("_")
        known = name if name in ESPEAK_PHONES else name.rstrip("#2:-@")
        phones.append((0 if silent else phone_id(known, ESPEAK_PHONES), sample / ESPEAK_RATE, end / ESPEAK_RATE,
                       -1 if silent else position))
    words = espeak_words(text.split(), [p for p in phones if p[3] > 0])
    if words is None:
        return None
    audio = soxr.resample(samples.astype(np.float32) / 32768, ESPEAK_RATE, RATE, quality="MQ")
    return Utterance(audio, words, [p[:3] for p in phones], "espeak:" + voice)


def espeak_words(names, phones):
    """Phones carry the text position of their word; words that espeak joins share phones by their letters."""
    positions, at = [], 1
    for name in names:
        positions.append(at)
        at += len(name) + 1
    words = []
    groups = sorted({p[3] for p in phones})
    for i, group in enumerate(groups):
        low, high = (0 if i == 0 else group), (groups[i + 1] if i + 1 < len(groups) else 1 << 30)
        members = [n for n, p in zip(names, positions) if low <= p < high]
        parts = deal([p for p in phones if p[3] == group], [len(m) for m in members]) if members else None
        if parts is None:
            return None
        words += [(m, part[0][1], part[-1][2]) for m, part in zip(members, parts)]
    return words if len(words) == len(names) else None


# ---- flite ----------------------------------------------------------------------------------------------------
@cache
def flite_phone_count(word):
    out = subprocess.run(["flite", "-voice", "kal16", "-ps", "-t", word, "-o", "none"], capture_output=True, text=True)
    return len([p for p in out.stdout.split() if p != "pau"])


def speak_flite(voice, text, style):
    """Words get their phones by the count of phones of each word spoken alone."""
    with tempfile.NamedTemporaryFile(suffix=".wav", dir="/dev/shm") as file:
        options = [x for k, v in style.items() for x in ("--setf", f"{k}={v:.3f}")]
        out = subprocess.run(["flite", "-voice", voice, "-psdur", *options, "-t", text, "-o", file.name],
                             capture_output=True, text=True).stdout
        audio, rate = soundfile.read(file.name, dtype="float32")
    phones, start = [], 0.
    for item in out.split():
        name, end = item.rsplit(":", 1)
        phones.append((phone_id(name), start, float(end)))
        start = float(end)
    sounded, names = [p for p in phones if p[0] != 0], text.split()
    counts = [flite_phone_count(name) for name in names]
    if abs(sum(counts) - len(sounded)) > 1:
        return None
    parts = deal(sounded, counts)
    if parts is None:
        return None
    words = [(name, part[0][1], part[-1][2]) for name, part in zip(names, parts)]
    return Utterance(audio if rate == RATE else soxr.resample(audio, rate, RATE), words, phones, "flite:" + voice)


# ---- festival -------------------------------------------------------------------------------------------------
FESTIVAL_VOICES = ["kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts"]
FESTIVAL_SAY = """
(define (say text wave times stretch pitch)
  (Param.set 'Duration_Stretch stretch)
  (set! int_lr_params (list (list 'target_f0_mean pitch) (list 'target_f0_std (* pitch 0.14))
                            '(model_f0_mean 170) '(model_f0_std 34)))
  (let ((u (eval (list 'Utterance 'Text text))) (out (fopen times "w")))
    (utt.synth u)
    (utt.save.wave u wave)
    (mapcar (lambda (w) (format out "word %s %f %f\\n" (item.name w)
        (item.feat w "R:SylStructure.daughter1.daughter1.segment_start")
        (item.feat w "R:SylStructure.daughtern.daughtern.end"))) (utt.relation.items u 'Word))
    (mapcar (lambda (s) (format out "phone %s 0 %f\\n" (item.name s) (item.feat s "end")))
            (utt.relation.items u 'Segment))
    (fclose out)))
"""


class Festival:
    """One festival process that speaks sentence after sentence; the times come back through a named pipe."""

    def __init__(self, voice):
        self.voice = voice
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.wave, self.times = self.folder.name + "/wave", self.folder.name + "/times"
        os.mkfifo(self.times)
        self.process = subprocess.Popen(["festival", "--pipe"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, text=True, bufsize=1)
        self.process.stdin.write(f"(voice_{voice})\n{FESTIVAL_SAY}")

    def speak(self, text, style):
        settings = f"{style['stretch']:.3f} {style['pitch']:.1f}"
        self.process.stdin.write(f'(say "{text}" "{self.wave}" "{self.times}" {settings})\n')
        words, phones, start = [], [], 0.
        with open(self.times) as lines:
            for kind, name, begin, end in map(str.split, lines):
                if kind == "word":
                    words.append((name, float(begin), float(end)))
                else:
                    phones.append((phone_id(name), start, float(end)))
                    start = float(end)
        if [w for w, _, _ in words] != text.split():
            return None
        audio, rate = soundfile.read(self.wave, dtype="float32")
        return Utterance(audio if rate == RATE else soxr.resample(audio, rate, RATE), words, phones,
                         "festival:" + self.voice)


@cache
def festival(voice):
    return Festival(voice)


# ---- any voice ------------------------------------------------------------------------------------------------
PLAIN = {"espeak": dict(rate=165, pitch=50, range=50), "flite": {}, "festival": dict(stretch=1.1, pitch=105)}


def draw_voice(engine, r: random.Random):
    """Any voice that is not held out."""
    if engine == "espeak":
        return r.choice(ACCENTS) + ("+" + r.choice(espeak_variants()) if r.random() < .85 else "")
    return r.choice(["slt", "awb", "kal16"] if engine == "flite" else FESTIVAL_VOICES)


def draw_style(engine, voice, r: random.Random):
    """A manner of speaking: tempo and pitch."""
    clip = lambda x: int(min(95, max(5, x)))
    if engine == "espeak":
        return dict(rate=int(r.uniform(115, 220)), pitch=clip(r.gauss(50, 18)), range=clip(r.gauss(50, 20)))
    if engine == "festival":
        return dict(stretch=r.uniform(.8, 1.3), pitch=r.uniform(80, 180))
    style = dict(duration_stretch=r.uniform(.78, 1.3))
    if voice == "kal16":
        style["int_f0_target_mean"] = r.uniform(80, 150)
    elif voice in ("slt", "awb"):
        style["f0_shift"] = r.uniform(.75, 1.35)
    return style


def speak(engine, voice, text, style):
    """None where the times of the words cannot be told."""
    if engine == "festival":
        return festival(voice).speak(text, style)
    return (speak_espeak if engine == "espeak" else speak_flite)(voice, text, style)


def convert(u: Utterance, r: random.Random):
    """A new speaker from an old one: the WORLD vocoder with other pitch, formants and breath; times stay."""
    import pyworld
    x = u.audio.astype(np.float64)
    f0, at = pyworld.dio(x, RATE)
    f0 = pyworld.stonemask(x, f0, at, RATE)
    envelope = pyworld.cheaptrick(x, f0, at, RATE)                      # [frames, 513]
    breath = pyworld.d4c(x, f0, at, RATE)
    warp = np.exp(r.uniform(-.17, .17))                                 # formants up or down
    bins = np.clip(np.arange(envelope.shape[1]) / warp, 0, envelope.shape[1] - 1)
    low = np.minimum(bins.astype(int), envelope.shape[1] - 2)
    envelope = np.exp(np.log(envelope)[:, low] * (1 - (bins - low)) + np.log(envelope)[:, low + 1] * (bins - low))
    envelope = envelope * np.exp(r.uniform(-1.5, 1.5) * np.linspace(0, 1, envelope.shape[1]))   # tilt
    voiced = f0 > 0
    if voiced.any():
        mean = np.exp(np.log(f0[voiced]).mean())
        target = mean * np.exp(r.uniform(-.5, .5))
        f0 = np.where(voiced, np.clip(target * (np.maximum(f0, 1) / mean) ** r.uniform(.6, 1.5), 55, 420), 0)
    breath = np.clip(breath ** np.exp(r.uniform(-.5, .5)), 0, 1)
    audio = pyworld.synthesize(f0, np.ascontiguousarray(envelope), np.ascontiguousarray(breath), RATE)
    return Utterance(audio[:len(x)].astype(np.float32), u.words, u.phones, u.voice + "+world")
