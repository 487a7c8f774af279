/* Products with weights of any type, part of kernels_simd.h: a panel is widened to
 * f32 and met by all rows, one row too, so that there is one order of sums. */
#include "../quant_blocks.h"

#define BLOCK_MOST 256 /* elements: a panel ends where blocks of every type do */

SIMD void widen(dtype type, float *to, const uint8_t *from, int32_t n) {
    if (type != DTYPE_F16) {
        dequantize_blocks(type, to, from, n);
        return;
    }
    const uint16_t *halves = (const uint16_t *)(const void *)from;
    int32_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) vec_store(to + i, vec_load_f16(halves + i));
    if (i < n) vec_store_n(to + i, vec_load_f16_n(halves + i, n - i), n - i);
}

/* The elements k .. k + n of the outputs c .. c + outputs; zeros beyond both. */
static void widen_panel(float *panel, const wide_product *p, int32_t c, int32_t outputs, int32_t k, int32_t n) {
    size_t at = dtype_row_bytes(p->type, k);
    int32_t end = (n + VEC_LANES - 1) / VEC_LANES * VEC_LANES;
    for (int32_t i = 0; i < TILE_C; i++, panel += PANEL_K) {
        int32_t m = i < outputs ? n : 0;
        if (m) widen(p->type, panel, p->w + (size_t)(c + i) * p->row_bytes + at, m);
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
