/* Which kernels this machine can run. */
#include <stdbool.h>
#include <string.h>

#include "../backend.h"
#include "kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* Register state that the operating system saves: XCR0. */
static uint64_t saved_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool has(uint32_t reg, uint32_t bits) { return (reg & bits) == bits; }

/* Levels above scalar, 0..3. */
static int32_t level(void) {
    uint32_t a, b, c, d, a1, b1 = 0, c1, d1;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has(c, bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C)) return 0;
    uint64_t saved = saved_state();
    if ((saved & 0x06) != 0x06) return 0; /* xmm, ymm */
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has(b, bit_AVX2)) return 0;
    if ((saved & 0xe6) != 0xe6) return 1; /* and mask registers, zmm */
    if (!has(b, bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ)) return 1;
    bool bf16 = a >= 1 && __get_cpuid_count(7, 1, &a1, &b1, &c1, &d1) && has(a1, 1u << 5);
    return bf16 ? 3 : 2;
}

/* "auto" is avx512 also where avx512bf16 exists: as fast, and activations stay
 * whole. Measured on one core of a Zen 5 EPYC, CPU time, avx512 : avx512bf16 in ms
 * (f32 FMA peak 238 GFLOP/s): 1 x 3072 -> 9216 1.75 : 1.74 (32 GB/s of weights),
 * 16 x 3072 -> 9216 5.6 : 5.6, 38 x 3072 -> 9216 12.6 : 12.7, 200 x 1280 -> 5120
 * 14.5 : 14.4 (181 GFLOP/s). Two BF16 products per weight cost what widening and
 * one f32 product do. */
static const char *const names[] = { "scalar", "avx2", "avx512", "avx512bf16" };
static const kernels *const tables[] = { &kernels_scalar, &kernels_avx2, &kernels_avx512, &kernels_avx512bf16 };
static const char *const available[][5] = {
    { "scalar" }, { "scalar", "avx2" }, { "scalar", "avx2", "avx512" }, { "scalar", "avx2", "avx512", "avx512bf16" },
};
#define AUTO_AT_MOST 2

#elif defined(__aarch64__)

static int32_t level(void) { return 1; }
static const char *const names[] = { "scalar", "neon" };
static const kernels *const tables[] = { &kernels_scalar, &kernels_neon };
static const char *const available[][3] = { { "scalar" }, { "scalar", "neon" } };
#define AUTO_AT_MOST 1

#else

static int32_t level(void) { return 0; }
static const char *const names[] = { "scalar" };
static const kernels *const tables[] = { &kernels_scalar };
static const char *const available[][2] = { { "scalar" } };
#define AUTO_AT_MOST 0

#endif

const char *const *cpu_isa_available(void) { return available[level()]; }

const char *cpu_isa_default(void) {
    int32_t best = level();
    return names[best < AUTO_AT_MOST ? best : AUTO_AT_MOST];
}

const kernels *kernels_find(const char *isa, vox_error *e) {
    int32_t best = level();
    if (!isa || !strcmp(isa, "auto")) isa = cpu_isa_default();
    for (int32_t i = 0; i <= best; i++)
        if (!strcmp(isa, names[i])) return tables[i];
    vox_fail(e, VOX_E_UNSUPPORTED, "ISA \"%s\" is not available on this machine: use \"auto\" or a level up to \"%s\"",
             isa, names[best]);
    return NULL;
}
