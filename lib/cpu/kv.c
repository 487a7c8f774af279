/* The rolling cache of keys and values, and the rotation before it is written. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../os.h"
#include "cpu.h"

/* Rows of one batch reach from the window of the first to the last: window - 1 +
 * max_rows positions, which may begin inside a block. */
static int32_t ring_blocks(const transformer_config *c, int32_t max_rows) {
    return (int32_t)(((int64_t)c->window + max_rows + KV_BLOCK - 1) / KV_BLOCK + 1);
}

int64_t cpu_kv_bytes(backend *b, const transformer_config *c, dtype type, int32_t max_rows) {
    (void)b;
    int64_t region = (int64_t)ring_blocks(c, max_rows) * KV_BLOCK * c->head_dim * (int64_t)dtype_bytes(type);
    return 2 * region * c->n_layers * c->n_kv_heads + (int64_t)sizeof(kv_cache);
}

int32_t cpu_kv_new(backend *b, const transformer_config *c, dtype type, int32_t max_rows, kv_cache **out, vox_error *e) {
    *out = NULL;
    if ((type != DTYPE_F32 && type != DTYPE_F16) || max_rows < 1 || c->window < 1 || c->head_dim < 2 || c->head_dim % 2)
        return vox_fail(e, VOX_E_ARGUMENT, "CPU backend: a cache is F32 or F16, with window and max_rows >= 1 and an even head_dim (got window %d, max_rows %d, head_dim %d)",
                        c->window, max_rows, c->head_dim);
    kv_cache *kv = calloc(1, sizeof *kv);
    if (!kv) return vox_fail(e, VOX_E_MEMORY, "out of memory for a stream's cache");
    *kv = (kv_cache){ .n_layers = c->n_layers, .n_kv_heads = c->n_kv_heads, .head_dim = c->head_dim, .window = c->window,
                      .max_rows = max_rows, .blocks = ring_blocks(c, max_rows), .type = type };
    kv->region = (size_t)kv->blocks * KV_BLOCK * (size_t)kv->head_dim * dtype_bytes(type);
    kv->size = 2 * kv->region * (size_t)kv->n_layers * (size_t)kv->n_kv_heads;
    kv->memory = os_reserve(kv->size);
    if (!kv->memory) {
        size_t size = kv->size;
        cpu_kv_free(b, kv);
        return vox_fail(e, VOX_E_MEMORY, "out of memory: a stream's cache needs %zu bytes", size);
    }
    *out = kv;
    return VOX_OK;
}

void cpu_kv_free(backend *b, kv_cache *kv) {
    (void)b;
    if (!kv) return;
    if (kv->memory) os_unreserve(kv->memory, kv->size);
    free(kv);
}

bool kv_batch_fits(const batch *rows, const transformer_config *c, int32_t layer) {
    for (int32_t r = 0, run = 0; r < rows->n; r++) {
        const kv_cache *kv = rows->cache[r];
        bool follows = r && kv == rows->cache[r - 1];
        run = follows ? run + 1 : 1;
        if (!kv || rows->position[r] < 0 || run > kv->max_rows || (follows && rows->position[r] != rows->position[r - 1] + 1)) return false;
        if (layer < 0 || layer >= kv->n_layers || kv->head_dim != c->head_dim || kv->n_kv_heads != c->n_kv_heads || kv->window != c->window) return false;
    }
    return true;
}

/* cos and sin [n][head_dim / 2][2], computed for the first layer of a step and kept
 * for the others. The angle is a double: positions grow without bound. */
static const float *rotation(cpu_backend *b, const batch *rows, const transformer_config *c) {
    int32_t pairs = c->head_dim / 2;
    size_t key_bytes = (size_t)rows->n * sizeof *rows->position;
    if (b->angle_rows == rows->n && b->angle_dim == c->head_dim && b->angle_theta == c->rope_theta &&
        !memcmp(b->angle_key.data, rows->position, key_bytes)) return b->angles.data;
    b->angle_rows = 0;
    float *table = cpu_grow(b, &b->angles, (size_t)rows->n * (size_t)pairs * 2 * sizeof(float));
    int64_t *key = cpu_grow(b, &b->angle_key, key_bytes);
    if (!table || !key) return NULL;
    for (int32_t i = 0; i < pairs; i++) {
        double frequency = pow(c->rope_theta, -2.0 * i / c->head_dim);
        for (int32_t r = 0; r < rows->n; r++) {
            double angle = (double)rows->position[r] * frequency;
            float *pair = table + ((int64_t)r * pairs + i) * 2;
            pair[0] = (float)cos(angle);
            pair[1] = (float)sin(angle);
        }
    }
    memcpy(key, rows->position, key_bytes);
    b->angle_rows = rows->n;
    b->angle_dim = c->head_dim;
    b->angle_theta = c->rope_theta;
    return table;
}

typedef struct rope_job {
    const kernels *k;
    float *q, *key, *value;
    const float *rotation;
    const batch *rows;
    int32_t n_heads, n_kv_heads, head_dim, layer;
} rope_job;

static void rotate(float *x, const float *pairs, int32_t n_heads, int32_t head_dim) {
    for (int32_t h = 0; h < n_heads; h++, x += head_dim)
        for (int32_t i = 0; i < head_dim; i += 2) {
            float even = x[i], odd = x[i + 1];
            x[i] = even * pairs[i] - odd * pairs[i + 1];
            x[i + 1] = even * pairs[i + 1] + odd * pairs[i];
        }
}

/* A key goes into column `lane` of its block [head_dim][KV_BLOCK], a value into its row. */
static void write_row(const rope_job *j, const kv_cache *kv, int64_t position, const float *key, const float *value) {
    int32_t dim = j->head_dim, slot = (int32_t)(position % ((int64_t)kv->blocks * KV_BLOCK)), lane = slot % KV_BLOCK;
    int64_t block = (int64_t)(slot - lane) * dim;
    for (int32_t h = 0; h < j->n_kv_heads; h++, key += dim, value += dim) {
        char *keys = kv_keys(kv, j->layer, h), *values = kv_values(kv, j->layer, h);
        if (kv->type == DTYPE_F32) {
            float *column = (float *)(void *)keys + block + lane;
            for (int32_t d = 0; d < dim; d++) column[d * KV_BLOCK] = key[d];
            memcpy((float *)(void *)values + (int64_t)slot * dim, value, (size_t)dim * sizeof(float));
            continue;
        }
        uint16_t *column = (uint16_t *)(void *)keys + block + lane, part[64];
        for (int32_t d = 0; d < dim; d += 64) {
            int32_t n = dim - d < 64 ? dim - d : 64;
            j->k->to_f16(part, key + d, n);
            for (int32_t i = 0; i < n; i++) column[(d + i) * KV_BLOCK] = part[i];
        }
        j->k->to_f16((uint16_t *)(void *)values + (int64_t)slot * dim, value, dim);
    }
}

static void rope_row(void *user, int32_t r, int32_t thread) {
    const rope_job *j = user;
    (void)thread;
    const float *pairs = j->rotation + (int64_t)r * j->head_dim;
    int64_t width = (int64_t)j->n_kv_heads * j->head_dim;
    float *key = j->key + r * width;
    rotate(j->q + (int64_t)r * j->n_heads * j->head_dim, pairs, j->n_heads, j->head_dim);
    rotate(key, pairs, j->n_kv_heads, j->head_dim);
    write_row(j, j->rows->cache[r], j->rows->position[r], key, j->value + r * width);
}

void cpu_rope_kv(backend *base, tensor q, tensor k, tensor v, const batch *rows, const transformer_config *c, int32_t layer) {
    cpu_backend *b = cpu(base);
    int32_t width = c->n_kv_heads * c->head_dim;
    bool right = q.type == DTYPE_F32 && k.type == DTYPE_F32 && v.type == DTYPE_F32 && q.rows == rows->n && k.rows == rows->n &&
                 v.rows == rows->n && q.cols == c->n_heads * c->head_dim && k.cols == width && v.cols == width;
    if (!cpu_check(b, right, "rope_kv", "q [n, n_heads * head_dim], k and v [n, n_kv_heads * head_dim], f32")) return;
    if (!cpu_check(b, kv_batch_fits(rows, c, layer), "rope_kv", KV_BATCH) || !rows->n) return;
    rope_job j = { .k = b->kernels, .q = tensor_host(&q), .key = tensor_host(&k), .value = tensor_host(&v), .rows = rows,
                   .n_heads = c->n_heads, .n_kv_heads = c->n_kv_heads, .head_dim = c->head_dim, .layer = layer,
                   .rotation = rotation(b, rows, c) };
    if (j.rotation) cpu_run(b, rows->n, (double)rows->n * (q.cols + 4 * width), rope_row, &j);
}
