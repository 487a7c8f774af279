/* 16-bit floats in plain C: what hardware conversions do, bit for bit. */
#ifndef VOX_CPU_HALF_H
#define VOX_CPU_HALF_H

#include <stdint.h>
#include <string.h>

/* Weights stand in a mapped file at any address. */
static inline float bf16_to_f32(const void *p) {
    uint16_t half;
    memcpy(&half, p, sizeof half);
    uint32_t bits = (uint32_t)half << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline float f16_to_f32(uint16_t h) {
    uint32_t magnitude = (uint32_t)(h & 0x7fff) << 13, sign = (uint32_t)(h & 0x8000) << 16;
    float f;
    if (magnitude >= 0x0f800000u) magnitude += 0x70000000u; /* infinity, NaN */
    else if (magnitude >= 0x00800000u) magnitude += 0x38000000u;
    else { /* subnormal: a multiple of 2^-24 */
        f = (float)(h & 0x7fff) * 0x1p-24f;
        memcpy(&magnitude, &f, sizeof f);
    }
    magnitude |= sign;
    memcpy(&f, &magnitude, sizeof f);
    return f;
}

#define F16_MAX 65504.0f

/* Nearest, ties to even; beyond the largest finite value: that value. */
static inline uint16_t f32_to_f16(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    uint16_t sign = (uint16_t)((bits >> 16) & 0x8000);
    bits &= 0x7fffffffu;
    if (bits > 0x7f800000u) return sign | 0x7e00;
    if (bits >= 0x477fe000u) return sign | 0x7bff;
    if (bits < 0x38800000u) { /* subnormal: adding 0.5 rounds to a multiple of 2^-24 */
        float magnitude;
        memcpy(&magnitude, &bits, sizeof bits);
        magnitude += 0.5f;
        memcpy(&bits, &magnitude, sizeof bits);
        return sign | (uint16_t)(bits - 0x3f000000u);
    }
    bits += 0xfff + ((bits >> 13) & 1);
    return sign | (uint16_t)((bits - 0x38000000u) >> 13);
}

#endif
