/* What the files of the CPU backend share. */
#ifndef VOX_CPU_H
#define VOX_CPU_H

#include <stdbool.h>

#include "../backend.h"
#include "kernels.h"
#include "pool.h"

/* Working memory that grows and is kept. */
typedef struct buffer {
    void *data;
    size_t size;
} buffer;

typedef struct cpu_backend {
    backend base;
    const kernels *kernels;
    pool *pool;
    vox_error error;   /* the first failure since begin */
    buffer scratch;    /* one part per thread */
    buffer packed;     /* linear: rearranged activations */
    buffer items;      /* attention: row groups; top_k: block results */
    buffer angles;     /* rope: cos and sin of every row, for all layers of a step */
    buffer angle_key;  /* the positions they belong to */
    int32_t angle_rows, angle_dim;
    double angle_theta;
} cpu_backend;

struct kv_cache {
    int32_t n_layers, n_kv_heads, head_dim, window, max_rows;
    int32_t blocks; /* of KV_BLOCK positions, in a ring by position */
    dtype type;
    size_t region;  /* bytes of the keys, or the values, of one head of one layer */
    char *memory;   /* [layer][head][keys, values] */
    size_t size;
};

static inline cpu_backend *cpu(backend *b) { return (cpu_backend *)b; }

/* 64-byte aligned; NULL on failure. */
void *cpu_new(size_t size);
void cpu_delete(void *p);

/* At least `size` bytes in buf, or NULL with the failure latched. Contents are lost
 * when it grows. */
void *cpu_grow(cpu_backend *b, buffer *buf, size_t size);

/* A scratch of `floats` for every thread, 64-byte aligned and apart from each
 * other; the stride in floats, or 0 with the failure latched. */
size_t cpu_scratch(cpu_backend *b, size_t floats);

/* Whether an op may run: nothing failed before, and its shapes are right; else
 * latches "OP: expected ...". */
bool cpu_check(cpu_backend *b, bool right, const char *op, const char *expected);

/* pool_run, or a plain loop when `work` (about one per multiply-add) is too little
 * to share. */
void cpu_run(cpu_backend *b, int32_t n, double work, pool_fn fn, void *user);

static inline char *kv_keys(const kv_cache *kv, int32_t layer, int32_t head) {
    return kv->memory + ((size_t)layer * (size_t)kv->n_kv_heads + (size_t)head) * 2 * kv->region;
}
static inline char *kv_values(const kv_cache *kv, int32_t layer, int32_t head) {
    return kv_keys(kv, layer, head) + kv->region;
}

/* Whether the rows fit their caches, the model and each other: KV_BATCH in words. */
#define KV_BATCH "rows of one stream adjacent, ascending by one, at most max_rows of them, and caches of this model"
bool kv_batch_fits(const batch *rows, const transformer_config *c, int32_t layer);

int32_t cpu_kv_new(backend *b, const transformer_config *c, dtype type, int32_t max_rows, kv_cache **out, vox_error *e);
void cpu_kv_free(backend *b, kv_cache *kv);
int64_t cpu_kv_bytes(backend *b, const transformer_config *c, dtype type, int32_t max_rows);
void cpu_rope_kv(backend *b, tensor q, tensor k, tensor v, const batch *rows, const transformer_config *c, int32_t layer);
void cpu_attention(backend *b, tensor out, tensor q, const batch *rows, const transformer_config *c, int32_t layer);
void cpu_conv1d(backend *b, tensor out, tensor x, tensor w, tensor bias, int32_t stride);
void cpu_linear(backend *b, tensor out, tensor x, tensor w, tensor bias, tensor residual);
void cpu_linear_swiglu(backend *b, tensor out, tensor x, tensor gate, tensor up);
void cpu_top_k(backend *b, top_tokens *out, tensor logits);

#endif
