/* Vectors of 16 floats: AVX-512 F, BW, VL, DQ. */
#ifndef VOX_CPU_SIMD_AVX512_H
#define VOX_CPU_SIMD_AVX512_H

#include <immintrin.h>

#define VEC_LANES 16
#define TILE_R 4 /* register tile of the matrix product: 24 sums, 4 rows, 1 weight of 32 registers */
#define TILE_C 6
#define SCORE_BLOCKS 2 /* key blocks at a time: 4 queries x 2 vectors hide the latency */
#define WEIGH_VECTORS 4

typedef __m512 vec;
typedef __mmask16 vec_mask;

#define SIMD static inline __attribute__((always_inline))

SIMD __mmask16 first(int32_t n) { return (__mmask16)((1u << n) - 1); }

SIMD vec vec_set(float f) { return _mm512_set1_ps(f); }
SIMD vec vec_load(const float *p) { return _mm512_loadu_ps(p); }
SIMD vec vec_load_n(const float *p, int32_t n) { return _mm512_maskz_loadu_ps(first(n), p); }
SIMD void vec_store(float *p, vec a) { _mm512_storeu_ps(p, a); }
SIMD void vec_store_n(float *p, vec a, int32_t n) { _mm512_mask_storeu_ps(p, first(n), a); }

SIMD vec bf16_widen(__m256i h) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16)); }
SIMD vec vec_load_bf16(const uint16_t *p) { return bf16_widen(_mm256_loadu_si256((const __m256i *)(const void *)p)); }
SIMD vec vec_load_bf16_n(const uint16_t *p, int32_t n) { return bf16_widen(_mm256_maskz_loadu_epi16(first(n), p)); }
SIMD vec vec_load_f16(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p)); }
SIMD vec vec_load_f16_n(const uint16_t *p, int32_t n) { return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(n), p)); }
SIMD void vec_store_f16_n(uint16_t *p, vec a, int32_t n) {
    _mm256_mask_storeu_epi16(p, first(n), _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/* 32-bit integers from bytes */
typedef __m512i ivec;
SIMD ivec ivec_bytes(const uint8_t *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)); }
SIMD ivec ivec_signed_bytes(const uint8_t *p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)); }
SIMD ivec ivec_and(ivec a, int32_t mask) { return _mm512_and_si512(a, _mm512_set1_epi32(mask)); }
SIMD ivec ivec_or(ivec a, ivec b) { return _mm512_or_si512(a, b); }
SIMD ivec ivec_right(ivec a, int n) { return _mm512_srli_epi32(a, (unsigned)n); }
SIMD ivec ivec_left(ivec a, int n) { return _mm512_slli_epi32(a, (unsigned)n); }
SIMD vec vec_from_int(ivec a) { return _mm512_cvtepi32_ps(a); }

SIMD vec vec_add(vec a, vec b) { return _mm512_add_ps(a, b); }
SIMD vec vec_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
SIMD vec vec_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
SIMD vec vec_div(vec a, vec b) { return _mm512_div_ps(a, b); }
SIMD vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); } /* a * b + c */
SIMD vec vec_min(vec a, vec b) { return _mm512_min_ps(a, b); }             /* NaN in b stays */
SIMD vec vec_max(vec a, vec b) { return _mm512_max_ps(a, b); }             /* NaN in b stays */
SIMD vec vec_abs(vec a) { return _mm512_abs_ps(a); }
SIMD vec vec_round(vec a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
SIMD vec_mask vec_less(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
SIMD vec vec_select(vec_mask m, vec yes, vec no) { return _mm512_mask_blend_ps(m, no, yes); }
/* 2^n for whole n in -126..127 */
SIMD vec vec_exp2i(vec n) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
}

/* Horizontal sum: halves onto each other, down to one lane. */
SIMD float vec_sum(vec a) {
    __m256 b = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    c = _mm_add_ps(c, _mm_movehl_ps(c, c));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
SIMD float vec_highest(vec a) { return _mm512_reduce_max_ps(a); }

#endif
