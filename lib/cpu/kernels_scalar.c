/* The kernels in plain C: the reference that every other level is checked against. */
#include "kernels.h"

#include <math.h>

#include "../quant.h"
#include "half.h"

#if defined(__FAST_MATH__)
#error "kernels_scalar.c defines the order of its sums: build it without -ffast-math"
#endif

static void matmul(float *out, const product *p, float *scratch) {
    (void)scratch;
    for (int32_t c = 0; c < p->outputs; c++) {
        const uint16_t *w = p->w + c * p->ldw;
        for (int32_t r = 0; r < p->rows; r++) {
            const float *x = p->x + r * p->ldx;
            float sum = 0;
            for (int32_t i = 0; i < p->k; i++) sum += x[i] * bf16_to_f32(w + i);
            out[(int64_t)r * p->outputs + c] = sum;
        }
    }
}

static void matmul_wide(float *out, const wide_product *p, float *scratch) {
    enum { PART = 256 }; /* whole blocks of every type */
    for (int32_t c = 0; c < p->outputs; c++) {
        const uint8_t *w = p->w + (size_t)c * p->row_bytes;
        for (int32_t r = 0; r < p->rows; r++) out[(int64_t)r * p->outputs + c] = 0;
        for (int32_t k = 0; k < p->k; k += PART) {
            int32_t n = p->k - k < PART ? p->k - k : PART;
            dequantize(p->type, scratch, w + dtype_row_bytes(p->type, k), n);
            for (int32_t r = 0; r < p->rows; r++) {
                const float *x = p->x + r * p->ldx + k;
                float sum = out[(int64_t)r * p->outputs + c];
                for (int32_t i = 0; i < n; i++) sum += x[i] * scratch[i];
                out[(int64_t)r * p->outputs + c] = sum;
            }
        }
    }
}

static void rms_norm(float *out, const float *x, const float *weight, const float *ada, int32_t n, float eps) {
    double squares = 0;
    for (int32_t i = 0; i < n; i++) squares += (double)x[i] * x[i];
    float scale = (float)(1 / sqrt(squares / n + eps));
    for (int32_t i = 0; i < n; i++) out[i] = x[i] * scale * weight[i] * (ada ? 1 + ada[i] : 1);
}

static void gelu(float *x, int32_t n) {
    for (int32_t i = 0; i < n; i++) x[i] = 0.5f * x[i] * erfcf(-x[i] * 0.70710678f);
}

static void silu_mul(float *gate, const float *up, int32_t n) {
    for (int32_t i = 0; i < n; i++) gate[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

static void to_f16(uint16_t *to, const float *from, int32_t n) {
    for (int32_t i = 0; i < n; i++) to[i] = f32_to_f16(from[i]);
}

static inline float element(const void *p, int64_t i, int half) {
    return half ? f16_to_f32(((const uint16_t *)p)[i]) : ((const float *)p)[i];
}

static inline void scores(int half, float *s, int64_t lds, const float *q, int32_t n_q, const void *keys,
                          int32_t n_blocks, int32_t dim) {
    for (int32_t i = 0; i < n_q; i++)
        for (int32_t b = 0; b < n_blocks; b++)
            for (int32_t j = 0; j < KV_BLOCK; j++) {
                float sum = 0;
                for (int32_t d = 0; d < dim; d++)
                    sum += q[(int64_t)i * dim + d] * element(keys, ((int64_t)b * dim + d) * KV_BLOCK + j, half);
                s[i * lds + b * KV_BLOCK + j] = sum;
            }
}
static void scores_f32(float *s, int64_t lds, const float *q, int32_t n_q, const void *keys, int32_t n_blocks, int32_t dim) {
    scores(0, s, lds, q, n_q, keys, n_blocks, dim);
}
static void scores_f16(float *s, int64_t lds, const float *q, int32_t n_q, const void *keys, int32_t n_blocks, int32_t dim) {
    scores(1, s, lds, q, n_q, keys, n_blocks, dim);
}

static float softmax(float *s, int32_t n) {
    float max = -INFINITY;
    for (int32_t i = 0; i < n; i++) max = s[i] > max ? s[i] : max;
    double sum = 0;
    for (int32_t i = 0; i < n; i++) sum += s[i] = expf(s[i] - max);
    return (float)sum;
}

static inline void weigh(int half, float *acc, const float *s, int64_t lds, int32_t n_q, const void *values,
                         int32_t n, int32_t dim) {
    for (int32_t i = 0; i < n_q; i++)
        for (int32_t j = 0; j < n; j++)
            for (int32_t d = 0; d < dim; d++)
                acc[(int64_t)i * dim + d] += s[i * lds + j] * element(values, (int64_t)j * dim + d, half);
}
static void weigh_f32(float *acc, const float *s, int64_t lds, int32_t n_q, const void *values, int32_t n, int32_t dim) {
    weigh(0, acc, s, lds, n_q, values, n, dim);
}
static void weigh_f16(float *acc, const float *s, int64_t lds, int32_t n_q, const void *values, int32_t n, int32_t dim) {
    weigh(1, acc, s, lds, n_q, values, n, dim);
}

static double sum_exp(const float *x, int32_t n, float max) {
    double sum = 0;
    for (int32_t i = 0; i < n; i++) sum += expf(x[i] - max);
    return sum;
}

static double fma_peak(int64_t rounds, float *sink) {
    enum { CHAINS = 8 };
    float acc[CHAINS] = { 0 }, a = sink[0], b = sink[1];
    for (int64_t i = 0; i < rounds; i++)
        for (int c = 0; c < CHAINS; c++) acc[c] = acc[c] * a + b;
    for (int c = 0; c < CHAINS; c++) sink[0] += acc[c];
    return (double)rounds * CHAINS;
}

const kernels kernels_scalar = {
    .name = "scalar", .features = "",
    .matmul = matmul, .matmul_wide = matmul_wide, .rms_norm = rms_norm, .gelu = gelu, .silu_mul = silu_mul, .to_f16 = to_f16,
    .scores = { scores_f32, scores_f16 }, .softmax = softmax, .weigh = { weigh_f32, weigh_f16 },
    .sum_exp = sum_exp, .fma_peak = fma_peak,
};
