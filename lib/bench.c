/* What this machine can do: the two numbers that bound the model's speed. */
#include <stdlib.h>

#include "backend.h"
#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "os.h"

/* ---- Memory bandwidth ----------------------------------------------------------*/

#define SWEEP_BYTES ((size_t)1 << 30) /* far beyond any cache */
#define SWEEP_PASSES 3                /* the best counts */
#define SWEEP_ITEM ((size_t)1 << 20)
#define SWEEP_STREAMS 4               /* of an item, read side by side */

typedef struct sweep {
    const uint64_t *memory;
    uint64_t *sums; /* per item */
} sweep;

static void sweep_item(void *user, int32_t item, int32_t thread) {
    const sweep *s = user;
    (void)thread;
    size_t n = SWEEP_ITEM / SWEEP_STREAMS / sizeof(uint64_t);
    const uint64_t *a = s->memory + (size_t)item * n * SWEEP_STREAMS, *b = a + n, *c = b + n, *d = c + n;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i += 8) {
        __builtin_prefetch(a + i + 128);
        __builtin_prefetch(b + i + 128);
        __builtin_prefetch(c + i + 128);
        __builtin_prefetch(d + i + 128);
        for (size_t k = i; k < i + 8; k++) sum += a[k] ^ b[k] ^ c[k] ^ d[k];
    }
    s->sums[item] = sum;
}

static void touch_item(void *user, int32_t item, int32_t thread) {
    uint64_t *memory = user;
    (void)thread;
    for (size_t i = 0; i < SWEEP_ITEM / sizeof *memory; i++) memory[(size_t)item * SWEEP_ITEM / sizeof *memory + i] = i;
}

int32_t vox_bench_bandwidth(int32_t threads, double *gb_per_s) {
    if (!gb_per_s || threads < 0) return VOX_E_ARGUMENT;
    pool *p;
    int32_t items = (int32_t)(SWEEP_BYTES / SWEEP_ITEM), status = pool_new(threads ? threads : os_cores(), &p, NULL);
    if (status != VOX_OK) return status;
    uint64_t *memory = os_reserve(SWEEP_BYTES), *sums = calloc((size_t)items, sizeof *sums);
    if (memory && sums) {
        pool_run(p, items, touch_item, memory);
        double best = 0;
        volatile uint64_t total = 0;
        for (int pass = 0; pass < SWEEP_PASSES; pass++) {
            double start = os_seconds();
            pool_run(p, items, sweep_item, &(sweep){ memory, sums });
            double rate = (double)SWEEP_BYTES / (os_seconds() - start);
            for (int32_t i = 0; i < items; i++) total += sums[i];
            if (rate > best) best = rate;
        }
        *gb_per_s = best / 1e9;
    } else status = VOX_E_MEMORY;
    if (memory) os_unreserve(memory, SWEEP_BYTES);
    free(sums);
    pool_free(p);
    return status;
}

/* ---- Arithmetic -------------------------------------------------------------------*/

#define PEAK_SECONDS 0.1
#define PEAK_PASSES 3

typedef struct peak {
    const kernels *k;
    int64_t rounds;
    double *done; /* multiply-adds, per item */
    float *sink;  /* 16 floats per item */
} peak;

static void peak_item(void *user, int32_t item, int32_t thread) {
    const peak *p = user;
    (void)thread;
    p->done[item] = p->k->fma_peak(p->rounds, p->sink + 16 * item);
}

/* Seconds of one item per thread. */
static double peak_run(pool *pool, peak *p, int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        p->sink[16 * i] = 0.5f;
        p->sink[16 * i + 1] = 0.25f;
    }
    double start = os_seconds();
    pool_run(pool, n, peak_item, p);
    return os_seconds() - start;
}

int32_t vox_bench_flops(const char *isa, int32_t threads, double *gflop_per_s) {
    if (!gflop_per_s || threads < 0) return VOX_E_ARGUMENT;
    peak job = { .k = kernels_find(isa, NULL), .rounds = 1 << 14 };
    if (!job.k) return VOX_E_UNSUPPORTED;
    pool *p;
    int32_t n = threads ? threads : os_cores(), status = pool_new(n, &p, NULL);
    if (status != VOX_OK) return status;
    job.done = calloc((size_t)n, sizeof *job.done);
    job.sink = calloc((size_t)n * 16, sizeof *job.sink);
    if (job.done && job.sink) {
        while (peak_run(p, &job, n) < PEAK_SECONDS) job.rounds *= 2;
        double best = 0;
        for (int pass = 0; pass < PEAK_PASSES; pass++) {
            double seconds = peak_run(p, &job, n), done = 0;
            for (int32_t i = 0; i < n; i++) done += job.done[i];
            if (done / seconds > best) best = done / seconds;
        }
        *gflop_per_s = 2 * best / 1e9;
    } else status = VOX_E_MEMORY;
    free(job.done);
    free(job.sink);
    pool_free(p);
    return status;
}
