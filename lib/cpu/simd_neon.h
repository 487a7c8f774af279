/* Vectors of 4 floats: AArch64 NEON. */
#ifndef VOX_CPU_SIMD_NEON_H
#define VOX_CPU_SIMD_NEON_H

#include <arm_neon.h>
#include <string.h>

#define VEC_LANES 4
#define TILE_R 4 /* register tile of the matrix product: 24 sums, 4 rows, 1 weight of 32 registers */
#define TILE_C 6
#define SCORE_BLOCKS 1
#define WEIGH_VECTORS 4

typedef float32x4_t vec;
typedef uint32x4_t vec_mask;

#define SIMD static inline __attribute__((always_inline))

SIMD uint16x4_t halves_n(const uint16_t *p, int32_t n) {
    uint16_t h[4] = { 0 };
    memcpy(h, p, (size_t)n * 2);
    return vld1_u16(h);
}

SIMD vec vec_set(float f) { return vdupq_n_f32(f); }
SIMD vec vec_load(const float *p) { return vld1q_f32(p); }
SIMD vec vec_load_n(const float *p, int32_t n) {
    float f[4] = { 0 };
    memcpy(f, p, (size_t)n * 4);
    return vld1q_f32(f);
}
SIMD void vec_store(float *p, vec a) { vst1q_f32(p, a); }
SIMD void vec_store_n(float *p, vec a, int32_t n) {
    float f[4];
    vst1q_f32(f, a);
    memcpy(p, f, (size_t)n * 4);
}

SIMD vec bf16_widen(uint16x4_t h) { return vreinterpretq_f32_u32(vshll_n_u16(h, 16)); }
SIMD vec vec_load_bf16(const uint16_t *p) { return bf16_widen(vld1_u16(p)); }
SIMD vec vec_load_bf16_n(const uint16_t *p, int32_t n) { return bf16_widen(halves_n(p, n)); }
SIMD vec vec_load_f16(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
SIMD vec vec_load_f16_n(const uint16_t *p, int32_t n) { return vcvt_f32_f16(vreinterpret_f16_u16(halves_n(p, n))); }
SIMD void vec_store_f16_n(uint16_t *p, vec a, int32_t n) {
    uint16_t h[4];
    vst1_u16(h, vreinterpret_u16_f16(vcvt_f16_f32(a)));
    memcpy(p, h, (size_t)n * 2);
}

/* 32-bit integers from bytes */
typedef int32x4_t ivec;
SIMD uint8x8_t four_bytes(const uint8_t *p) {
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return vreinterpret_u8_u32(vdup_n_u32(word));
}
SIMD ivec ivec_bytes(const uint8_t *p) { return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(four_bytes(p))))); }
SIMD ivec ivec_signed_bytes(const uint8_t *p) { return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(four_bytes(p))))); }
SIMD ivec ivec_and(ivec a, int32_t mask) { return vandq_s32(a, vdupq_n_s32(mask)); }
SIMD ivec ivec_or(ivec a, ivec b) { return vorrq_s32(a, b); }
SIMD ivec ivec_right(ivec a, int n) { return vshlq_s32(a, vdupq_n_s32(-n)); } /* of values >= 0 */
SIMD ivec ivec_left(ivec a, int n) { return vshlq_s32(a, vdupq_n_s32(n)); }
SIMD vec vec_from_int(ivec a) { return vcvtq_f32_s32(a); }

SIMD vec vec_add(vec a, vec b) { return vaddq_f32(a, b); }
SIMD vec vec_sub(vec a, vec b) { return vsubq_f32(a, b); }
SIMD vec vec_mul(vec a, vec b) { return vmulq_f32(a, b); }
SIMD vec vec_div(vec a, vec b) { return vdivq_f32(a, b); }
SIMD vec vec_fma(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); } /* a * b + c */
SIMD vec vec_min(vec a, vec b) { return vminq_f32(a, b); }           /* NaN stays */
SIMD vec vec_max(vec a, vec b) { return vmaxq_f32(a, b); }           /* NaN stays */
SIMD vec vec_abs(vec a) { return vabsq_f32(a); }
SIMD vec vec_round(vec a) { return vrndnq_f32(a); }
SIMD vec_mask vec_less(vec a, vec b) { return vcltq_f32(a, b); }
SIMD vec vec_select(vec_mask m, vec yes, vec no) { return vbslq_f32(m, yes, no); }
/* 2^n for whole n in -126..127 */
SIMD vec vec_exp2i(vec n) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23));
}

SIMD float vec_sum(vec a) {
    float32x2_t b = vadd_f32(vget_low_f32(a), vget_high_f32(a));
    return vget_lane_f32(vpadd_f32(b, b), 0);
}
SIMD float vec_highest(vec a) { return vmaxvq_f32(a); }

#endif
