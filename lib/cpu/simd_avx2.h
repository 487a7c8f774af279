/* Vectors of 8 floats: AVX2, FMA, F16C. */
#ifndef VOX_CPU_SIMD_AVX2_H
#define VOX_CPU_SIMD_AVX2_H

#include <immintrin.h>
#include <string.h>

#define VEC_LANES 8
#define TILE_R 3 /* register tile of the matrix product: 12 sums, 3 rows, 1 weight of 16 registers */
#define TILE_C 4
#define SCORE_BLOCKS 1
#define WEIGH_VECTORS 2

typedef __m256 vec;
typedef __m256 vec_mask;

#define SIMD static inline __attribute__((always_inline))

SIMD __m256i first(int32_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
SIMD __m128i halves(const uint16_t *p) { return _mm_loadu_si128((const __m128i *)(const void *)p); }
SIMD __m128i halves_n(const uint16_t *p, int32_t n) {
    uint16_t h[8] = { 0 };
    memcpy(h, p, (size_t)n * 2);
    return halves(h);
}

SIMD vec vec_set(float f) { return _mm256_set1_ps(f); }
SIMD vec vec_load(const float *p) { return _mm256_loadu_ps(p); }
SIMD vec vec_load_n(const float *p, int32_t n) { return _mm256_maskload_ps(p, first(n)); }
SIMD void vec_store(float *p, vec a) { _mm256_storeu_ps(p, a); }
SIMD void vec_store_n(float *p, vec a, int32_t n) { _mm256_maskstore_ps(p, first(n), a); }

SIMD vec bf16_widen(__m128i h) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16)); }
SIMD vec vec_load_bf16(const uint16_t *p) { return bf16_widen(halves(p)); }
SIMD vec vec_load_bf16_n(const uint16_t *p, int32_t n) { return bf16_widen(halves_n(p, n)); }
SIMD vec vec_load_f16(const uint16_t *p) { return _mm256_cvtph_ps(halves(p)); }
SIMD vec vec_load_f16_n(const uint16_t *p, int32_t n) { return _mm256_cvtph_ps(halves_n(p, n)); }
SIMD void vec_store_f16_n(uint16_t *p, vec a, int32_t n) {
    uint16_t h[8];
    _mm_storeu_si128((__m128i *)(void *)h, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    memcpy(p, h, (size_t)n * 2);
}

/* 32-bit integers from bytes */
typedef __m256i ivec;
SIMD ivec ivec_bytes(const uint8_t *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)); }
SIMD ivec ivec_signed_bytes(const uint8_t *p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)); }
SIMD ivec ivec_and(ivec a, int32_t mask) { return _mm256_and_si256(a, _mm256_set1_epi32(mask)); }
SIMD ivec ivec_or(ivec a, ivec b) { return _mm256_or_si256(a, b); }
SIMD ivec ivec_right(ivec a, int n) { return _mm256_srli_epi32(a, n); }
SIMD ivec ivec_left(ivec a, int n) { return _mm256_slli_epi32(a, n); }
SIMD vec vec_from_int(ivec a) { return _mm256_cvtepi32_ps(a); }

SIMD vec vec_add(vec a, vec b) { return _mm256_add_ps(a, b); }
SIMD vec vec_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
SIMD vec vec_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
SIMD vec vec_div(vec a, vec b) { return _mm256_div_ps(a, b); }
SIMD vec vec_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); } /* a * b + c */
SIMD vec vec_min(vec a, vec b) { return _mm256_min_ps(a, b); }             /* NaN in b stays */
SIMD vec vec_max(vec a, vec b) { return _mm256_max_ps(a, b); }             /* NaN in b stays */
SIMD vec vec_abs(vec a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
SIMD vec vec_round(vec a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
SIMD vec_mask vec_less(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
SIMD vec vec_select(vec_mask m, vec yes, vec no) { return _mm256_blendv_ps(no, yes, m); }
/* 2^n for whole n in -126..127 */
SIMD vec vec_exp2i(vec n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}

/* Horizontal sum: halves onto each other, down to one lane. */
SIMD float vec_sum(vec a) {
    __m128 c = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    c = _mm_add_ps(c, _mm_movehl_ps(c, c));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
SIMD float vec_highest(vec a) {
    __m128 c = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    c = _mm_max_ps(c, _mm_movehl_ps(c, c));
    return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

#endif
