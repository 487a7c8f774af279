/* The index of a GGUF file, version 2 or 3: keys with their values, and tensors in
 * the form of safetensors.h, with shapes the way round that people write them.
 * Everything is checked: reading what it points to stays inside the file. */
#ifndef VOX_GGUF_H
#define VOX_GGUF_H

#include <stdbool.h>

#include "safetensors.h"

typedef enum gguf_type {
    GGUF_UINT8, GGUF_INT8, GGUF_UINT16, GGUF_INT16, GGUF_UINT32, GGUF_INT32, GGUF_FLOAT32, GGUF_BOOL,
    GGUF_STRING, GGUF_ARRAY, GGUF_UINT64, GGUF_INT64, GGUF_FLOAT64, N_GGUF_TYPES
} gguf_type;

/* UTF-8 of the file, without a NUL at its end. */
typedef struct gguf_text { const char *bytes; size_t size; } gguf_text;

typedef struct gguf_value {
    gguf_text key;
    gguf_type type, element; /* element: of an array */
    uint64_t count;          /* of an array */
    const uint8_t *data;     /* as in the file */
} gguf_value;

typedef struct gguf {
    gguf_value *values; /* [n_values], by key */
    int32_t n_values;
    safetensors index;  /* dtypes are names of dtype_formats */
    char *names;
} gguf;

bool gguf_is(const uint8_t *bytes, size_t size);

/* Reads the index of a whole file in memory, which must outlive it; name stands
 * for the file in errors. */
int32_t gguf_parse(const uint8_t *bytes, size_t size, const char *name, gguf *out, vox_error *e);
void gguf_free(gguf *g);

/* NULL if there is none. */
const gguf_value *gguf_find(const gguf *g, const char *key);

/* v as what it should be; false if v is NULL or something else. */
bool gguf_number(const gguf_value *v, double *out); /* any integer, float or bool (0, 1) */
bool gguf_string(const gguf_value *v, gguf_text *out);
bool gguf_is_array(const gguf_value *v, gguf_type element);

/* The next of an array's count strings; *cursor begins at 0. */
gguf_text gguf_next_string(const gguf_value *v, size_t *cursor);

#endif
