"""Voxtral's log-mel: n_fft 400, hop 160, 128 Slaney filters to 8 kHz, log10 clipped 8 below 1.5, (x + 4) / 4."""
import numpy as np
import torch

N_FFT, HOP, BINS, TOP = 400, 160, 128, 1.5
FRAME = 1280                # samples of one decoder step, 80 ms
LEFT_PAD = 32               # frames of silence before the audio
SILENCE = (TOP - 8 + 4) / 4


def mel_filters():
    """Slaney mel filters, f32 [201, 128]."""
    to_mel = lambda f: np.where(f >= 1000, 15 + np.log(np.maximum(f, 1) / 1000) * 27 / np.log(6.4), 3 * f / 200)
    to_hertz = lambda m: np.where(m >= 15, 1000 * np.exp(np.log(6.4) / 27 * (m - 15)), 200 * m / 3)
    edges = to_hertz(np.linspace(to_mel(np.float64(0)), to_mel(np.float64(8000)), BINS + 2))
    width, slope = np.diff(edges), edges[None] - np.linspace(0, 8000, N_FFT // 2 + 1)[:, None]
    filters = np.maximum(0, np.minimum(-slope[:, :-2] / width[:-1], slope[:, 2:] / width[1:]))
    return torch.tensor(filters * 2 / (edges[2:] - edges[:-2]), dtype=torch.float32)


FILTERS, WINDOW = mel_filters(), torch.hann_window(N_FFT)


def log_mel(audio, equaliser=None):
    """audio f32 [B, samples] -> [B, 128, samples / 160]; equaliser [B, 128, 1] is added in log10 units."""
    spectrum = torch.stft(audio, N_FFT, HOP, window=WINDOW, return_complex=True)[..., :-1]
    mel = (FILTERS.T @ (spectrum.real ** 2 + spectrum.imag ** 2)).clamp(min=1e-10).log10()
    if equaliser is not None:
        mel = mel + equaliser
    return (mel.clamp(min=TOP - 8) + 4) / 4


def padded(clips, delay):
    """Offline padding: 32 frames of zeros, the clip (f32 arrays), then zeros to a whole frame and delay + 11 more."""
    frames = -(-max(map(len, clips)) // FRAME)
    audio = torch.zeros(len(clips), (LEFT_PAD + frames + delay + 11) * FRAME)
    for row, clip in zip(audio, clips):
        row[LEFT_PAD * FRAME:LEFT_PAD * FRAME + len(clip)] = torch.as_tensor(clip)
    return audio
