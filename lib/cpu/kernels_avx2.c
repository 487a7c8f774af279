/* Build for x86-64 with the features avx2, fma, f16c. */
#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "kernels_avx2.c must be compiled for avx2 + fma + f16c"
#endif

#include "kernels.h"
#include "simd_avx2.h"

#define KERNELS kernels_avx2
#define KERNELS_NAME "avx2"
#define KERNELS_FEATURES "avx2 fma f16c"
#define MATMUL_WIDE matmul_wide
#define MATMUL_WIDE_LINKAGE static
#include "kernels_simd.h"
