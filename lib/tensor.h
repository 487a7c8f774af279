/* A matrix in host or device memory: row-major, rows * cols elements. A vector
 * is one row. rows == 0 means absent (a bias that the model lacks). */
#ifndef VOX_TENSOR_H
#define VOX_TENSOR_H

#include <stddef.h>
#include <stdint.h>

/* Plain floats, and GGUF's block types: blocks lie along a row, so rows of a
 * multiple of the block's elements can be taken apart and moved. */
typedef enum dtype {
    DTYPE_F32 = 0, DTYPE_BF16 = 1, DTYPE_F16 = 2,
    DTYPE_Q4_0, DTYPE_Q4_1, DTYPE_Q5_0, DTYPE_Q5_1, DTYPE_Q8_0,
    DTYPE_Q2_K, DTYPE_Q3_K, DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K,
    N_DTYPES
} dtype;

typedef struct dtype_format {
    const char *name; /* "BF16", "Q4_K" ... */
    int32_t block;    /* elements of a block */
    int32_t bytes;    /* of a block */
} dtype_format;

extern const dtype_format dtype_formats[N_DTYPES];

typedef struct tensor {
    void *data;     /* host pointer (CPU) or the backend's buffer */
    size_t offset;  /* bytes from data to element [0][0] */
    int32_t rows;
    int32_t cols;
    dtype type;
} tensor;

/* Of one element; not for block types. */
static inline size_t dtype_bytes(dtype type) { return type == DTYPE_F32 ? 4 : 2; }

/* Of `cols` elements that are whole blocks. */
static inline size_t dtype_row_bytes(dtype type, int32_t cols) {
    const dtype_format *f = &dtype_formats[type];
    return (size_t)(cols / f->block) * (size_t)f->bytes;
}

static inline size_t tensor_bytes(const tensor *t) { return (size_t)t->rows * dtype_row_bytes(t->type, t->cols); }

/* Rows first .. first + n of t. */
static inline tensor tensor_rows(tensor t, int32_t first, int32_t n) {
    t.offset += (size_t)first * dtype_row_bytes(t.type, t.cols);
    t.rows = n;
    return t;
}

/* The same elements with another number of columns. */
static inline tensor tensor_reshape(tensor t, int32_t rows, int32_t cols) {
    t.rows = rows;
    t.cols = cols;
    return t;
}

static inline void *tensor_host(const tensor *t) { return (char *)t->data + t->offset; }

#endif
