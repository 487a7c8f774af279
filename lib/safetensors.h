/* The index of a safetensors file: every tensor's name, type, shape and bytes,
 * checked so that whoever reads `bytes` bytes at `data` stays inside the file. */
#ifndef VOX_SAFETENSORS_H
#define VOX_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "json.h"

#define SAFETENSORS_MAX_DIMS 8
#define SAFETENSOR_SHAPE_CHARS (SAFETENSORS_MAX_DIMS * 22 + 4)

typedef struct safetensor {
    const char *name;
    const char *dtype; /* "BF16", "Q4_K" ...; static */
    const uint8_t *data;
    size_t bytes;
    int32_t n_dims;
    int64_t shape[SAFETENSORS_MAX_DIMS];
} safetensor;

typedef struct safetensors {
    safetensor *tensors; /* [n], by name */
    int32_t n;
    json header; /* owns the names */
} safetensors;

/* Reads the index of a whole file in memory, which must outlive it; name stands
 * for the file in errors. */
int32_t safetensors_parse(const uint8_t *bytes, size_t size, const char *name, safetensors *out, vox_error *e);
void safetensors_free(safetensors *s);

/* Sorts by name; no two tensors may share bytes or a name. */
int32_t safetensors_sort(safetensors *s, const char *name, vox_error *e);

/* NULL if there is none. */
const safetensor *safetensors_find(const safetensors *s, const char *name);

/* "[3072, 1280]" */
const char *safetensor_shape(const safetensor *t, char text[static SAFETENSOR_SHAPE_CHARS]);

#endif
