"""A small tekken.json: 1000 control ids, the 256 single bytes, then a few whole words and parts of characters."""
import base64
import json

N_CONTROL = 1000
CONTROL = {0: "<unk>", 1: "<s>", 2: "</s>", 11: "<pad>", 24: "[AUDIO]", 25: "[BEGIN_AUDIO]", 32: "[STREAMING_PAD]", 33: "[STREAMING_WORD]"}
# "\xe4\xbd" is two thirds of a Chinese character, "\xf0\x9f" half of most emoji: pieces need not be valid UTF-8.
MERGES = [b" the", b" a", b"ing", b" of", b" ", b"er", b" in", b"\xc3\xa9", b" caf\xc3\xa9", b"\xe4\xbd", b"\xe4\xbd\xa0", b"\xf0\x9f",
          b"\xf0\x9f\x99\x82", b" \xd0\xbc\xd0\xb8\xd1\x80", b"th", b"an", b" voice", b" audio", b"\n", b"..."]
AUDIO = {
    "sampling_rate": 16000, "frame_rate": 12.5,
    "audio_encoding_config": {"num_mel_bins": 128, "hop_length": 160, "window_size": 400},
    "chunk_length_s": None, "transcription_format": "streaming", "transcription_delay_ms": 480,
    "streaming_look_ahead_ms": 2.5, "streaming_look_back_ms": 52.5, "streaming_n_left_pad_tokens": 32,
}


def pieces(n_text: int) -> list[bytes]:
    """rank -> bytes; ranks past the words are two-letter pieces in a fixed order."""
    words = [bytes([b]) for b in range(256)]
    words += [w for w in MERGES if w not in words]
    for a in b"etaoinshrdlu":
        words += [w for b in b"aeioustrn" if (w := bytes([a, b])) not in words]
    assert len(words) >= n_text, (len(words), n_text)
    return words[:n_text]


def token_str(piece: bytes) -> str | None:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return None


def write(path: str, vocab_size: int, n_mel: int) -> None:
    n_text = vocab_size - N_CONTROL
    vocab = [{"rank": r, "token_bytes": base64.b64encode(p).decode(), "token_str": token_str(p)} for r, p in enumerate(pieces(n_text))]
    special = [{"rank": i, "token_str": CONTROL.get(i, f"<SPECIAL_{i}>"), "is_control": True} for i in range(N_CONTROL)]
    audio = AUDIO | {"audio_encoding_config": AUDIO["audio_encoding_config"] | {"num_mel_bins": n_mel}}
    config = {"pattern": "[^\\s]+|\\s+", "num_vocab_tokens": n_text, "default_vocab_size": vocab_size,
              "default_num_special_tokens": N_CONTROL, "version": "v3"}
    with open(path, "w") as f:
        json.dump({"config": config, "vocab": vocab, "special_tokens": special, "audio": audio}, f, ensure_ascii=False, separators=(",", ":"))


def decode(tokens: list[int], vocab_size: int) -> tuple[bytes, str]:
    """Control ids carry no text. The text is the joined bytes, ill-formed parts as U+FFFD (one for each maximal subpart)."""
    table = pieces(vocab_size - N_CONTROL)
    data = b"".join(table[t - N_CONTROL] for t in tokens if t >= N_CONTROL)
    return data, data.decode("utf-8", "replace")
