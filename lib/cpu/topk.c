/* The best tokens of a row of logits and their log-softmax. The vocabulary is cut
 * into fixed blocks that are combined in order, whoever computed them. */
#include <math.h>

#include "cpu.h"

#define VOCAB_BLOCK 4096

/* Best first; equal values in the order of their ids, NaN as minus infinity. */
typedef struct best {
    int32_t n, id[TOP_K];
    float value[TOP_K];
} best;

typedef struct block_result {
    best top;
    double sum; /* of exp(x - top.value[0]) */
} block_result;

typedef struct top_job {
    const kernels *k;
    const float *logits;
    block_result *results;
    int32_t vocab, blocks;
} top_job;

/* Offers arrive in the order of ids. */
static inline void offer(best *b, int32_t id, float value) {
    if (b->n == TOP_K && !(value > b->value[TOP_K - 1])) return;
    if (isnan(value)) value = -INFINITY;
    int32_t i = b->n < TOP_K ? b->n++ : TOP_K - 1;
    for (; i > 0 && value > b->value[i - 1]; i--) {
        b->value[i] = b->value[i - 1];
        b->id[i] = b->id[i - 1];
    }
    b->value[i] = value;
    b->id[i] = id;
}

static void search_block(void *user, int32_t item, int32_t thread) {
    const top_job *j = user;
    (void)thread;
    int32_t first = item % j->blocks * VOCAB_BLOCK, n = j->vocab - first < VOCAB_BLOCK ? j->vocab - first : VOCAB_BLOCK;
    const float *x = j->logits + (int64_t)(item / j->blocks) * j->vocab + first;
    block_result result = { 0 };
    for (int32_t i = 0; i < n; i++) offer(&result.top, first + i, x[i]);
    if (result.top.value[0] > -INFINITY) result.sum = j->k->sum_exp(x, n, result.top.value[0]);
    j->results[item] = result;
}

static top_tokens combine(const block_result *results, int32_t blocks) {
    best top = { 0 };
    for (int32_t b = 0; b < blocks; b++)
        for (int32_t i = 0; i < results[b].top.n; i++) offer(&top, results[b].top.id[i], results[b].top.value[i]);
    double sum = 0;
    for (int32_t b = 0; b < blocks; b++)
        if (results[b].sum > 0) sum += results[b].sum * exp((double)results[b].top.value[0] - top.value[0]);
    top_tokens out;
    for (int32_t i = 0; i < TOP_K; i++) {
        out.id[i] = i < top.n ? top.id[i] : -1;
        out.logprob[i] = i < top.n ? (float)((double)top.value[i] - top.value[0] - log(sum)) : -INFINITY;
    }
    return out;
}

void cpu_top_k(backend *base, top_tokens *out, tensor logits) {
    cpu_backend *b = cpu(base);
    if (!cpu_check(b, logits.type == DTYPE_F32 && logits.cols >= 1, "top_k", "logits [n, vocab] f32")) return;
    int32_t blocks = (logits.cols + VOCAB_BLOCK - 1) / VOCAB_BLOCK;
    top_job j = { .k = b->kernels, .logits = tensor_host(&logits), .vocab = logits.cols, .blocks = blocks };
    j.results = cpu_grow(b, &b->items, (size_t)logits.rows * (size_t)blocks * sizeof *j.results);
    if (!j.results) return;
    cpu_run(b, logits.rows * blocks, 8.0 * logits.rows * logits.cols, search_block, &j);
    for (int32_t r = 0; r < logits.rows; r++) out[r] = combine(j.results + (int64_t)r * blocks, blocks);
}
