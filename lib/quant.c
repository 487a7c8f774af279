/* Widening in plain C: the reference for the vector levels. */
#include "quant.h"

#include "quant_blocks.h"

const dtype_format dtype_formats[N_DTYPES] = {
    [DTYPE_F32] = { "F32", 1, 4 },     [DTYPE_BF16] = { "BF16", 1, 2 },   [DTYPE_F16] = { "F16", 1, 2 },
    [DTYPE_Q4_0] = { "Q4_0", 32, 18 }, [DTYPE_Q4_1] = { "Q4_1", 32, 20 }, [DTYPE_Q5_0] = { "Q5_0", 32, 22 },
    [DTYPE_Q5_1] = { "Q5_1", 32, 24 }, [DTYPE_Q8_0] = { "Q8_0", 32, 34 }, [DTYPE_Q2_K] = { "Q2_K", 256, 84 },
    [DTYPE_Q3_K] = { "Q3_K", 256, 110 }, [DTYPE_Q4_K] = { "Q4_K", 256, 144 }, [DTYPE_Q5_K] = { "Q5_K", 256, 176 },
    [DTYPE_Q6_K] = { "Q6_K", 256, 210 },
};

void dequantize(dtype type, float *to, const void *from, int32_t n) { dequantize_blocks(type, to, from, n); }
