/* The inner loops of the CPU backend, one table per ISA level. kernels_scalar.c is
 * the reference; kernels_simd.h holds the vector algorithms, written once over the
 * small vector headers simd_*.h and compiled once per level (kernels_*.c).
 *
 * A level may round differently from another. Within a level every result is a
 * function of its row alone: the order of each sum is fixed by the element's
 * index (or absolute position), never by the shape of the call. Build these files
 * without -ffast-math and with -ffp-contract=off. */
#ifndef VOX_CPU_KERNELS_H
#define VOX_CPU_KERNELS_H

#include <stdint.h>

#include "../error.h"
#include "../tensor.h"

/* out[r][c] = x[r] . w[c]; x [rows, k] f32 (packed if the table has pack), w
 * [outputs, k] BF16; ldx, ldw: elements between rows. */
typedef struct product {
    const float *x;
    const uint16_t *w;
    int64_t ldx, ldw;
    int32_t rows, outputs, k;
} product;

/* The same with weights of any type, k whole blocks, and x never packed. */
typedef struct wide_product {
    const float *x;
    const uint8_t *w;
    int64_t ldx;
    size_t row_bytes; /* between rows of w */
    int32_t rows, outputs, k;
    dtype type;
} wide_product;

/* Up to MATMUL_DIRECT_ROWS rows read the weights once, straight from memory, for
 * any number of outputs. Larger products come in blocks of at most MATMUL_ROWS x
 * MATMUL_OUTPUTS: what is reused then stays in a core's L1 and L2. */
#define MATMUL_DIRECT_ROWS 16
#define MATMUL_ROWS 64
#define MATMUL_OUTPUTS 24
#define MATMUL_SCRATCH (MATMUL_ROWS * MATMUL_OUTPUTS * 16 + 8 * 1024) /* floats */

/* Positions per block of keys: a block is stored [head_dim][KV_BLOCK], so that a
 * vector holds one dimension of several keys and a score needs no horizontal sum. */
#define KV_BLOCK 16

typedef struct kernels {
    const char *name;
    const char *features; /* CPU features the object was compiled for */

    /* Rearranges a row of n activations for matmul into round_up(n, PACK_STEP)
     * floats; NULL: matmul takes them as they are. */
    void (*pack)(float *to, const float *x, int32_t n);
    /* out [rows, outputs] dense; scratch: MATMUL_SCRATCH floats, 64-byte aligned. */
    void (*matmul)(float *out, const product *p, float *scratch);
    void (*matmul_wide)(float *out, const wide_product *p, float *scratch);

    /* out = x / rms(x) * weight * (1 + ada); ada may be NULL; out may be x */
    void (*rms_norm)(float *out, const float *x, const float *weight, const float *ada, int32_t n, float eps);
    void (*gelu)(float *x, int32_t n);                            /* exact (erf) form */
    void (*silu_mul)(float *gate, const float *up, int32_t n);    /* gate = silu(gate) * up */
    void (*to_f16)(uint16_t *to, const float *from, int32_t n);   /* round to nearest even, clamped to the finite range */

    /* Attention of n_q queries that share one kv head; [0] f32, [1] f16 cache.
     * scores: s[i][b * KV_BLOCK + j] = q[i] . key j of block b; q [n_q, dim] dense. */
    void (*scores[2])(float *s, int64_t lds, const float *q, int32_t n_q, const void *keys, int32_t n_blocks, int32_t dim);
    /* s = exp(s - max(s)); returns the sum. n: a multiple of KV_BLOCK. */
    float (*softmax)(float *s, int32_t n);
    /* acc[i] += sum over j of s[i][j] * values[j]; acc [n_q, dim], values [n, dim] dense. */
    void (*weigh[2])(float *acc, const float *s, int64_t lds, int32_t n_q, const void *values, int32_t n, int32_t dim);

    double (*sum_exp)(const float *x, int32_t n, float max); /* sum of exp(x - max) */

    /* Multiply-adds that never leave the registers; returns how many were done. */
    double (*fma_peak)(int64_t rounds, float *sink);
} kernels;

#define PACK_STEP 32

extern const kernels kernels_scalar;
#if defined(__x86_64__)
extern const kernels kernels_avx2, kernels_avx512, kernels_avx512bf16;
/* Pairs of BF16 would round wider weights: avx512bf16 takes this one too. */
void kernels_avx512_matmul_wide(float *out, const wide_product *p, float *scratch);
#elif defined(__aarch64__)
extern const kernels kernels_neon;
#endif

/* The table of an ISA name ("auto": the default of this machine), or NULL with the
 * reason in e. */
const kernels *kernels_find(const char *isa, vox_error *e);

#endif
