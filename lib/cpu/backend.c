/* The CPU backend: ops run as they are called; submit reports the first failure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../os.h"
#include "../quant.h"
#include "cpu.h"
#include "half.h"

#define CACHE_LINE 64

/* ---- Memory ------------------------------------------------------------------*/

void *cpu_new(size_t size) {
    if (size > SIZE_MAX - 2 * CACHE_LINE) return NULL;
    char *whole = malloc(size + 2 * CACHE_LINE);
    if (!whole) return NULL;
    char *p = whole + 2 * CACHE_LINE - (uintptr_t)whole % CACHE_LINE;
    memcpy(p - sizeof whole, &whole, sizeof whole); /* for cpu_delete */
    return p;
}

void cpu_delete(void *p) {
    if (!p) return;
    char *whole;
    memcpy(&whole, (char *)p - sizeof whole, sizeof whole);
    free(whole);
}

void *cpu_grow(cpu_backend *b, buffer *buf, size_t size) {
    if (size <= buf->size && buf->data) return buf->data;
    cpu_delete(buf->data);
    buf->data = cpu_new(size);
    buf->size = buf->data ? size : 0;
    if (!buf->data) vox_fail(&b->error, VOX_E_MEMORY, "out of memory: the CPU backend asked for %zu bytes", size);
    return buf->data;
}

size_t cpu_scratch(cpu_backend *b, size_t floats) {
    floats = (floats + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    return cpu_grow(b, &b->scratch, floats * sizeof(float) * (size_t)pool_threads(b->pool)) ? floats : 0;
}

static int32_t op_alloc(backend *b, dtype type, int32_t rows, int32_t cols, tensor *out, vox_error *e) {
    (void)b;
    *out = (tensor){ .rows = rows, .cols = cols, .type = type };
    if (rows < 0 || cols < 0) return vox_fail(e, VOX_E_ARGUMENT, "a tensor of %d x %d was asked for: sizes are >= 0", rows, cols);
    out->data = cpu_new(tensor_bytes(out));
    if (out->data) return VOX_OK;
    return vox_fail(e, VOX_E_MEMORY, "out of memory: a tensor of %d x %d needs %zu bytes", rows, cols, tensor_bytes(out));
}

static void op_release(backend *b, tensor *t) {
    (void)b;
    cpu_delete(t->data);
    *t = (tensor){ 0 };
}

static int32_t op_place(backend *b, tensor *weight, vox_error *e) { return (void)b, (void)weight, (void)e, VOX_OK; }

/* ---- Steps -------------------------------------------------------------------*/

static void op_begin(backend *b, uint64_t key) {
    (void)key; /* nothing is recorded */
    cpu(b)->error = (vox_error){ 0 };
}

static int32_t op_submit(backend *b, vox_error *e) {
    vox_error *latched = &cpu(b)->error;
    return latched->code == VOX_OK ? VOX_OK : vox_fail(e, latched->code, "%s", latched->text);
}

bool cpu_check(cpu_backend *b, bool right, const char *op, const char *expected) {
    if (b->error.code != VOX_OK) return false;
    if (!right) vox_fail(&b->error, VOX_E_ARGUMENT, "CPU backend, op %s: expected %s", op, expected);
    return right;
}

/* Waking a thread costs some microseconds; a core does this much in two. */
#define WORK_TO_SHARE 100000.0

void cpu_run(cpu_backend *b, int32_t n, double work, pool_fn fn, void *user) {
    if (work >= WORK_TO_SHARE) {
        pool_run(b->pool, n, fn, user);
        return;
    }
    for (int32_t i = 0; i < n; i++) fn(user, i, 0);
}

/* ---- Plain ops -----------------------------------------------------------------*/

static float *row_of(const tensor *t, int32_t row) { return (float *)tensor_host(t) + (int64_t)row * t->cols; }
static bool same_shape(const tensor *a, const tensor *b) { return a->rows == b->rows && a->cols == b->cols; }

static void op_upload(backend *b, tensor to, const float *from) {
    if (cpu_check(cpu(b), to.type == DTYPE_F32, "upload", "an f32 tensor") && to.rows)
        memcpy(tensor_host(&to), from, tensor_bytes(&to));
}

static void op_download(backend *b, float *to, tensor from) {
    if (cpu_check(cpu(b), from.type == DTYPE_F32, "download", "an f32 tensor") && from.rows)
        memcpy(to, tensor_host(&from), tensor_bytes(&from));
}

static void op_copy(backend *b, tensor to, tensor from) {
    bool right = to.type == from.type && tensor_bytes(&to) == tensor_bytes(&from);
    if (cpu_check(cpu(b), right, "copy", "two tensors of one type and size") && to.rows)
        memmove(tensor_host(&to), tensor_host(&from), tensor_bytes(&to));
}

static void op_zero(backend *b, tensor t) {
    if (cpu_check(cpu(b), true, "zero", "") && t.rows) memset(tensor_host(&t), 0, tensor_bytes(&t));
}

static void op_embed(backend *b, tensor out, tensor table, const int32_t *ids, const tensor *add) {
    if (!cpu_check(cpu(b), out.type == DTYPE_F32 && out.cols == table.cols && table.cols % dtype_formats[table.type].block == 0, "embed",
                   "out [n, dim] f32, table [vocab, dim]")) return;
    for (int32_t r = 0; r < out.rows; r++) {
        bool right = ids[r] >= 0 && ids[r] < table.rows && add[r].type == DTYPE_F32 && add[r].rows == 1 && add[r].cols == out.cols;
        if (!cpu_check(cpu(b), right, "embed", "ids inside the table and add[r] [1, dim] f32")) return;
        tensor row = tensor_rows(table, ids[r], 1);
        const float *plus = tensor_host(&add[r]);
        float *to = row_of(&out, r);
        dequantize(table.type, to, tensor_host(&row), out.cols);
        for (int32_t i = 0; i < out.cols; i++) to[i] += plus[i];
    }
}

typedef struct norm_job {
    const kernels *k;
    tensor out, x, weight, ada;
    float eps;
    const int32_t *condition;
} norm_job;

static void norm_row(void *user, int32_t r, int32_t thread) {
    const norm_job *j = user;
    (void)thread;
    const float *ada = j->ada.rows ? row_of(&j->ada, j->condition[r]) : NULL;
    j->k->rms_norm(row_of(&j->out, r), row_of(&j->x, r), tensor_host(&j->weight), ada, j->x.cols, j->eps);
}

static void op_rms_norm(backend *b, tensor out, tensor x, tensor weight, float eps, tensor ada, const batch *rows) {
    bool right = out.type == DTYPE_F32 && x.type == DTYPE_F32 && weight.type == DTYPE_F32 && same_shape(&out, &x) &&
                 weight.rows == 1 && weight.cols == x.cols;
    if (!cpu_check(cpu(b), right, "rms_norm", "out, x [n, dim] and weight [1, dim], f32")) return;
    const int32_t *condition = ada.rows && rows ? rows->condition : NULL;
    if (ada.rows) {
        right = condition && ada.type == DTYPE_F32 && ada.cols == x.cols && rows->n == x.rows;
        for (int32_t r = 0; right && r < x.rows; r++) right = condition[r] >= 0 && condition[r] < ada.rows;
        if (!cpu_check(cpu(b), right, "rms_norm", "ada [conditions, dim] f32 and a condition inside it for every row")) return;
    }
    norm_job j = { cpu(b)->kernels, out, x, weight, ada, eps, condition };
    cpu_run(cpu(b), x.rows, (double)x.rows * x.cols, norm_row, &j);
}

typedef struct gelu_job { const kernels *k; tensor x; } gelu_job;

static void gelu_row(void *user, int32_t r, int32_t thread) {
    const gelu_job *j = user;
    (void)thread;
    j->k->gelu(row_of(&j->x, r), j->x.cols);
}

static void op_gelu(backend *b, tensor x) {
    if (!cpu_check(cpu(b), x.type == DTYPE_F32, "gelu", "an f32 tensor")) return;
    gelu_job j = { cpu(b)->kernels, x };
    cpu_run(cpu(b), x.rows, (double)x.rows * x.cols * 8, gelu_row, &j);
}

/* ---- The backend ----------------------------------------------------------------*/

static void op_free(backend *base) {
    cpu_backend *b = cpu(base);
    if (!b) return;
    pool_free(b->pool);
    cpu_delete(b->scratch.data);
    cpu_delete(b->packed.data);
    cpu_delete(b->items.data);
    cpu_delete(b->angles.data);
    cpu_delete(b->angle_key.data);
    free(b);
}

static void op_describe(backend *b, char *text, int32_t capacity) {
    int32_t threads = pool_threads(cpu(b)->pool);
    snprintf(text, (size_t)capacity, "cpu %s, %d thread%s", cpu(b)->kernels->name, threads, threads == 1 ? "" : "s");
}

static const backend_ops ops = {
    .name = "cpu", .free = op_free, .describe = op_describe,
    .alloc = op_alloc, .release = op_release, .place = op_place,
    .upload = op_upload, .download = op_download, .copy = op_copy, .zero = op_zero,
    .kv_new = cpu_kv_new, .kv_free = cpu_kv_free, .kv_bytes = cpu_kv_bytes,
    .begin = op_begin, .submit = op_submit,
    .embed = op_embed, .conv1d = cpu_conv1d, .linear = cpu_linear, .linear_swiglu = cpu_linear_swiglu,
    .rms_norm = op_rms_norm, .rope_kv = cpu_rope_kv, .attention = cpu_attention, .gelu = op_gelu, .top_k = cpu_top_k,
};

#define MAX_THREADS 1024

int32_t cpu_backend_new(const char *isa, int32_t threads, backend **out, vox_error *e) {
    *out = NULL;
    if (threads < 0 || threads > MAX_THREADS)
        return vox_fail(e, VOX_E_ARGUMENT, "%d threads were asked for: use 1 to %d, or 0 for one per core", threads, MAX_THREADS);
    const kernels *k = kernels_find(isa, e);
    if (!k) return VOX_E_UNSUPPORTED;
    cpu_backend *b = calloc(1, sizeof *b);
    if (!b) return vox_fail(e, VOX_E_MEMORY, "out of memory for the CPU backend");
    b->base.ops = &ops;
    b->kernels = k;
    int32_t status = pool_new(threads ? threads : os_cores(), &b->pool, e);
    if (status != VOX_OK) {
        free(b);
        return status;
    }
    *out = &b->base;
    return VOX_OK;
}

const char *cpu_backend_isa(const backend *b) { return ((const cpu_backend *)b)->kernels->name; }
int32_t cpu_backend_threads(const backend *b) { return pool_threads(((const cpu_backend *)b)->pool); }
