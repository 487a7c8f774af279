"""Tekken byte-pair tokens of single words: id = rank + 1000; ids below 1000 are control tokens."""
import base64
import json
from functools import cache
from pathlib import Path

CONTROL = 1000


@cache
def tekken():
    """The tekken file that PyPI mistral-common ships."""
    import mistral_common
    return json.loads((Path(mistral_common.__file__).parent / "data/tekken_240911.json").read_text())


class Tokenizer:
    def __init__(self, ranks=3096):
        self.bytes = [base64.b64decode(entry["token_bytes"]) for entry in tekken()["vocab"][:ranks]]
        self.rank = {b: i for i, b in enumerate(self.bytes)}

    @cache
    def encode(self, text):
        """Merges the pair of lowest rank until none is left."""
        parts = [bytes([b]) for b in text.encode()]
        while True:
            pairs = [(self.rank.get(a + b, len(self.bytes)), i) for i, (a, b) in enumerate(zip(parts, parts[1:]))]
            best, i = min(pairs, default=(len(self.bytes), 0))
            if best == len(self.bytes):
                return [CONTROL + self.rank[p] for p in parts]
            parts[i:i + 2] = [parts[i] + parts[i + 1]]

    def decode(self, ids):
        return b"".join(self.bytes[i - CONTROL] for i in ids if i >= CONTROL).decode("utf8", "replace")
