"""Small generated recordings, and WAV files of them: 16 kHz, mono, signed 16 bit."""
import wave

import numpy as np

RATE = 16000


def babble(seconds: float, samples_extra: int, seed: int) -> np.ndarray:
    """A voice-like signal, int16: harmonics of a gliding pitch, syllable envelopes, hiss, pauses, one click."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE) + samples_extra
    t = np.arange(n) / RATE
    pitch = 140 + 60 * np.sin(2 * np.pi * 0.7 * t) + 30 * np.sin(2 * np.pi * 2.3 * t + 1)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    formant = 600 + 900 * (0.5 + 0.5 * np.sin(2 * np.pi * 1.9 * t + 2))
    voice = np.zeros(n)
    for k in range(1, 24):
        distance = (k * pitch - formant) / 250
        voice += np.sin(k * phase) * (np.exp(-0.5 * distance**2) + 0.3 / k)
    syllable = np.clip(np.sin(2 * np.pi * 2.1 * t) + 0.4 * np.sin(2 * np.pi * 0.6 * t), 0, None)
    hiss = rng.standard_normal(n) * np.clip(np.sin(2 * np.pi * 1.3 * t + 4) - 0.6, 0, None)
    signal = 0.18 * voice * syllable + 0.25 * hiss
    signal[n // 3 : n // 3 + RATE // 4] = 0  # a pause of true silence
    signal[2 * n // 3] = 0.9  # a click: one sample
    return np.clip(np.round(signal * 32767), -32768, 32767).astype("<i2")


def write_wav(path: str, samples: np.ndarray) -> None:
    with wave.open(path, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes(samples.tobytes())


def read_wav(path: str) -> np.ndarray:
    """float32 in [-1, 1): s16 / 32768."""
    with wave.open(path, "rb") as w:
        assert (w.getnchannels(), w.getsampwidth(), w.getframerate()) == (1, 2, RATE), path
        pcm = np.frombuffer(w.readframes(w.getnframes()), dtype="<i2")
    return pcm.astype(np.float32) / 32768
