/* Which tensors a model consists of: their names in consolidated.safetensors,
 * shapes, and places in struct weights. Shared by opening and synthesising. */
#ifndef VOX_LAYOUT_H
#define VOX_LAYOUT_H

#include "os.h"
#include "safetensors.h"
#include "weights.h"

typedef enum weight_kind {
    WEIGHT_MATRIX, /* [rows, cols], of the file's type */
    WEIGHT_CONV,   /* in the file [rows, cols / 3, 3], here tap-major, BF16 or f32 */
    WEIGHT_NORM,   /* in the file [cols], here f32 */
    WEIGHT_BIAS    /* the same */
} weight_kind;

typedef struct weight_spec {
    char name[128];
    tensor *slot;
    weight_kind kind;
    int32_t rows, cols;
    int32_t heads; /* whose rotary pairs the rows (of a bias, elements) are; 0: none */
    dtype type;    /* here; BF16 and f32 unless a file says otherwise */
    bool copied;   /* has memory of its own: all but matrices that are used as they lie in the file */
} weight_spec;

struct weights_storage {
    os_file file;      /* matrices, when opened from a file */
    void *memory;      /* everything else */
    size_t memory_size;
};

/* Allocates w's layers and storage, and lists every tensor; the caller frees
 * *specs. On failure w is closed. */
int32_t weights_layout(const vox_config *c, weights *w, weight_spec **specs, int32_t *n, vox_error *e);

/* Shapes every slot, and gives copied ones zeroed memory of w->storage, each at a
 * multiple of 64 bytes. */
int32_t weights_allocate(weights *w, const weight_spec *specs, int32_t n, vox_error *e);

#endif
