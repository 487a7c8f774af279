/* Weights of any type as f32. */
#ifndef VOX_QUANT_H
#define VOX_QUANT_H

#include "tensor.h"

/* Widens n elements, whole blocks, from any address. Every value is that of the
 * format's definition, rounded as its products and sums in f32 are. */
void dequantize(dtype type, float *to, const void *from, int32_t n);

#endif
