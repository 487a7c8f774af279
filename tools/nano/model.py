"""Voxtral Realtime's architecture in PyTorch, with the tensor names of consolidated.safetensors."""
import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

BOS, PAD, WORD = 1, 32, 33      # STREAMING_PAD: nothing to say yet; STREAMING_WORD: a word's tokens follow


@dataclass
class Config:
    encoder_dim: int = 192
    encoder_layers: int = 4
    encoder_heads: int = 4
    encoder_hidden: int = 512
    encoder_window: int = 100
    dim: int = 256
    layers: int = 3
    heads: int = 8
    kv_heads: int = 2
    hidden: int = 640
    window: int = 64
    head_dim: int = 64
    time_dim: int = 32
    vocabulary: int = 4096
    mel_bins: int = 128
    theta: float = 1e6
    eps: float = 1e-5


def rope_table(positions, head_dim, theta):
    """cos and sin [T, head_dim / 2]."""
    angle = positions.float()[:, None] / theta ** (torch.arange(0, head_dim, 2).float() / head_dim)
    return angle.cos(), angle.sin()


def halves_first(weight, heads):
    """Reorders the rows of wq or wk (or its bias) so that RoPE's pairs (2i, 2i + 1) become (i, i + head_dim / 2).

    Scores do not change as queries and keys share the order, and contiguous halves rotate several times faster.
    """
    return weight.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2)


def rotate(x, table):
    """x [B, H, T, head_dim], halves first."""
    cos, sin = (t.to(x.dtype) for t in table)
    even, odd = x.chunk(2, -1)
    return torch.cat([even * cos - odd * sin, odd * cos + even * sin], -1)


def local_attention(q, k, v, window):
    """Causal attention over the last `window` positions, itself included; q, k, v [B, H, T, D] -> the same.

    Queries go in blocks that see their own block and the one before, which halves the work of a long T.
    """
    B, H, T, D = q.shape
    block = T if T <= 2 * window else min(b for b in range(window, T + 1) if T % b == 0)
    blocks = T // block
    q = q.reshape(B * H, blocks, block, D) * D ** -.5
    k, v = (x.reshape(B * H, blocks, block, D) for x in (k, v))
    if blocks > 1:
        k, v = (torch.cat([F.pad(x, (0, 0, 0, 0, 1, 0))[:, :-1], x], 2) for x in (k, v))
    scores = q @ k.transpose(-1, -2)                                    # [BH, blocks, block, block or 2 block]
    age = torch.arange(block)[:, None] - torch.arange(scores.shape[-1])[None] + scores.shape[-1] - block
    keep = ((age >= 0) & (age < window)).repeat(blocks, 1, 1)
    if blocks > 1:
        keep[0, :, :block] = False
    scores = scores + torch.zeros(keep.shape).masked_fill(~keep, -1e4).to(scores.dtype)
    with torch.autocast("cpu", enabled=False):                          # softmax in the dtype of the scores
        weights = scores.softmax(-1)
    return (weights @ v).view(B, H, T, D)


class Attention(nn.Module):
    def __init__(self, dim, heads, kv_heads, head_dim, bias):
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, head_dim
        self.wq = nn.Linear(dim, heads * head_dim, bias=bias)
        self.wk = nn.Linear(dim, kv_heads * head_dim, bias=False)
        self.wv = nn.Linear(dim, kv_heads * head_dim, bias=bias)
        self.wo = nn.Linear(heads * head_dim, dim, bias=bias)

    def forward(self, x, rope, window, cache=None):
        """x [B, T, dim]; cache: a list that holds the last keys and values, or None for a whole sequence."""
        B, T, _ = x.shape
        split = lambda y, heads: y.view(B, T, heads, self.head_dim).transpose(1, 2)
        bias = None if self.wq.bias is None else halves_first(self.wq.bias, self.heads)
        q = rotate(split(F.linear(x, halves_first(self.wq.weight, self.heads), bias), self.heads), rope)
        k = rotate(split(F.linear(x, halves_first(self.wk.weight, self.kv_heads)), self.kv_heads), rope)
        v, share = split(self.wv(x), self.kv_heads), self.heads // self.kv_heads
        if cache:
            k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
        if cache is not None:
            cache[:] = [k[:, :, -window:], v[:, :, -window:]]
        if share > 1:
            k, v = k.repeat_interleave(share, 1), v.repeat_interleave(share, 1)
        if k.shape[2] == T:
            y = local_attention(q, k, v, window)
        else:                                                           # one new position
            y = F.scaled_dot_product_attention(q, k[:, :, -window:], v[:, :, -window:])
        return self.wo(y.transpose(1, 2).reshape(B, T, -1))


class FeedForward(nn.Module):
    def __init__(self, dim, hidden, bias):
        super().__init__()
        self.w1 = nn.Linear(dim, hidden, bias=False)
        self.w2 = nn.Linear(hidden, dim, bias=bias)
        self.w3 = nn.Linear(dim, hidden, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Norm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):
        return F.rms_norm(x, x.shape[-1:], self.weight, self.eps)


class EncoderLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.attention = Attention(c.encoder_dim, c.encoder_heads, c.encoder_heads, c.head_dim, True)
        self.attention_norm = Norm(c.encoder_dim, c.eps)
        self.feed_forward = FeedForward(c.encoder_dim, c.encoder_hidden, True)
        self.ffn_norm = Norm(c.encoder_dim, c.eps)

    def forward(self, x, rope, window):
        x = x + self.attention(self.attention_norm(x), rope, window)
        return x + self.feed_forward(self.ffn_norm(x))


class DecoderLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.attention = Attention(c.dim, c.heads, c.kv_heads, c.head_dim, False)
        self.attention_norm = Norm(c.dim, c.eps)
        self.feed_forward = FeedForward(c.dim, c.hidden, False)
        self.ffn_norm = Norm(c.dim, c.eps)
        self.ada_rms_norm_t_cond = nn.Sequential(nn.Linear(c.dim, c.time_dim, bias=False), nn.GELU(),
                                                 nn.Linear(c.time_dim, c.dim, bias=False))

    def forward(self, x, rope, window, time, cache=None):
        x = x + self.attention(self.attention_norm(x), rope, window, cache)
        return x + self.feed_forward(self.ffn_norm(x) * (1 + self.ada_rms_norm_t_cond(time))[:, None])


class Convolution(nn.Module):
    """Causal, kernel 3, then GELU."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv, self.left = nn.Conv1d(inputs, outputs, 3, stride=stride), 3 - stride

    def forward(self, x):
        return F.gelu(self.conv(F.pad(x, (self.left, 0))))


class Encoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.conv_layers = nn.ModuleList([Convolution(c.mel_bins, c.encoder_dim, 1),
                                          Convolution(c.encoder_dim, c.encoder_dim, 2)])
        self.transformer = nn.Module()
        self.transformer.layers = nn.ModuleList([EncoderLayer(c) for _ in range(c.encoder_layers)])
        self.transformer.norm = Norm(c.encoder_dim, c.eps)

    def forward(self, mel):
        """mel [B, 128, T] -> [B, T / 2, encoder_dim]."""
        x = self.conv_layers[1](self.conv_layers[0](mel)).transpose(1, 2).float()
        rope = rope_table(torch.arange(x.shape[1]), self.c.head_dim, self.c.theta)
        for layer in self.transformer.layers:
            x = layer(x, rope, self.c.encoder_window)
        return self.transformer.norm(x)


class Voxtral(nn.Module):
    def __init__(self, c=Config()):
        super().__init__()
        self.c = c
        self.mm_streams_embeddings = nn.Module()
        self.mm_streams_embeddings.embedding_module = e = nn.Module()
        e.tok_embeddings = nn.Embedding(c.vocabulary, c.dim)
        e.whisper_encoder = Encoder(c)
        e.audio_language_projection = nn.Sequential(nn.Linear(4 * c.encoder_dim, c.dim, bias=False), nn.GELU(),
                                                    nn.Linear(c.dim, c.dim, bias=False))
        self.layers = nn.ModuleList([DecoderLayer(c) for _ in range(c.layers)])
        self.norm = Norm(c.dim, c.eps)
        self.initialise()

    def initialise(self):
        """Residual branches start at zero, other matrices at unit gain."""
        for name, p in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(p)
            elif p.dim() == 2 and "tok_embeddings" in name:
                nn.init.normal_(p, std=.02)
            elif p.dim() == 2 and name.endswith(("wo.weight", "feed_forward.w2.weight", "t_cond.2.weight")):
                nn.init.zeros_(p)
            elif p.dim() == 2:
                nn.init.normal_(p, std=p.shape[1] ** -.5)

    @property
    def embedding(self):
        return self.mm_streams_embeddings.embedding_module

    def listen(self, mel):
        """mel [B, 128, 8 T] -> encoder frames [B, 4 T, encoder_dim] and audio embeddings [B, T, dim]."""
        frames = self.embedding.whisper_encoder(mel)
        B, T, D = frames.shape
        return frames, self.embedding.audio_language_projection(frames.reshape(B, T // 4, 4 * D))

    def time_condition(self, delay):
        """delay [B] in frames -> [B, dim]."""
        half = self.c.dim // 2
        angle = delay.float()[:, None] * torch.exp(-math.log(10000.) * torch.arange(half).float() / half)
        return torch.cat([angle.cos(), angle.sin()], -1)

    def decode(self, x, time, first=0, caches=None):
        """x [B, T, dim], audio plus token embeddings from position `first` on -> hidden states [B, T, dim]."""
        rope = rope_table(torch.arange(first, first + x.shape[1]), self.c.head_dim, self.c.theta)
        for i, layer in enumerate(self.layers):
            x = layer(x, rope, self.c.window, time, caches[i] if caches else None)
        return self.norm(x)

    def logits(self, hidden):
        return hidden @ self.embedding.tok_embeddings.weight.T

    @torch.no_grad()
    def generate(self, mel, delay, left_pad=32):
        """Greedy ids [B, steps], one a frame from the end of the prompt BOS, PAD x (left_pad + delay)."""
        _, audio = self.listen(mel)
        B, T, _ = audio.shape
        time, prompt = self.time_condition(torch.full((B,), delay)), 1 + left_pad + delay
        embed, caches = self.embedding.tok_embeddings.weight, [[] for _ in self.layers]
        ids = torch.full((B, prompt), PAD)
        ids[:, 0] = BOS
        hidden = self.decode(audio[:, :prompt] + embed[ids], time, 0, caches)
        out = [self.logits(hidden[:, -1]).argmax(-1)]
        for p in range(prompt, T):
            hidden = self.decode(audio[:, p:p + 1] + embed[out[-1]][:, None], time, p, caches)
            out.append(self.logits(hidden[:, -1]).argmax(-1))
        return torch.stack(out, 1)
