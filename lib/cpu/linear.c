/* Matrix products: what is split over threads, and what happens to a finished tile. */
#include <string.h>

#include "cpu.h"

typedef enum finish { FINISH_NONE, FINISH_GELU, FINISH_SWIGLU } finish;

/* out [rows, n] = finish(x w^T + bias + residual), or silu(x w^T) * (x up^T). */
typedef struct linear_job {
    const kernels *k;
    const float *x, *bias, *residual; /* bias [n], residual [rows, n]; NULL: none */
    int64_t ldx;
    const uint8_t *w, *up;
    dtype type, up_type;
    float *out;
    int32_t rows, n, depth;
    finish finish;

    int32_t rows_each, outputs_each, row_blocks; /* of an item */
    float *scratch;                              /* per thread: tile, second tile, the kernel's */
    size_t scratch_stride;

    float *packed;
    int64_t packed_stride;
} linear_job;

#define TILE_FLOATS (MATMUL_ROWS * MATMUL_OUTPUTS)
#define ITEM_WEIGHTS 65536 /* of one item with few rows: 128 KB, some 10 us of reading */
#define OUTPUT_STEP 24     /* a multiple of every kernel's tile */

static void finish_tile(const linear_job *j, float *tile, int32_t r0, int32_t rows, int32_t c0, int32_t outputs) {
    for (int32_t r = 0; r < rows; r++) {
        float *from = tile + (int64_t)r * outputs;
        int64_t at = (int64_t)(r0 + r) * j->n + c0;
        if (j->bias)
            for (int32_t c = 0; c < outputs; c++) from[c] += j->bias[c0 + c];
        if (j->finish == FINISH_GELU) j->k->gelu(from, outputs);
        if (j->residual)
            for (int32_t c = 0; c < outputs; c++) j->out[at + c] = from[c] + j->residual[at + c];
        else memcpy(j->out + at, from, (size_t)outputs * sizeof(float));
    }
}

static int32_t at_most(int32_t a, int32_t b) { return a < b ? a : b; }

/* tile [rows, outputs] = x[r0 ..] w[c0 ..]^T */
static void multiply_tile(const linear_job *j, float *tile, const uint8_t *w, dtype type, int32_t r0, int32_t rows, int32_t c0, int32_t outputs,
                          float *scratch) {
    const float *x = type == DTYPE_BF16 && j->packed ? j->packed + r0 * j->packed_stride : j->x + r0 * j->ldx;
    int64_t ldx = type == DTYPE_BF16 && j->packed ? j->packed_stride : j->ldx;
    size_t row_bytes = dtype_row_bytes(type, j->depth);
    w += (size_t)c0 * row_bytes;
    if (type == DTYPE_BF16)
        j->k->matmul(tile, &(product){ .x = x, .ldx = ldx, .rows = rows, .w = (const uint16_t *)(const void *)w,
                                       .ldw = j->depth, .outputs = outputs, .k = j->depth }, scratch);
    else
        j->k->matmul_wide(tile, &(wide_product){ .x = x, .ldx = ldx, .rows = rows, .w = w, .row_bytes = row_bytes,
                                                 .outputs = outputs, .k = j->depth, .type = type }, scratch);
}

static void multiply_item(void *user, int32_t item, int32_t thread) {
    const linear_job *j = user;
    float *tile = j->scratch + j->scratch_stride * (size_t)thread, *second = tile + TILE_FLOATS;
    /* row blocks of the same weights follow each other: weights leave memory once */
    int32_t r0 = item % j->row_blocks * j->rows_each, c0 = item / j->row_blocks * j->outputs_each;
    int32_t rows = at_most(j->rows_each, j->rows - r0), outputs = at_most(j->outputs_each, j->n - c0);
    multiply_tile(j, tile, j->w, j->type, r0, rows, c0, outputs, second + TILE_FLOATS);
    if (j->finish == FINISH_SWIGLU) {
        multiply_tile(j, second, j->up, j->up_type, r0, rows, c0, outputs, second + TILE_FLOATS);
        j->k->silu_mul(tile, second, rows * outputs);
    }
    finish_tile(j, tile, r0, rows, c0, outputs);
}

static void pack_row(void *user, int32_t r, int32_t thread) {
    const linear_job *j = user;
    (void)thread;
    j->k->pack(j->packed + r * j->packed_stride, j->x + r * j->ldx, j->depth);
}

static int32_t blocks(int32_t n, int32_t each) { return (n + each - 1) / each; }

/* Which rows and outputs make an item never changes a result, only the time. */
static void multiply(cpu_backend *b, linear_job *j) {
    if (!j->rows || !j->n) return;
    j->k = b->kernels;
    j->scratch_stride = cpu_scratch(b, 2 * TILE_FLOATS + MATMUL_SCRATCH);
    if (!j->scratch_stride) return;
    j->scratch = b->scratch.data;
    if (j->k->pack && (j->type == DTYPE_BF16 || (j->up && j->up_type == DTYPE_BF16))) {
        j->packed_stride = (int64_t)blocks(j->depth, PACK_STEP) * PACK_STEP;
        j->packed = cpu_grow(b, &b->packed, (size_t)j->rows * (size_t)j->packed_stride * sizeof(float));
        if (!j->packed) return;
        cpu_run(b, j->rows, (double)j->rows * j->depth, pack_row, j);
    }
    if (j->rows <= MATMUL_DIRECT_ROWS) {
        int32_t most = TILE_FLOATS / j->rows / OUTPUT_STEP;
        j->rows_each = j->rows;
        j->outputs_each = at_most(blocks(blocks(ITEM_WEIGHTS, j->depth), OUTPUT_STEP), most) * OUTPUT_STEP;
    } else { /* equal blocks of rows, whole register tiles */
        j->rows_each = at_most(blocks(blocks(j->rows, blocks(j->rows, MATMUL_ROWS)), 4) * 4, MATMUL_ROWS);
        j->outputs_each = MATMUL_OUTPUTS;
    }
    j->row_blocks = blocks(j->rows, j->rows_each);
    cpu_run(b, j->row_blocks * blocks(j->n, j->outputs_each), (double)j->rows * j->n * j->depth, multiply_item, j);
}

static bool is(const tensor *t, dtype type, int32_t rows, int32_t cols) {
    return t->type == type && t->rows == rows && t->cols == cols;
}

/* Weights [rows, cols] of any type, whole blocks. */
static bool is_weight(const tensor *t, int32_t rows, int32_t cols) {
    return t->rows == rows && t->cols == cols && cols % dtype_formats[t->type].block == 0;
}

static const float *optional(const tensor *t) { return t->rows ? tensor_host(t) : NULL; }

void cpu_linear(backend *b, tensor out, tensor x, tensor w, tensor bias, tensor residual) {
    bool right = is(&out, DTYPE_F32, x.rows, w.rows) && is(&x, DTYPE_F32, out.rows, w.cols) && is_weight(&w, out.cols, x.cols) &&
                 (!bias.rows || is(&bias, DTYPE_F32, 1, out.cols)) && (!residual.rows || is(&residual, DTYPE_F32, out.rows, out.cols));
    if (!cpu_check(cpu(b), right, "linear", "out [rows, n] f32, x [rows, k] f32, w [n, k], bias [1, n], residual [rows, n]")) return;
    multiply(cpu(b), &(linear_job){
        .x = tensor_host(&x), .ldx = x.cols, .w = tensor_host(&w), .type = w.type, .out = tensor_host(&out), .rows = x.rows, .n = w.rows,
        .depth = w.cols, .bias = optional(&bias), .residual = optional(&residual) });
}

void cpu_linear_swiglu(backend *b, tensor out, tensor x, tensor gate, tensor up) {
    bool right = is(&out, DTYPE_F32, x.rows, gate.rows) && is(&x, DTYPE_F32, out.rows, gate.cols) &&
                 is_weight(&gate, out.cols, x.cols) && is_weight(&up, out.cols, x.cols);
    if (!cpu_check(cpu(b), right, "linear_swiglu", "out [rows, n] f32, x [rows, k] f32, gate and up [n, k]")) return;
    multiply(cpu(b), &(linear_job){
        .x = tensor_host(&x), .ldx = x.cols, .w = tensor_host(&gate), .type = gate.type, .up = tensor_host(&up), .up_type = up.type,
        .out = tensor_host(&out), .rows = x.rows, .n = gate.rows, .depth = gate.cols, .finish = FINISH_SWIGLU });
}

/* A causal convolution is a product over overlapping rows of three frames. */
void cpu_conv1d(backend *b, tensor out, tensor x, tensor w, tensor bias, int32_t stride) {
    bool right = stride >= 1 && x.type == DTYPE_F32 && out.type == DTYPE_F32 && is_weight(&w, out.cols, 3 * x.cols) &&
                 is(&bias, DTYPE_F32, 1, out.cols) && (!out.rows || x.rows >= (int64_t)stride * (out.rows - 1) + 3);
    if (!cpu_check(cpu(b), right, "conv1d", "out [n, dim] f32, x [stride * (n - 1) + 3 or more, channels] f32, w [dim, 3 * channels], bias [1, dim]")) return;
    multiply(cpu(b), &(linear_job){
        .x = tensor_host(&x), .ldx = (int64_t)stride * x.cols, .w = tensor_host(&w), .type = w.type, .out = tensor_host(&out), .rows = out.rows,
        .n = out.cols, .depth = 3 * x.cols, .bias = tensor_host(&bias), .finish = FINISH_GELU });
}
