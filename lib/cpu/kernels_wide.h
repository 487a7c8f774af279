/* Products with weights of any type, part of kernels_simd.h: a panel is widened to
 * f32 and met by all rows, one row too, so that there is one order of sums. */
#include "../quant_blocks.h"

#define BLOCK_MOST 256 /* elements: a panel ends where blocks of every type do */

/* The types that files are mostly made of, by hand; quant_blocks.h says what they mean,
 * and the compiler's vectors do for the others. */

SIMD void widen_f16(float *to, const uint8_t *from, int32_t n) {
    const uint16_t *halves = (const uint16_t *)(const void *)from;
    int32_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) vec_store(to + i, vec_load_f16(halves + i));
    if (i < n) vec_store_n(to + i, vec_load_f16_n(halves + i, n - i), n - i);
}

SIMD void widen_q8_0(float *to, const uint8_t *b) {
    vec d = vec_set(half_at(b));
    UNROLL for (int i = 0; i < 32; i += VEC_LANES) vec_store(to + i, vec_mul(d, vec_from_int(ivec_signed_bytes(b + 2 + i))));
}

SIMD void widen_q4_0(float *to, const uint8_t *b) {
    vec d = vec_set(half_at(b)), middle = vec_set(8);
    UNROLL for (int i = 0; i < 16; i += VEC_LANES) {
        ivec q = ivec_bytes(b + 2 + i);
        vec_store(to + i, vec_mul(d, vec_sub(vec_from_int(ivec_and(q, 15)), middle)));
        vec_store(to + 16 + i, vec_mul(d, vec_sub(vec_from_int(ivec_right(q, 4)), middle)));
    }
}

SIMD void widen_q4_k(float *to, const uint8_t *b) {
    float d = half_at(b), m = half_at(b + 2), scale[2], low[2];
    UNROLL for (int g = 0; g < 8; g += 2) {
        k_scale(b + 4, g, d, m, &scale[0], &low[0]);
        k_scale(b + 4, g + 1, d, m, &scale[1], &low[1]);
        UNROLL for (int i = 0; i < 32; i += VEC_LANES) {
            ivec q = ivec_bytes(b + 16 + g * 16 + i);
            vec_store(to + g * 32 + i, vec_sub(vec_mul(vec_set(scale[0]), vec_from_int(ivec_and(q, 15))), vec_set(low[0])));
            vec_store(to + g * 32 + 32 + i, vec_sub(vec_mul(vec_set(scale[1]), vec_from_int(ivec_right(q, 4))), vec_set(low[1])));
        }
    }
}

SIMD void widen_q6_k(float *to, const uint8_t *b) {
    float d = half_at(b + 208);
    UNROLL for (int g = 0; g < 16; g++) {
        vec scale = vec_set(d * (float)(int8_t)b[192 + g]), middle = vec_set(32);
        const uint8_t *low = b + g / 8 * 64 + g % 4 * 16, *high = b + 128 + g / 8 * 32 + g % 2 * 16;
        UNROLL for (int i = 0; i < 16; i += VEC_LANES) {
            ivec q = ivec_and(ivec_right(ivec_bytes(low + i), g % 8 / 4 * 4), 15);
            q = ivec_or(q, ivec_left(ivec_and(ivec_right(ivec_bytes(high + i), g % 8 / 2 * 2), 3), 4));
            vec_store(to + g * 16 + i, vec_mul(scale, vec_sub(vec_from_int(q), middle)));
        }
    }
}

static void widen(dtype type, float *to, const uint8_t *from, int32_t n) {
    switch (type) {
    case DTYPE_F16: widen_f16(to, from, n); break;
    case DTYPE_Q8_0: EACH_BLOCK(widen_q8_0, 32, 34); break;
    case DTYPE_Q4_0: EACH_BLOCK(widen_q4_0, 32, 18); break;
    case DTYPE_Q4_K: EACH_BLOCK(widen_q4_k, 256, 144); break;
    case DTYPE_Q6_K: EACH_BLOCK(widen_q6_k, 256, 210); break;
    default: dequantize_blocks(type, to, from, n);
    }
}

/* The elements k .. k + n of the outputs c .. c + outputs; zeros beyond both. What
 * comes next of these outputs, or of those behind them, is called from memory. */
static void widen_panel(float *panel, const wide_product *p, int32_t c, int32_t outputs, int32_t k, int32_t n) {
    size_t at = dtype_row_bytes(p->type, k), bytes = dtype_row_bytes(p->type, n);
    size_t ahead = k + n < p->k ? bytes : TILE_C * p->row_bytes - at;
    int32_t end = (n + VEC_LANES - 1) / VEC_LANES * VEC_LANES;
    for (int32_t i = 0; i < TILE_C; i++, panel += PANEL_K) {
        const uint8_t *w = p->w + (size_t)(c + i) * p->row_bytes + at;
        int32_t m = i < outputs ? n : 0;
        for (size_t line = 0; m && line < bytes; line += 64) __builtin_prefetch(w + ahead + line);
        if (m) widen(p->type, panel, w, m);
        memset(panel + m, 0, (size_t)(end - m) * sizeof *panel);
    }
}

/* Few rows go through whole rows of weights, in the order of memory; for many, x
 * stays in the cache while the weights of a part of k pass. */
MATMUL_WIDE_LINKAGE void MATMUL_WIDE(float *out, const wide_product *p, float *scratch) {
    float *panel = scratch + SCRATCH_SUMS;
    int32_t step = p->rows <= MATMUL_DIRECT_ROWS ? TILE_C : MATMUL_OUTPUTS;
    int32_t parts = (p->k + PANEL_K - 1) / PANEL_K, part = ((p->k + parts - 1) / parts + BLOCK_MOST - 1) / BLOCK_MOST * BLOCK_MOST;
    for (int32_t c0 = 0; c0 < p->outputs; c0 += step) {
        int32_t end = p->outputs - c0 < step ? p->outputs : c0 + step;
        for (int32_t k = 0; k < p->k; k += part) {
            bool last = p->k - k <= part;
            int32_t n = last ? p->k - k : part;
            float *sums = scratch;
            for (int32_t c = c0; c < end; c += TILE_C) {
                widen_panel(panel, p, c, end - c, k, n);
                sums = panel_rows(sums, p->x + k, p->ldx, p->rows, panel, n, k == 0, last ? out + c : NULL, p->outputs, end - c);
            }
        }
    }
}
