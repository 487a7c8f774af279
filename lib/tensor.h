/* A matrix in host or device memory: row-major, rows * cols elements. A vector
 * is one row. rows == 0 means absent (a bias that the model lacks). */
#ifndef VOX_TENSOR_H
#define VOX_TENSOR_H

#include <stddef.h>
#include <stdint.h>

typedef enum dtype { DTYPE_F32 = 0, DTYPE_BF16 = 1, DTYPE_F16 = 2 } dtype;

typedef struct tensor {
    void *data;     /* host pointer (CPU) or the backend's buffer */
    size_t offset;  /* bytes from data to element [0][0] */
    int32_t rows;
    int32_t cols;
    dtype type;
} tensor;

static inline size_t dtype_bytes(dtype type) { return type == DTYPE_F32 ? 4 : 2; }

static inline size_t tensor_bytes(const tensor *t) {
    return (size_t)t->rows * (size_t)t->cols * dtype_bytes(t->type);
}

/* Rows first .. first + n of t. */
static inline tensor tensor_rows(tensor t, int32_t first, int32_t n) {
    t.offset += (size_t)first * (size_t)t.cols * dtype_bytes(t.type);
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
