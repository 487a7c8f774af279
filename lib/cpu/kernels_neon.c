/* Build for AArch64 (NEON is part of its baseline). */
#if !defined(__aarch64__) || !defined(__ARM_NEON)
#error "kernels_neon.c must be compiled for aarch64 with neon"
#endif

#include "kernels.h"
#include "simd_neon.h"

#define KERNELS kernels_neon
#define KERNELS_NAME "neon"
#define KERNELS_FEATURES "neon"
#define MATMUL_WIDE matmul_wide
#define MATMUL_WIDE_LINKAGE static
#include "kernels_simd.h"
