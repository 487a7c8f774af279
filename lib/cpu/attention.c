/* Sliding-window attention over the rolling caches.
 *
 * An item is one kv head and a few adjacent rows of one stream: the queries of
 * these rows that share the head, so that its keys and values are read once for
 * all. Blocks of keys stand at absolute positions and every sum runs in the order
 * of positions over the row's own window, so that a row's result depends on
 * nothing else. */
#include <math.h>
#include <string.h>

#include "cpu.h"

#define QUERIES_EACH 16 /* of an item, if the rows of the stream suffice */

typedef struct row_group { int32_t first, n; } row_group;

typedef struct attention_job {
    const kernels *k;
    const row_group *groups;
    const batch *rows;
    const float *q;
    float *out, *scratch;
    size_t scratch_stride;
    int64_t lds;                       /* scores of a query: its window in whole blocks */
    int32_t n_heads, n_kv_heads, dim, window, shared, layer; /* shared: query heads per kv head */
} attention_job;

static int64_t window_begin(const attention_job *j, int64_t position) {
    return position < j->window ? 0 : position - j->window + 1;
}

/* acc[i] += sum of s[i][p] * value p, p = from .. to, for n queries; s begins at position base. */
static void weigh(const attention_job *j, const kv_cache *kv, int32_t head, float *acc, const float *s, int64_t base,
                  int32_t n, int64_t from, int64_t to) {
    const char *values = kv_values(kv, j->layer, head);
    int64_t ring = (int64_t)kv->blocks * KV_BLOCK;
    while (from <= to) {
        int64_t slot = from % ring, run = to - from + 1 < ring - slot ? to - from + 1 : ring - slot;
        j->k->weigh[kv->type == DTYPE_F16](acc, s + (from - base), j->lds, n, values + (size_t)(slot * j->dim) * dtype_bytes(kv->type),
                                           (int32_t)run, j->dim);
        from += run;
    }
}

static void score(const attention_job *j, const kv_cache *kv, int32_t head, float *s, const float *q, int32_t n, int64_t first, int64_t last) {
    const char *keys = kv_keys(kv, j->layer, head);
    for (int64_t block = first; block <= last;) {
        int64_t slot = block % kv->blocks, run = last - block + 1 < kv->blocks - slot ? last - block + 1 : kv->blocks - slot;
        j->k->scores[kv->type == DTYPE_F16](s + (block - first) * KV_BLOCK, j->lds, q, n,
                                            keys + (size_t)(slot * KV_BLOCK * j->dim) * dtype_bytes(kv->type), (int32_t)run, j->dim);
        block += run;
    }
}

/* Scores of whole blocks become weights; what lies outside from .. to gets none. */
static float weights_of(const attention_job *j, float *s, int64_t base, int64_t from, int64_t to) {
    int64_t begin = from / KV_BLOCK * KV_BLOCK, end = (to / KV_BLOCK + 1) * KV_BLOCK;
    for (int64_t p = begin; p < from; p++) s[p - base] = -INFINITY;
    for (int64_t p = to + 1; p < end; p++) s[p - base] = -INFINITY;
    return j->k->softmax(s + (begin - base), (int32_t)(end - begin));
}

/* Positions that all rows of the group see are weighed for all queries at once;
 * before and after them come those that only some rows see. */
static void weigh_rows(const attention_job *j, const kv_cache *kv, int32_t head, float *acc, const float *s, int64_t base,
                       int64_t p0, int32_t n) {
    int64_t shared_from = window_begin(j, p0 + n - 1), shared_to = p0;
    bool some = shared_from <= shared_to;
    for (int pass = 0; pass < 3; pass++) {
        if (pass == 1 && some) weigh(j, kv, head, acc, s, base, n * j->shared, shared_from, shared_to);
        for (int32_t r = 0; pass != 1 && r < n; r++) {
            int64_t from = pass == 0 ? window_begin(j, p0 + r) : some ? shared_to + 1 : p0 + r + 1;
            int64_t to = pass == 0 && some ? shared_from - 1 : p0 + r;
            weigh(j, kv, head, acc + (int64_t)r * j->shared * j->dim, s + r * j->shared * j->lds, base, j->shared, from, to);
        }
    }
}

static void attend(void *user, int32_t item, int32_t thread) {
    const attention_job *j = user;
    row_group g = j->groups[item / j->n_kv_heads];
    int32_t head = item % j->n_kv_heads, n = g.n * j->shared, part = j->shared * j->dim;
    const kv_cache *kv = j->rows->cache[g.first];
    int64_t p0 = j->rows->position[g.first], block = window_begin(j, p0) / KV_BLOCK, base = block * KV_BLOCK;
    int64_t width = (int64_t)j->n_heads * j->dim, at = g.first * width + (int64_t)head * part;
    float *q = j->scratch + j->scratch_stride * (size_t)thread, *acc = q + (int64_t)n * j->dim;
    float *sum = acc + (int64_t)n * j->dim, *s = sum + n;

    float scale = 1 / sqrtf((float)j->dim);
    for (int32_t r = 0; r < g.n; r++)
        for (int32_t i = 0; i < part; i++) q[(int64_t)r * part + i] = j->q[at + r * width + i] * scale;
    score(j, kv, head, s, q, n, block, (p0 + g.n - 1) / KV_BLOCK);
    for (int32_t i = 0; i < n; i++)
        sum[i] = weights_of(j, s + i * j->lds, base, window_begin(j, p0 + i / j->shared), p0 + i / j->shared);
    memset(acc, 0, (size_t)n * (size_t)j->dim * sizeof(float));
    weigh_rows(j, kv, head, acc, s, base, p0, g.n);
    for (int32_t i = 0; i < n; i++) {
        float *to = j->out + at + i / j->shared * width + (int64_t)(i % j->shared) * j->dim;
        for (int32_t d = 0; d < j->dim; d++) to[d] = acc[(int64_t)i * j->dim + d] / sum[i];
    }
}

/* Groups of up to `each` adjacent rows of one stream; returns how many. */
static int32_t group_rows(row_group *groups, const batch *rows, int32_t each) {
    int32_t n = 0;
    for (int32_t r = 0; r < rows->n; r++) {
        if (n && rows->cache[r] == rows->cache[r - 1] && groups[n - 1].n < each) groups[n - 1].n++;
        else groups[n++] = (row_group){ r, 1 };
    }
    return n;
}

void cpu_attention(backend *base, tensor out, tensor q, const batch *rows, const transformer_config *c, int32_t layer) {
    cpu_backend *b = cpu(base);
    int32_t width = c->n_heads * c->head_dim;
    bool right = out.type == DTYPE_F32 && q.type == DTYPE_F32 && out.rows == rows->n && q.rows == rows->n && out.cols == width &&
                 q.cols == width && c->n_heads % c->n_kv_heads == 0;
    if (!cpu_check(b, right, "attention", "out and q [n, n_heads * head_dim] f32")) return;
    if (!cpu_check(b, kv_batch_fits(rows, c, layer), "attention", KV_BATCH) || !rows->n) return;

    attention_job j = { .k = b->kernels, .rows = rows, .q = tensor_host(&q), .out = tensor_host(&out), .n_heads = c->n_heads,
                        .n_kv_heads = c->n_kv_heads, .dim = c->head_dim, .window = c->window, .layer = layer,
                        .shared = c->n_heads / c->n_kv_heads };
    int32_t each = j.shared < QUERIES_EACH ? QUERIES_EACH / j.shared : 1;
    row_group *groups = cpu_grow(b, &b->items, (size_t)rows->n * sizeof *groups);
    if (!groups) return;
    int32_t n = group_rows(groups, rows, each);
    int64_t positions = 0, longest = 0;
    for (int32_t i = 0; i < n; i++) {
        int64_t last = rows->position[groups[i].first] + groups[i].n - 1;
        int64_t span = last + 1 < c->window + each ? last + 1 : c->window + each;
        longest = span > longest ? span : longest;
        positions += span * groups[i].n;
    }
    j.lds = (longest / KV_BLOCK + 2) * KV_BLOCK;
    j.scratch_stride = cpu_scratch(b, (size_t)each * (size_t)j.shared * (2 * (size_t)c->head_dim + 1 + (size_t)j.lds));
    if (!j.scratch_stride) return;
    j.groups = groups;
    j.scratch = b->scratch.data;
    cpu_run(b, n * c->n_kv_heads, 2.0 * (double)positions * width, attend, &j);
}
