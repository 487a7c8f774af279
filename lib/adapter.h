/* The adapter: four encoder frames become one decoder-sized audio embedding. */
#ifndef VOX_ADAPTER_H
#define VOX_ADAPTER_H

#include "model.h"

typedef struct adapter adapter; /* workspace of one engine */

int32_t adapter_new(const model *m, int32_t max_positions, adapter **out, vox_error *e);
void adapter_free(adapter *a);

/* frames [downsample * n, encoder dim] -> [n, decoder dim], valid until the next
 * forward. */
tensor adapter_forward(adapter *a, tensor frames);

#endif
