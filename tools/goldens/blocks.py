"""Writes test/goldens/blocks.safetensors: random blocks of GGUF's types and what the gguf package makes of them.

    python -m pip install gguf numpy safetensors
    python tools/goldens/blocks.py
"""
import os

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize
from safetensors.numpy import save_file

OUT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../test/goldens/blocks.safetensors"))
ELEMENTS = 512
SCALES = {  # where the F16 scales of a block stand
    "F16": range(0), "BF16": range(0), "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}

random = np.random.default_rng(5)
tensors = {}
for name, scales in SCALES.items():
    block, size = GGML_QUANT_SIZES[Type[name]]
    blocks = random.integers(0, 256, (ELEMENTS // block, size), dtype=np.uint8)
    for at in scales:
        blocks[:, at : at + 2] = (random.standard_normal((len(blocks), 1)) * 0.02).astype(np.float16).view(np.uint8)
    if block == 1:
        dtype = np.float16 if name == "F16" else np.float32
        values = random.standard_normal(ELEMENTS).astype(dtype)
        blocks = values.view(np.uint8) if name == "F16" else np.ascontiguousarray(values.view(np.uint8).reshape(-1, 4)[:, 2:])
    tensors[f"{name}.blocks"] = blocks.reshape(-1)
    tensors[f"{name}.values"] = dequantize(blocks.reshape(1, -1), Type[name]).reshape(-1).astype(np.float32)
save_file(tensors, OUT)
