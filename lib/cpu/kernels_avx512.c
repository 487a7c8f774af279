/* Build for x86-64 with the features avx512f, avx512bw, avx512vl, avx512dq (and
 * avx2, fma, f16c, which they imply). */
#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "kernels_avx512.c must be compiled for avx512f + avx512bw + avx512vl + avx512dq"
#endif

#include "kernels.h"
#include "simd_avx512.h"

#define KERNELS kernels_avx512
#define KERNELS_NAME "avx512"
#define KERNELS_FEATURES "avx512f avx512bw avx512vl avx512dq"
#define MATMUL_WIDE kernels_avx512_matmul_wide
#define MATMUL_WIDE_LINKAGE
#include "kernels_simd.h"
