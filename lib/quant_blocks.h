/* What the blocks of GGUF's types mean, in plain C that compilers vectorise: part
 * of quant.c and of the kernels of every instruction set. A product and a sum per
 * element, never fused (-ffp-contract=off), so that all agree to the bit. */
#ifndef VOX_QUANT_BLOCKS_H
#define VOX_QUANT_BLOCKS_H

#include <string.h>

#include "cpu/half.h"
#include "tensor.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

#define BLOCK static inline __attribute__((always_inline)) void
typedef float *restrict block_out;
typedef const uint8_t *restrict block_in;

static inline float half_at(const uint8_t *p) {
    uint16_t h;
    memcpy(&h, p, sizeof h);
#if defined(__F16C__)
    return _cvtsh_ss(h);
#else
    return f16_to_f32(h);
#endif
}

static inline uint32_t word_at(const uint8_t *p) {
    uint32_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* ---- Blocks of 32: scale [, minimum] [, fifth bits], values ------------------*/

BLOCK q4_0_block(block_out to, block_in b) {
    float d = half_at(b);
    for (int j = 0; j < 16; j++) to[j] = d * (float)((b[2 + j] & 15) - 8);
    for (int j = 0; j < 16; j++) to[16 + j] = d * (float)((b[2 + j] >> 4) - 8);
}

BLOCK q4_1_block(block_out to, block_in b) {
    float d = half_at(b), m = half_at(b + 2);
    for (int j = 0; j < 16; j++) to[j] = d * (float)(b[4 + j] & 15) + m;
    for (int j = 0; j < 16; j++) to[16 + j] = d * (float)(b[4 + j] >> 4) + m;
}

BLOCK q5_0_block(block_out to, block_in b) {
    float d = half_at(b);
    uint32_t high = word_at(b + 2);
    for (int j = 0; j < 16; j++) to[j] = d * (float)((int32_t)((b[6 + j] & 15u) | (high >> j & 1) << 4) - 16);
    for (int j = 0; j < 16; j++) to[16 + j] = d * (float)((int32_t)(b[6 + j] >> 4 | (high >> (16 + j) & 1) << 4) - 16);
}

BLOCK q5_1_block(block_out to, block_in b) {
    float d = half_at(b), m = half_at(b + 2);
    uint32_t high = word_at(b + 4);
    for (int j = 0; j < 16; j++) to[j] = d * (float)(int32_t)((b[8 + j] & 15u) | (high >> j & 1) << 4) + m;
    for (int j = 0; j < 16; j++) to[16 + j] = d * (float)(int32_t)(b[8 + j] >> 4 | (high >> (16 + j) & 1) << 4) + m;
}

BLOCK q8_0_block(block_out to, block_in b) {
    float d = half_at(b);
    for (int j = 0; j < 32; j++) to[j] = d * (float)(int8_t)b[2 + j];
}

/* ---- Blocks of 256: groups of 16 or 32 with scales of their own ---------------*/

BLOCK q2_k_block(block_out to, block_in b) {
    const uint8_t *q = b + 16;
    float d = half_at(b + 80), m = half_at(b + 82);
    for (int g = 0; g < 16; g++) {
        float scale = d * (float)(b[g] & 15), low = m * (float)(b[g] >> 4);
        const uint8_t *from = q + g / 8 * 32 + g % 2 * 16;
        int shift = g % 8 / 2 * 2;
        for (int j = 0; j < 16; j++) to[g * 16 + j] = scale * (float)(from[j] >> shift & 3) - low;
    }
}

BLOCK q3_k_block(block_out to, block_in b) {
    const uint8_t *q = b + 32, *s = b + 96;
    float d = half_at(b + 108);
    for (int g = 0; g < 16; g++) {
        int low = s[g % 8] >> g / 8 * 4 & 15, high = s[8 + g % 4] >> g / 4 * 2 & 3;
        float scale = d * (float)((low | high << 4) - 32);
        const uint8_t *from = q + g / 8 * 32 + g % 2 * 16, *mask = b + g % 2 * 16;
        int shift = g % 8 / 2 * 2, bit = g / 2;
        for (int j = 0; j < 16; j++) to[g * 16 + j] = scale * (float)((from[j] >> shift & 3) - 4 + (mask[j] >> bit & 1) * 4);
    }
}

/* The six-bit scale and minimum of group g of Q4_K and Q5_K. */
BLOCK k_scale(const uint8_t *s, int g, float d, float m, float *scale, float *low) {
    int a = g < 4 ? s[g] & 63 : (s[g + 4] & 15) | (s[g - 4] >> 2 & 48);
    int c = g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | (s[g] >> 2 & 48);
    *scale = d * (float)a;
    *low = m * (float)c;
}

BLOCK q4_k_block(block_out to, block_in b) {
    float d = half_at(b), m = half_at(b + 2), scale, low;
    for (int g = 0; g < 8; g++) {
        k_scale(b + 4, g, d, m, &scale, &low);
        const uint8_t *from = b + 16 + g / 2 * 32;
        int shift = g % 2 * 4;
        for (int j = 0; j < 32; j++) to[g * 32 + j] = scale * (float)(from[j] >> shift & 15) - low;
    }
}

BLOCK q5_k_block(block_out to, block_in b) {
    float d = half_at(b), m = half_at(b + 2), scale, low;
    for (int g = 0; g < 8; g++) {
        k_scale(b + 4, g, d, m, &scale, &low);
        const uint8_t *from = b + 48 + g / 2 * 32, *high = b + 16;
        int shift = g % 2 * 4;
        for (int j = 0; j < 32; j++)
            to[g * 32 + j] = scale * (float)((from[j] >> shift & 15) | (high[j] >> g & 1) << 4) - low;
    }
}

BLOCK q6_k_block(block_out to, block_in b) {
    const int8_t *scales = (const int8_t *)b + 192;
    float d = half_at(b + 208);
    for (int g = 0; g < 16; g++) {
        float scale = d * (float)scales[g];
        const uint8_t *from = b + g / 8 * 64 + g % 4 * 16, *high = b + 128 + g / 8 * 32 + g % 2 * 16;
        int shift = g % 8 / 4 * 4, shift_high = g % 8 / 2 * 2;
        for (int j = 0; j < 16; j++)
            to[g * 16 + j] = scale * (float)(((from[j] >> shift & 15) | (high[j] >> shift_high & 3) << 4) - 32);
    }
}

/* ---- Any type ------------------------------------------------------------------*/

#define EACH_BLOCK(block, elements, bytes) \
    for (int32_t i = 0; i < n / elements; i++) block(to + i * elements, from + (int64_t)i * bytes)

BLOCK dequantize_blocks(dtype type, float *to, const uint8_t *from, int32_t n) {
    switch (type) {
    case DTYPE_F32: memcpy(to, from, (size_t)n * sizeof *to); break;
    case DTYPE_BF16: for (int32_t i = 0; i < n; i++) to[i] = bf16_to_f32(from + 2 * (int64_t)i); break;
    case DTYPE_F16: for (int32_t i = 0; i < n; i++) to[i] = half_at(from + 2 * (int64_t)i); break;
    case DTYPE_Q4_0: EACH_BLOCK(q4_0_block, 32, 18); break;
    case DTYPE_Q4_1: EACH_BLOCK(q4_1_block, 32, 20); break;
    case DTYPE_Q5_0: EACH_BLOCK(q5_0_block, 32, 22); break;
    case DTYPE_Q5_1: EACH_BLOCK(q5_1_block, 32, 24); break;
    case DTYPE_Q8_0: EACH_BLOCK(q8_0_block, 32, 34); break;
    case DTYPE_Q2_K: EACH_BLOCK(q2_k_block, 256, 84); break;
    case DTYPE_Q3_K: EACH_BLOCK(q3_k_block, 256, 110); break;
    case DTYPE_Q4_K: EACH_BLOCK(q4_k_block, 256, 144); break;
    case DTYPE_Q5_K: EACH_BLOCK(q5_k_block, 256, 176); break;
    case DTYPE_Q6_K: EACH_BLOCK(q6_k_block, 256, 210); break;
    case N_DTYPES: break;
    }
}

#endif
