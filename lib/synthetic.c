/* Random weights: every pair of BF16 elements is a function of (seed, tensor,
 * index) alone, so that any number of threads writes the same model. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"

#define BLOCK_PAIRS ((size_t)1 << 20) /* 4 MB, the unit of work */
#define MAX_THREADS 64

typedef struct work {
    const weight_spec *specs;
    int32_t n;
    uint64_t seed;
    size_t total; /* blocks of all tensors */
    atomic_size_t next;
    atomic_bool stop;
} work;

static size_t pairs(const weight_spec *s) { return ((size_t)s->rows * (size_t)s->cols + 1) / 2; }
static size_t blocks(const weight_spec *s) { return (pairs(s) + BLOCK_PAIRS - 1) / BLOCK_PAIRS; }

/* splitmix64's finaliser */
static uint64_t mix64(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* A pair of BF16 numbers per word, elements first*2 ..: sign and mantissa random, exponent one of four up to `top`
 * (biased). Integer operations only, so that every compiler vectorises it and every machine agrees. */
static void fill(uint32_t *out, size_t first, size_t n, uint64_t key, uint32_t top) {
    uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32), exponents = (top << 7) * 0x00010001u;
    for (size_t i = 0; i < n; i++) {
        uint32_t h = (uint32_t)(first + i) ^ low;
        h = (h ^ (h >> 16)) * 0x7feb352du;
        h ^= high;
        h = (h ^ (h >> 15)) * 0x846ca68bu;
        h ^= h >> 16;
        out[i] = (h & 0x807f807fu) | (exponents - (h & 0x01800180u));
    }
}

/* The exponent whose four-step range has a root mean square nearest to 1 / sqrt(fan_in): 0.88 * 2^top. */
static uint32_t top_exponent(int32_t fan_in) { return (uint32_t)(127 + (int)lround(-0.5 * log2(fan_in) + 0.18)); }

static void fill_block(const work *w, size_t block) {
    int32_t i = 0;
    while (block >= blocks(&w->specs[i])) block -= blocks(&w->specs[i++]);
    const weight_spec *s = &w->specs[i];
    size_t first = block * BLOCK_PAIRS, n = pairs(s) - first < BLOCK_PAIRS ? pairs(s) - first : BLOCK_PAIRS;
    uint64_t key = mix64(mix64(w->seed + 0x9E3779B97F4A7C15u) + (uint64_t)i);
    if (s->slot->type == DTYPE_BF16) {
        fill((uint32_t *)tensor_host(s->slot) + first, first, n, key, top_exponent(s->cols));
        return;
    }
    uint32_t *words = tensor_host(s->slot); /* f32 vectors: small enough to be one block */
    for (int32_t k = 0; k < s->cols; k++) {
        uint32_t pair;
        fill(&pair, (size_t)k, 1, key, top_exponent(s->cols));
        float one = 1.0f;
        if (s->kind == WEIGHT_BIAS) words[k] = pair << 16;
        else memcpy(&words[k], &one, sizeof one);
    }
}

static bool fill_next(work *w) {
    size_t block = atomic_fetch_add(&w->next, 1);
    if (block >= w->total || atomic_load(&w->stop)) return false;
    fill_block(w, block);
    return true;
}

static void *worker(void *user) {
    while (fill_next(user)) {}
    return NULL;
}

/* The calling thread works too, and reports. */
static int32_t fill_all(work *w, int32_t threads, weights_progress progress, void *user, vox_error *e) {
    pthread_t others[MAX_THREADS];
    int32_t started = 0, status = VOX_OK;
    while (started < threads - 1 && !pthread_create(&others[started], NULL, worker, w)) started++;
    while (fill_next(w)) {
        size_t done = atomic_load(&w->next);
        if (progress && progress(user, done < w->total ? (double)done / (double)w->total : 1.0)) {
            status = vox_fail(e, VOX_E_CANCELLED, "loading was stopped");
            atomic_store(&w->stop, true);
        }
    }
    for (int32_t i = 0; i < started; i++) pthread_join(others[i], NULL);
    return status;
}

int32_t weights_synthesize(const vox_config *c, uint64_t seed, int32_t threads, weights *out,
                           weights_progress progress, void *user, vox_error *e) {
    weight_spec *specs;
    work w = { .seed = seed };
    int32_t status = weights_layout(c, out, &specs, &w.n, e);
    if (status) return status;
    w.specs = specs;
    if (threads < 1) threads = os_cores();
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    for (int32_t i = 0; i < w.n; i++) w.total += blocks(&specs[i]);
    for (int32_t i = 0; i < w.n; i++) specs[i].copied = true;
    status = weights_allocate(out, specs, w.n, e);
    out->bytes = 2 * config_parameters(c);
    out->decoder_bytes = 2 * config_decoder_parameters(c);
    if (!status) status = fill_all(&w, threads, progress, user, e);
    free(specs);
    if (status) weights_close(out);
    return status;
}
