"""Training segments: utterances in a row, disturbed, with Voxtral's targets."""
import json
import math
import random
from pathlib import Path

import numpy as np
import torch

from features import FRAME, SILENCE, log_mel
from model import BOS, PAD, WORD
from words import WORDS

RATE = 16000
FRAMES = 112                                    # 80 ms frames of one segment, 8.96 s
WORD_CLASS = {word: i + 1 for i, word in enumerate(WORDS)}      # of the auxiliary word head; 0: no word ends here
DEFAULT_DELAY, OTHER_DELAYS, LONGEST_DELAY = 6, range(1, 16), 30


class Shards:
    """All NAME.s16 / NAME.jsonl pairs of a folder; a shard is drawn in proportion to the root of its length."""

    def __init__(self, folder):
        self.shards = []
        for index in sorted(Path(folder).glob("*.jsonl")):
            entries = [json.loads(line) for line in index.open()]
            self.shards.append((np.memmap(index.with_suffix(".s16"), np.int16, "r"), entries))
        self.weights = [math.sqrt(len(samples)) for samples, _ in self.shards]
        self.hours = sum(len(samples) for samples, _ in self.shards) / RATE / 3600

    def draw(self, r):
        samples, entries = r.choices(self.shards, self.weights)[0]
        entry = r.choice(entries)
        audio = samples[entry["offset"]:entry["offset"] + entry["length"]].astype(np.float32) / 32768
        return audio, entry["words"], entry["phones"]


class Noise:
    """Recordings' worth of noise, made once and cut at random: white to brown, hum, and notes in chords."""

    def __init__(self, seed, seconds=20):
        rng = np.random.default_rng(seed)
        n = seconds * RATE
        spectrum, hertz = np.fft.rfft(rng.standard_normal(n)), np.fft.rfftfreq(n, 1 / RATE)
        shapes = [(hertz + 30) ** -slope for slope in (0, .25, .5, .75, 1, 1.3)]
        shapes += [np.exp(-(np.log((hertz + 1) / centre) / .8) ** 2) for centre in (300, 700, 1500, 3000)]
        bank = [np.fft.irfft(spectrum * shape, n) for shape in shapes]
        bank += [self.hum(rng, n) for _ in range(3)] + [self.music(rng, n) for _ in range(6)]
        self.bank = [(x / x.std()).astype(np.float32) for x in bank]

    @staticmethod
    def hum(rng, n):
        t, base = np.arange(n) / RATE, rng.choice([50, 60, 100, 120])
        return sum(rng.random() * np.sin(2 * np.pi * base * h * t + rng.random() * 6) for h in range(1, 6)) + \
            .2 * rng.standard_normal(n)

    @staticmethod
    def music(rng, n):
        """Decaying notes of a scale, several at once, each with a few harmonics."""
        out, scale = np.zeros(n), 110 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 19, 24]) / 12)
        for start in np.arange(0, n - RATE, RATE * rng.uniform(.12, .4)).astype(int):
            for note in rng.choice(scale, rng.integers(1, 4)) * rng.choice([1, 2]):
                t = np.arange(min(n - start, int(RATE * rng.uniform(.3, 1.5)))) / RATE
                tone = sum(np.sin(2 * np.pi * note * h * t) / h ** rng.uniform(.7, 2) for h in range(1, 7))
                out[start:start + len(t)] += tone * np.exp(-t * rng.uniform(1, 6)) * rng.uniform(.3, 1)
        return out

    def draw(self, r, n):
        x = r.choice(self.bank)
        at = r.randrange(len(x) - n)
        return x[at:at + n]


def resample(audio, words, phones, speed):
    """Pitch, formants and tempo together, by linear interpolation."""
    at = np.arange(int(len(audio) / speed)) * speed
    move = lambda items: [(x, a / speed, b / speed) for x, a, b in items]
    return np.interp(at, np.arange(len(audio)), audio).astype(np.float32), move(words), move(phones)


def reverberate(x, r, rng):
    """A room: an exponentially decaying tail."""
    n = int(RATE * r.uniform(.05, .35))
    tail = rng.standard_normal(n) * np.exp(-np.arange(n) / (n * r.uniform(.12, .3)))
    tail *= r.uniform(.1, .5) / np.sqrt((tail ** 2).sum())
    tail[0] = 1
    size = 1 << (len(x) + n - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(tail, size), size)[:len(x)].astype(np.float32)


def targets(words, delay, tokenizer, frames):
    """Ids [frames]: a word that ends in frame f is said at f + delay, as WORD and its tokens, one a frame.

    A word that comes while the one before is still being said follows it without WORD.
    """
    ids, free = np.full(frames, PAD, np.int64), 0
    for word, _, end in words:
        frame = int(end * RATE // FRAME)
        if frame >= frames:
            break
        tokens, at = tokenizer.encode(" " + word), frame + delay
        if at > free or free == 0:
            tokens, free = [WORD] + tokens, max(at, free)
        for token in tokens:
            if free < frames:
                ids[free] = token
            free += 1
    return ids


class Segments:
    """Draws batches of training segments from shards."""

    def __init__(self, folder, tokenizer, seed):
        self.shards, self.tokenizer = Shards(folder), tokenizer
        self.r, self.rng = random.Random(seed), np.random.default_rng(seed)
        self.noise = Noise(seed)

    def utterance(self):
        r = self.r
        audio, words, phones = self.shards.draw(r)
        if r.random() < .75:
            audio, words, phones = resample(audio, words, phones, math.exp(r.uniform(-.2, .16)))
        return audio * r.uniform(.3, 1.), words, phones

    def fill(self, first, end):
        """Utterances in a row from sample `first` to about `end`."""
        r, audio, words, phones = self.r, np.zeros(FRAMES * FRAME, np.float32), [], []
        at = first + int(r.uniform(0, .3) * RATE)
        while at < len(audio) - RATE // 2:
            spoken, w, p = self.utterance()
            if at + len(spoken) > end and words:
                break
            stop = min(len(audio), at + len(spoken))
            audio[at:stop] = spoken[:stop - at]
            words += [(x, a + at / RATE, b + at / RATE) for x, a, b in w]
            phones += [(x, a + at / RATE, b + at / RATE) for x, a, b in p]
            at += len(spoken) + int(RATE * (r.uniform(0, .25) if r.random() < .75 else r.uniform(.2, 1.5)))
        return audio, words, phones, min(len(audio), max(end, at))

    def disturb(self, x, silent):
        r = self.r
        if r.random() < .15:
            x = reverberate(x, r, self.rng)
        if silent or r.random() < .5:
            level = .12 * 10 ** (-r.uniform(0 if silent else 4, 45) / 20)
            x = x + level * self.noise.draw(r, len(x))
        x = x * 10 ** (r.uniform(-18, 2) / 20)
        return x if r.random() < .5 else np.clip(x, -1, 1)

    def segment(self):
        """One segment: audio, token inputs, targets, which targets count, phones, words, delay."""
        r = self.r
        left = r.choice([2, 2, 3, 3, 4, 5, 6, 16, 32])
        delay = DEFAULT_DELAY if r.random() < .35 else LONGEST_DELAY if r.random() < .06 else r.choice(OTHER_DELAYS)
        silent, first, end = r.random() < .05, left * FRAME, FRAMES * FRAME
        if r.random() < .15:
            end = int(end * r.uniform(.6, .9))              # zeros after it, as when the audio has ended
        if silent:
            audio, words, phones = np.zeros(FRAMES * FRAME, np.float32), [], []
        else:
            audio, words, phones, end = self.fill(first, end)
        audio[first:end] = self.disturb(audio[first:end], silent)
        ids = targets(words, delay, self.tokenizer, FRAMES)
        inputs = np.concatenate([[BOS], ids[:-1]])
        inputs[1:left + delay + 1] = PAD
        counts = np.arange(FRAMES) >= left + delay
        phone_labels = np.zeros(FRAMES * 4, np.int64)       # encoder frames of 20 ms, 40 ms late
        for phone, a, b in phones:
            phone_labels[math.ceil(a * 50 + 2):math.ceil(b * 50 + 2)] = phone
        word_labels = np.zeros(FRAMES, np.int64)            # one frame after the word's end
        for word, _, b in words:
            if (frame := int(b * RATE // FRAME) + 1) < FRAMES:
                word_labels[frame] = WORD_CLASS[word]
        return audio, inputs, ids, counts, phone_labels, word_labels, delay

    def microphone(self, batch):
        """Random smooth equalisers [B, 128, 1], some with the high band cut."""
        r, mel = self.r, torch.arange(128) / 127
        out = torch.zeros(batch, 128, 1)
        for row in out:
            for k in range(1, 4):
                row[:, 0] += r.gauss(0, .2) * torch.cos(math.pi * k * mel + r.uniform(0, 3))
            if r.random() < .1:
                cut = r.randint(70, 110)
                row[cut:, 0] -= torch.linspace(0, r.uniform(1, 4), 128 - cut)
        return out

    def warp(self, mel):
        """Vocal tract lengths: stretches the mel axis of each item; mel [B, 128, T]."""
        r, out = self.r, mel
        for b in range(len(mel)):
            if r.random() < .5:
                at = torch.clamp(torch.arange(128) * math.exp(r.uniform(-.1, .1)) + r.uniform(-2, 2), 0, 127)
                low = at.long().clamp(max=126)
                share = (at - low)[:, None]
                out[b] = mel[b, low] * (1 - share) + mel[b, low + 1] * share
        return out

    def mask(self, mel):
        """SpecAugment, lightly."""
        r = self.r
        for item in mel:
            if r.random() < .5:
                width = r.randint(2, 16)
                first = r.randint(0, 128 - width)
                item[first:first + width] = item.mean()
            if r.random() < .4:
                width = r.randint(2, 10)
                first = r.randint(0, item.shape[1] - width)
                item[:, first:first + width] = SILENCE

    def batch(self, size):
        """mel [B, 128, 8 FRAMES], then inputs, ids, counts, phone and word labels, delays."""
        items = list(zip(*(self.segment() for _ in range(size))))
        mel = self.warp(log_mel(torch.from_numpy(np.stack(items[0])), self.microphone(size)))
        self.mask(mel)
        return mel, *(torch.from_numpy(np.stack(item)) for item in items[1:6]), torch.tensor(items[6])
