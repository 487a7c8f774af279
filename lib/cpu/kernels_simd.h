/* The vector kernels of every ISA level, over the vec_* functions of simd_*.h.
 * Included once by each kernels_<isa>.c, which defines KERNELS (the table's name),
 * KERNELS_NAME, KERNELS_FEATURES, MATMUL_WIDE with its linkage and, if its products
 * have another form than f32 x widened BF16, PACKED with the types and functions of
 * that form and a MATMUL_WIDE of another level. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#if defined(__FAST_MATH__)
#error "the kernels define the order of their sums: build them without -ffast-math"
#endif

/* ---- Matrix product ---------------------------------------------------------
 * A dot product is one vector of VEC_LANES sums that runs over k in steps of
 * K_STEP, zeros filling the last step, and one vec_sum at the end: the same in
 * every tile shape. Tiles only decide how often a loaded x or w is used. */

/* Loops over a tile are unrolled to the end, so that its sums live in registers. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 24")
#endif

#if !defined(PACKED)
#define K_STEP VEC_LANES
typedef vec xvec, wvec;
typedef float panel_element;
SIMD xvec x_load(const float *x) { return vec_load(x); }
SIMD xvec x_load_n(const float *x, int32_t n) { return vec_load_n(x, n); }
SIMD wvec w_load(const uint16_t *w) { return vec_load_bf16(w); }
SIMD wvec w_load_n(const uint16_t *w, int32_t n) { return vec_load_bf16_n(w, n); }
SIMD wvec panel_load(const panel_element *w) { return vec_load(w); }
SIMD void panel_store(panel_element *p, wvec w) { vec_store(p, w); }
SIMD wvec w_zero(void) { return vec_set(0); }
SIMD vec multiply_add(vec acc, xvec x, wvec w) { return vec_fma(x, w, acc); }
#endif

#define DIRECT_C 8           /* outputs at a time for one row: as many streams of weights */
#define AHEAD 512            /* elements that each stream prefetches ahead: the hardware stops at page ends */
#define PANEL_K 1024         /* a panel [TILE_C][PANEL_K] of widened weights stays in L1 */

/* acc[r][c] += x[r] . w[c] over K_STEP elements, or n of them; prefetches w[c] + ahead */
SIMD void tile_step(int R, int C, vec (*acc)[DIRECT_C], const float *x, int64_t ldx, const uint16_t *w,
                    int64_t ldw, int64_t ahead, bool whole, int32_t n) {
    xvec xs[TILE_R];
    UNROLL for (int r = 0; r < R; r++) xs[r] = whole ? x_load(x + r * ldx) : x_load_n(x + r * ldx, n);
    UNROLL for (int c = 0; c < C; c++) {
        __builtin_prefetch(w + c * ldw + ahead);
        wvec ws = whole ? w_load(w + c * ldw) : w_load_n(w + c * ldw, n);
        UNROLL for (int r = 0; r < R; r++) acc[r][c] = multiply_add(acc[r][c], xs[r], ws);
    }
}

/* A tile of R rows x C outputs over the whole of k, weights from memory. */
SIMD void tile_direct(int R, int C, float *out, const product *p, int32_t r0, int32_t c0) {
    vec acc[TILE_R][DIRECT_C];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int c = 0; c < C; c++) acc[r][c] = vec_set(0);
    const float *x = p->x + r0 * p->ldx;
    const uint16_t *w = p->w + c0 * p->ldw;
    int32_t i = 0, last = p->k - K_STEP;
    for (; i <= last - AHEAD; i += K_STEP) tile_step(R, C, acc, x + i, p->ldx, w + i, p->ldw, AHEAD, true, K_STEP);
    int64_t ahead = C * p->ldw + AHEAD - p->k; /* the end of a row is followed by the beginning of another tile's */
    for (; i <= last; i += K_STEP) tile_step(R, C, acc, x + i, p->ldx, w + i, p->ldw, ahead, true, K_STEP);
    if (i < p->k) tile_step(R, C, acc, x + i, p->ldx, w + i, p->ldw, ahead, false, p->k - i);
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int c = 0; c < C; c++) out[(int64_t)(r0 + r) * p->outputs + c0 + c] = vec_sum(acc[r][c]);
}

/* R rows and the outputs c .. end, C at a time, the rest one by one. */
SIMD void direct_rows(int R, int C, float *out, const product *p, int32_t r, int32_t c, int32_t end) {
    for (; c + C <= end; c += C) tile_direct(R, C, out, p, r, c);
    for (; c < end; c++) tile_direct(R, 1, out, p, r, c);
}

/* Few rows: every tile of weights is read from memory once and, for further
 * groups of rows, again from the cache. */
static void matmul_direct(float *out, const product *p) {
    if (p->rows == 1) {
        direct_rows(1, DIRECT_C, out, p, 0, 0, p->outputs);
        return;
    }
    for (int32_t c = 0; c < p->outputs; c += TILE_C)
        for (int32_t r = 0; r < p->rows; r += TILE_R) {
            int32_t end = c + TILE_C < p->outputs ? c + TILE_C : p->outputs;
            switch (p->rows - r) {
            case 1: direct_rows(1, TILE_C, out, p, r, c, end); break;
            case 2: direct_rows(2, TILE_C, out, p, r, c, end); break;
#if TILE_R > 3
            case 3: direct_rows(3, TILE_C, out, p, r, c, end); break;
#endif
            default: direct_rows(TILE_R, TILE_C, out, p, r, c, end);
            }
        }
}

/* sums[r][c] += x[r] . panel[c] over n elements of k: begin at zero if fresh, and
 * reduce to out at the end if last. */
SIMD void tile_panel(int R, float *sums, const float *x, int64_t ldx, const panel_element *panel, int32_t n,
                     bool fresh, float *out, int64_t ldo, int32_t outputs) {
    vec acc[TILE_R][TILE_C];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int c = 0; c < TILE_C; c++)
            acc[r][c] = fresh ? vec_set(0) : vec_load(sums + (r * TILE_C + c) * VEC_LANES);
    int32_t i = 0;
    for (; i + K_STEP <= n; i += K_STEP) {
        xvec xs[TILE_R];
        UNROLL for (int r = 0; r < R; r++) xs[r] = x_load(x + r * ldx + i);
        UNROLL for (int c = 0; c < TILE_C; c++) {
            wvec w = panel_load(panel + c * PANEL_K + i);
            UNROLL for (int r = 0; r < R; r++) acc[r][c] = multiply_add(acc[r][c], xs[r], w);
        }
    }
    if (i < n) {
        xvec xs[TILE_R];
        UNROLL for (int r = 0; r < R; r++) xs[r] = x_load_n(x + r * ldx + i, n - i);
        UNROLL for (int c = 0; c < TILE_C; c++) {
            wvec w = panel_load(panel + c * PANEL_K + i);
            UNROLL for (int r = 0; r < R; r++) acc[r][c] = multiply_add(acc[r][c], xs[r], w);
        }
    }
    if (!out) {
        UNROLL for (int r = 0; r < R; r++)
            UNROLL for (int c = 0; c < TILE_C; c++) vec_store(sums + (r * TILE_C + c) * VEC_LANES, acc[r][c]);
        return;
    }
    float dots[TILE_R][TILE_C];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int c = 0; c < TILE_C; c++) dots[r][c] = vec_sum(acc[r][c]);
    for (int r = 0; r < R; r++)
        for (int c = 0; c < TILE_C && c < outputs; c++) out[r * ldo + c] = dots[r][c];
}

/* Weights [TILE_C][n] widened once for all rows; outputs beyond the last are zero.
 * Meanwhile those of the next panel are called from memory. */
static void fill_panel(panel_element *panel, const uint16_t *w, const uint16_t *next, int64_t ldw, int32_t outputs, int32_t n) {
    for (int32_t c = 0; c < TILE_C; c++, panel += PANEL_K) {
        int32_t i = 0;
        if (c >= outputs)
            for (; i < n; i += K_STEP) panel_store(panel + i, w_zero());
        for (; i + K_STEP <= n; i += K_STEP) {
            __builtin_prefetch(next + c * ldw + i, 0, 2);
            panel_store(panel + i, w_load(w + c * ldw + i));
        }
        if (i < n) panel_store(panel + i, w_load_n(w + c * ldw + i, n - i));
    }
}

/* Every row meets the panel; returns where the sums of the next panel's outputs lie. */
static float *panel_rows(float *sums, const float *x, int64_t ldx, int32_t rows, const panel_element *panel, int32_t n,
                         bool fresh, float *out, int64_t ldo, int32_t outputs) {
    for (int32_t r = 0; r < rows; r += TILE_R, sums += TILE_R * TILE_C * VEC_LANES) {
        float *to = out ? out + r * ldo : NULL;
        switch (rows - r) {
        case 1: tile_panel(1, sums, x + r * ldx, ldx, panel, n, fresh, to, ldo, outputs); break;
        case 2: tile_panel(2, sums, x + r * ldx, ldx, panel, n, fresh, to, ldo, outputs); break;
#if TILE_R > 3
        case 3: tile_panel(3, sums, x + r * ldx, ldx, panel, n, fresh, to, ldo, outputs); break;
#endif
        default: tile_panel(TILE_R, sums, x + r * ldx, ldx, panel, n, fresh, to, ldo, outputs);
        }
    }
    return sums;
}

#define SCRATCH_SUMS (MATMUL_ROWS * MATMUL_OUTPUTS * 16) /* floats; the panel follows */

static void matmul_panels(float *out, const product *p, float *scratch) {
    panel_element *panel = (panel_element *)(void *)(scratch + SCRATCH_SUMS);
    int32_t parts = (p->k + PANEL_K - 1) / PANEL_K, part = ((p->k + parts - 1) / parts + K_STEP - 1) / K_STEP * K_STEP;
    for (int32_t k = 0; k < p->k; k += part) {
        bool last = p->k - k <= part;
        int32_t n = last ? p->k - k : part;
        float *sums = scratch;
        for (int32_t c = 0; c < p->outputs; c += TILE_C) {
            int32_t outputs = p->outputs - c;
            const uint16_t *w = p->w + c * p->ldw + k, *next = outputs > TILE_C ? w + TILE_C * p->ldw : p->w + k + part;
            fill_panel(panel, w, next, p->ldw, outputs, n);
            sums = panel_rows(sums, p->x + k, p->ldx, p->rows, panel, n, k == 0, last ? out + c : NULL, p->outputs, outputs);
        }
    }
}

static void matmul(float *out, const product *p, float *scratch) {
    if (p->rows <= MATMUL_DIRECT_ROWS) matmul_direct(out, p);
    else matmul_panels(out, p, scratch);
}

#if !defined(PACKED)
#include "kernels_wide.h"
#endif

/* ---- Element-wise functions --------------------------------------------------*/

/* e^x within 2 ulp: x = n ln 2 + r, Taylor's series of degree 7 on |r| <= ln 2 / 2.
 * Below -87.33 (the smallest normal result) zero; above 88.37 it stays at 2.4e38. */
SIMD vec vec_exp(vec x) {
    vec clamped = vec_min(vec_set(88.37f), vec_max(vec_set(-87.33f), x));
    vec n = vec_round(vec_mul(clamped, vec_set(1.44269504f)));
    vec r = vec_fma(n, vec_set(-0.693145752f), clamped); /* ln 2 in two parts: 15 bits, the rest */
    r = vec_fma(n, vec_set(-1.42860677e-6f), r);
    vec p = vec_set(1.0f / 5040);
    p = vec_fma(p, r, vec_set(1.0f / 720));
    p = vec_fma(p, r, vec_set(1.0f / 120));
    p = vec_fma(p, r, vec_set(1.0f / 24));
    p = vec_fma(p, r, vec_set(1.0f / 6));
    p = vec_fma(p, r, vec_set(0.5f));
    p = vec_fma(vec_mul(r, r), p, r);
    vec scale = vec_exp2i(n);
    return vec_select(vec_less(x, vec_set(-87.33f)), vec_set(0), vec_fma(p, scale, scale));
}

/* erfc(z), z >= 0, within 3e-7: Abramowitz and Stegun 7.1.26. */
SIMD vec vec_erfc(vec z) {
    vec t = vec_div(vec_set(1), vec_fma(z, vec_set(0.3275911f), vec_set(1)));
    vec p = vec_set(1.061405429f);
    p = vec_fma(p, t, vec_set(-1.453152027f));
    p = vec_fma(p, t, vec_set(1.421413741f));
    p = vec_fma(p, t, vec_set(-0.284496736f));
    p = vec_fma(p, t, vec_set(0.254829592f));
    return vec_mul(vec_mul(p, t), vec_exp(vec_mul(z, vec_sub(vec_set(0), z))));
}

/* x (1 - erfc(|x|/sqrt 2) / 2) right of zero, x erfc(|x|/sqrt 2) / 2 left of it */
SIMD vec vec_gelu(vec x) {
    vec tail = vec_mul(vec_set(0.5f), vec_erfc(vec_mul(vec_abs(x), vec_set(0.70710678f))));
    return vec_mul(x, vec_select(vec_less(x, vec_set(0)), tail, vec_sub(vec_set(1), tail)));
}

static void gelu(float *x, int32_t n) {
    int32_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) vec_store(x + i, vec_gelu(vec_load(x + i)));
    if (i < n) vec_store_n(x + i, vec_gelu(vec_load_n(x + i, n - i)), n - i);
}

SIMD vec vec_silu_mul(vec gate, vec up) {
    return vec_mul(vec_div(gate, vec_add(vec_set(1), vec_exp(vec_sub(vec_set(0), gate)))), up);
}

static void silu_mul(float *gate, const float *up, int32_t n) {
    int32_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES)
        vec_store(gate + i, vec_silu_mul(vec_load(gate + i), vec_load(up + i)));
    if (i < n) vec_store_n(gate + i, vec_silu_mul(vec_load_n(gate + i, n - i), vec_load_n(up + i, n - i)), n - i);
}

static void to_f16(uint16_t *to, const float *from, int32_t n) {
    for (int32_t i = 0; i < n; i += VEC_LANES) {
        int32_t m = n - i < VEC_LANES ? n - i : VEC_LANES;
        vec a = vec_min(vec_set(65504), vec_max(vec_set(-65504), vec_load_n(from + i, m)));
        vec_store_f16_n(to + i, a, m);
    }
}

/* Long sums go into a double every SUM_BLOCK elements. */
#define SUM_BLOCK 256

static void rms_norm(float *out, const float *x, const float *weight, const float *ada, int32_t n, float eps) {
    double squares = 0;
    for (int32_t block = 0; block < n; block += SUM_BLOCK) {
        int32_t i = block, end = n - block < SUM_BLOCK ? n : block + SUM_BLOCK;
        vec sum = vec_set(0);
        for (; i + VEC_LANES <= end; i += VEC_LANES) sum = vec_fma(vec_load(x + i), vec_load(x + i), sum);
        if (i < end) sum = vec_fma(vec_load_n(x + i, end - i), vec_load_n(x + i, end - i), sum);
        squares += vec_sum(sum);
    }
    vec scale = vec_set((float)(1 / sqrt(squares / n + eps)));
    for (int32_t i = 0; i < n; i += VEC_LANES) {
        int32_t m = n - i < VEC_LANES ? n - i : VEC_LANES;
        vec y = vec_mul(vec_mul(vec_load_n(x + i, m), scale), vec_load_n(weight + i, m));
        if (ada) y = vec_mul(y, vec_add(vec_set(1), vec_load_n(ada + i, m)));
        vec_store_n(out + i, y, m);
    }
}

static double sum_exp(const float *x, int32_t n, float max) {
    double total = 0;
    vec top = vec_set(max);
    for (int32_t block = 0; block < n; block += SUM_BLOCK) {
        int32_t i = block, end = n - block < SUM_BLOCK ? n : block + SUM_BLOCK;
        vec sum = vec_set(0);
        for (; i + VEC_LANES <= end; i += VEC_LANES) sum = vec_add(sum, vec_exp(vec_sub(vec_load(x + i), top)));
        total += vec_sum(sum);
        for (; i < end; i++) { /* the last few, each in a vector of its own with the others empty */
            vec one = vec_exp(vec_sub(vec_set(x[i]), top));
            float lane[VEC_LANES];
            vec_store(lane, one);
            total += lane[0];
        }
    }
    return total;
}

/* ---- Attention ---------------------------------------------------------------*/

#define QUERIES 4
#define BLOCK_VECTORS (KV_BLOCK / VEC_LANES)

SIMD vec load_kv(const void *p, int64_t i, bool half) {
    return half ? vec_load_f16((const uint16_t *)p + i) : vec_load((const float *)p + i);
}
SIMD vec load_kv_n(const void *p, int64_t i, int32_t n, bool half) {
    return half ? vec_load_f16_n((const uint16_t *)p + i, n) : vec_load_n((const float *)p + i, n);
}

/* A score is one chain of multiply-adds over the dimensions, in order. */
SIMD void score_tile(bool half, int Q, int B, float *s, int64_t lds, const float *q, const void *keys, int64_t block, int32_t dim) {
    vec acc[QUERIES][SCORE_BLOCKS * BLOCK_VECTORS];
    UNROLL for (int i = 0; i < Q; i++)
        UNROLL for (int v = 0; v < B * BLOCK_VECTORS; v++) acc[i][v] = vec_set(0);
    for (int32_t d = 0; d < dim; d++)
        UNROLL for (int v = 0; v < B * BLOCK_VECTORS; v++) {
            int64_t at = ((block + v / BLOCK_VECTORS) * dim + d) * KV_BLOCK + v % BLOCK_VECTORS * VEC_LANES;
            vec k = load_kv(keys, at, half);
            UNROLL for (int i = 0; i < Q; i++) acc[i][v] = vec_fma(vec_set(q[(int64_t)i * dim + d]), k, acc[i][v]);
        }
    UNROLL for (int i = 0; i < Q; i++)
        UNROLL for (int v = 0; v < B * BLOCK_VECTORS; v++) vec_store(s + i * lds + block * KV_BLOCK + v * VEC_LANES, acc[i][v]);
}

/* The block of keys stays in L1 while all queries meet it. */
SIMD void score_blocks(bool half, int B, float *s, int64_t lds, const float *q, int32_t n_q, const void *keys, int64_t block, int32_t dim) {
    int32_t i = 0;
    for (; i + QUERIES <= n_q; i += QUERIES)
        score_tile(half, QUERIES, B, s + i * lds, lds, q + (int64_t)i * dim, keys, block, dim);
    for (; i < n_q; i++) score_tile(half, 1, B, s + i * lds, lds, q + (int64_t)i * dim, keys, block, dim);
}

SIMD void scores(bool half, float *s, int64_t lds, const float *q, int32_t n_q, const void *keys, int32_t n_blocks, int32_t dim) {
    int32_t b = 0;
    for (; b + SCORE_BLOCKS <= n_blocks; b += SCORE_BLOCKS) score_blocks(half, SCORE_BLOCKS, s, lds, q, n_q, keys, b, dim);
    for (; b < n_blocks; b++) score_blocks(half, 1, s, lds, q, n_q, keys, b, dim);
}
static void scores_f32(float *s, int64_t lds, const float *q, int32_t n_q, const void *keys, int32_t n_blocks, int32_t dim) {
    scores(false, s, lds, q, n_q, keys, n_blocks, dim);
}
static void scores_f16(float *s, int64_t lds, const float *q, int32_t n_q, const void *keys, int32_t n_blocks, int32_t dim) {
    scores(true, s, lds, q, n_q, keys, n_blocks, dim);
}

static float softmax(float *s, int32_t n) {
    vec top = vec_set(-INFINITY);
    for (int32_t i = 0; i < n; i += VEC_LANES) top = vec_max(top, vec_load(s + i));
    top = vec_set(vec_highest(top));
    double total = 0;
    for (int32_t block = 0; block < n; block += SUM_BLOCK) {
        int32_t end = n - block < SUM_BLOCK ? n : block + SUM_BLOCK;
        vec sum = vec_set(0);
        for (int32_t i = block; i < end; i += VEC_LANES) {
            vec e = vec_exp(vec_sub(vec_load(s + i), top));
            vec_store(s + i, e);
            sum = vec_add(sum, e);
        }
        total += vec_sum(sum);
    }
    return (float)total;
}

/* Q queries x D vectors (or the m elements of a partial one) of dimensions; each
 * sum is one chain over the positions, in order. */
SIMD void weigh_tile(bool half, int Q, int D, float *acc, const float *s, int64_t lds, const void *values, int32_t n,
                     int32_t dim, int32_t d0, int32_t m) {
    vec a[QUERIES][WEIGH_VECTORS];
    UNROLL for (int i = 0; i < Q; i++)
        UNROLL for (int v = 0; v < D; v++) a[i][v] = vec_load_n(acc + (int64_t)i * dim + d0 + v * VEC_LANES, m);
    for (int32_t j = 0; j < n; j++)
        UNROLL for (int v = 0; v < D; v++) {
            int64_t at = (int64_t)j * dim + d0 + v * VEC_LANES;
            vec value = m == VEC_LANES ? load_kv(values, at, half) : load_kv_n(values, at, m, half);
            UNROLL for (int i = 0; i < Q; i++) a[i][v] = vec_fma(vec_set(s[i * lds + j]), value, a[i][v]);
        }
    UNROLL for (int i = 0; i < Q; i++)
        UNROLL for (int v = 0; v < D; v++) vec_store_n(acc + (int64_t)i * dim + d0 + v * VEC_LANES, a[i][v], m);
}

SIMD void weigh_queries(bool half, int Q, float *acc, const float *s, int64_t lds, const void *values, int32_t n, int32_t dim) {
    int32_t d = 0;
    for (; d + WEIGH_VECTORS * VEC_LANES <= dim; d += WEIGH_VECTORS * VEC_LANES)
        weigh_tile(half, Q, WEIGH_VECTORS, acc, s, lds, values, n, dim, d, VEC_LANES);
    for (; d + VEC_LANES <= dim; d += VEC_LANES) weigh_tile(half, Q, 1, acc, s, lds, values, n, dim, d, VEC_LANES);
    if (d < dim) weigh_tile(half, Q, 1, acc, s, lds, values, n, dim, d, dim - d);
}

SIMD void weigh(bool half, float *acc, const float *s, int64_t lds, int32_t n_q, const void *values, int32_t n, int32_t dim) {
    int32_t i = 0;
    for (; i + QUERIES <= n_q; i += QUERIES)
        weigh_queries(half, QUERIES, acc + (int64_t)i * dim, s + i * lds, lds, values, n, dim);
    for (; i < n_q; i++) weigh_queries(half, 1, acc + (int64_t)i * dim, s + i * lds, lds, values, n, dim);
}
static void weigh_f32(float *acc, const float *s, int64_t lds, int32_t n_q, const void *values, int32_t n, int32_t dim) {
    weigh(false, acc, s, lds, n_q, values, n, dim);
}
static void weigh_f16(float *acc, const float *s, int64_t lds, int32_t n_q, const void *values, int32_t n, int32_t dim) {
    weigh(true, acc, s, lds, n_q, values, n, dim);
}

/* ---- Measuring ----------------------------------------------------------------*/

static double fma_peak(int64_t rounds, float *sink) {
    enum { CHAINS = TILE_R * TILE_C };
    vec acc[CHAINS], a = vec_set(sink[0]), b = vec_set(sink[1]);
    UNROLL for (int c = 0; c < CHAINS; c++) acc[c] = a;
    for (int64_t i = 0; i < rounds; i++)
        UNROLL for (int c = 0; c < CHAINS; c++) acc[c] = vec_fma(acc[c], a, b);
    UNROLL for (int c = 0; c < CHAINS; c++) sink[0] += vec_sum(acc[c]);
    return (double)rounds * CHAINS * VEC_LANES;
}

const kernels KERNELS = {
    .name = KERNELS_NAME, .features = KERNELS_FEATURES,
#if defined(PACKED)
    .pack = pack,
#endif
    .matmul = matmul, .matmul_wide = MATMUL_WIDE, .rms_norm = rms_norm, .gelu = gelu, .silu_mul = silu_mul, .to_f16 = to_f16,
    .scores = { scores_f32, scores_f16 }, .softmax = softmax, .weigh = { weigh_f32, weigh_f16 },
    .sum_exp = sum_exp, .fma_peak = fma_peak,
};
