/* Build for x86-64 with the features of kernels_avx512.c and avx512bf16. */
#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__) || \
    !defined(__AVX512BF16__)
#error "kernels_avx512bf16.c must be compiled for avx512f + avx512bw + avx512vl + avx512dq + avx512bf16"
#endif

#include "kernels.h"
#include "simd_avx512.h"

/* Products in BF16 pairs: an activation is the sum of two BF16 numbers, x = hi + lo
 * within 2^-17 of x, and meets every vector of 32 weights twice. A packed row
 * stands in groups of 32: 32 x hi, 32 x lo. */
#define PACKED 1
#define K_STEP PACK_STEP
typedef struct xvec { __m512bh hi, lo; } xvec;
typedef __m512bh wvec;
typedef uint16_t panel_element;

SIMD __m512bh pair_load(const void *p) { return (__m512bh)_mm512_loadu_si512(p); }
SIMD xvec x_load(const float *x) { return (xvec){ pair_load(x), pair_load(x + PACK_STEP / 2) }; }
SIMD xvec x_load_n(const float *x, int32_t n) { return (void)n, x_load(x); }
SIMD wvec w_load(const uint16_t *w) { return pair_load(w); }
SIMD wvec w_load_n(const uint16_t *w, int32_t n) {
    return (__m512bh)_mm512_maskz_loadu_epi16((__mmask32)((1ull << n) - 1), w);
}
SIMD wvec panel_load(const panel_element *w) { return pair_load(w); }
SIMD void panel_store(panel_element *p, wvec w) { _mm512_storeu_si512(p, (__m512i)w); }
SIMD wvec w_zero(void) { return (__m512bh)_mm512_setzero_si512(); }
SIMD vec multiply_add(vec acc, xvec x, wvec w) {
    return _mm512_dpbf16_ps(_mm512_dpbf16_ps(acc, x.lo, w), x.hi, w);
}

static void pack(float *to, const float *x, int32_t n) {
    for (int32_t i = 0; i < n; i += PACK_STEP) {
        int32_t left = n - i < PACK_STEP ? n - i : PACK_STEP, low = left < 16 ? left : 16;
        vec a = vec_load_n(x + i, low), b = vec_load_n(x + i + low, left - low);
        __m256i a_hi = (__m256i)_mm512_cvtneps_pbh(a), b_hi = (__m256i)_mm512_cvtneps_pbh(b);
        __m256i a_lo = (__m256i)_mm512_cvtneps_pbh(vec_sub(a, bf16_widen(a_hi)));
        __m256i b_lo = (__m256i)_mm512_cvtneps_pbh(vec_sub(b, bf16_widen(b_hi)));
        _mm512_storeu_si512(to + i, _mm512_inserti64x4(_mm512_castsi256_si512(a_hi), b_hi, 1));
        _mm512_storeu_si512(to + i + 16, _mm512_inserti64x4(_mm512_castsi256_si512(a_lo), b_lo, 1));
    }
}

#define KERNELS kernels_avx512bf16
#define KERNELS_NAME "avx512bf16"
#define KERNELS_FEATURES "avx512f avx512bw avx512vl avx512dq avx512bf16"
#define MATMUL_WIDE kernels_avx512_matmul_wide
#include "kernels_simd.h"
