#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* A job is published as one word, its number (high half) and the items not yet
 * begun (low half); an item is claimed by compare-and-swap, so that a thread which
 * comes late can claim nothing of a later job by mistake. A claimed item keeps
 * fn, user and n in place: the caller waits for it. */
struct pool {
    _Atomic uint64_t ticket;
    _Atomic int32_t unfinished; /* items of the job not yet done */
    pool_fn fn;
    void *user;
    int32_t n;

    int32_t threads;
    _Atomic bool stop;
    _Atomic int32_t sleepers;   /* workers about to wait for a job, or waiting */
    _Atomic bool caller_sleeps;
    pthread_mutex_t mutex;
    pthread_cond_t job, done;
    struct worker { pool *pool; pthread_t thread; int32_t index; } *workers; /* [threads - 1] */
};

/* A few microseconds: enough to bridge the gap between two ops, too short to take
 * a core from anybody. */
#define SPINS 200

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint32_t job_number(uint64_t ticket) { return (uint32_t)(ticket >> 32); }

/* Runs items of job `number` until none is left to begin. */
static void work(pool *p, uint32_t number, int32_t thread) {
    uint64_t ticket = atomic_load(&p->ticket);
    while (job_number(ticket) == number && (uint32_t)ticket) {
        if (!atomic_compare_exchange_weak(&p->ticket, &ticket, ticket - 1)) continue;
        p->fn(p->user, p->n - (int32_t)(uint32_t)ticket, thread);
        if (atomic_fetch_sub(&p->unfinished, 1) == 1 && atomic_load(&p->caller_sleeps)) {
            pthread_mutex_lock(&p->mutex);
            pthread_cond_signal(&p->done);
            pthread_mutex_unlock(&p->mutex);
        }
        ticket = atomic_load(&p->ticket);
    }
}

/* Waits for a job other than `seen` and returns its number. */
static uint32_t await_job(pool *p, uint32_t seen) {
    uint32_t number = seen;
    for (int i = 0; i < SPINS && number == seen; i++) {
        relax();
        number = job_number(atomic_load(&p->ticket));
    }
    if (number != seen) return number;
    pthread_mutex_lock(&p->mutex);
    atomic_fetch_add(&p->sleepers, 1);
    while ((number = job_number(atomic_load(&p->ticket))) == seen) pthread_cond_wait(&p->job, &p->mutex);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->mutex);
    return number;
}

static void *worker_main(void *argument) {
    struct worker *w = argument;
    for (uint32_t number = 0;;) {
        number = await_job(w->pool, number);
        if (atomic_load(&w->pool->stop)) return NULL;
        work(w->pool, number, w->index);
    }
}

static uint32_t publish(pool *p, int32_t n) {
    uint32_t number = job_number(atomic_load(&p->ticket)) + 1;
    atomic_store(&p->ticket, (uint64_t)number << 32 | (uint32_t)n);
    if (atomic_load(&p->sleepers)) {
        pthread_mutex_lock(&p->mutex);
        pthread_cond_broadcast(&p->job);
        pthread_mutex_unlock(&p->mutex);
    }
    return number;
}

void pool_run(pool *p, int32_t n, pool_fn fn, void *user) {
    if (n <= 1 || p->threads == 1) {
        for (int32_t i = 0; i < n; i++) fn(user, i, 0);
        return;
    }
    p->fn = fn;
    p->user = user;
    p->n = n;
    atomic_store(&p->unfinished, n);
    work(p, publish(p, n), 0);
    for (int i = 0; i < SPINS && atomic_load(&p->unfinished); i++) relax();
    if (!atomic_load(&p->unfinished)) return;
    pthread_mutex_lock(&p->mutex);
    atomic_store(&p->caller_sleeps, true);
    while (atomic_load(&p->unfinished)) pthread_cond_wait(&p->done, &p->mutex);
    atomic_store(&p->caller_sleeps, false);
    pthread_mutex_unlock(&p->mutex);
}

int32_t pool_new(int32_t threads, pool **out, vox_error *e) {
    *out = NULL;
    pool *p = calloc(1, sizeof *p);
    struct worker *workers = calloc((size_t)threads, sizeof *workers);
    if (!p || !workers) {
        free(p);
        free(workers);
        return vox_fail(e, VOX_E_MEMORY, "out of memory for a pool of %d threads", threads);
    }
    p->workers = workers;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->job, NULL);
    pthread_cond_init(&p->done, NULL);
    for (p->threads = 1; p->threads < threads; p->threads++) {
        struct worker *w = &workers[p->threads - 1];
        *w = (struct worker){ .pool = p, .index = p->threads };
        if (pthread_create(&w->thread, NULL, worker_main, w) == 0) continue;
        int32_t made = p->threads;
        pool_free(p);
        return vox_fail(e, VOX_E_MEMORY, "the system gave %d of %d threads: ask for fewer", made, threads);
    }
    *out = p;
    return VOX_OK;
}

void pool_free(pool *p) {
    if (!p) return;
    atomic_store(&p->stop, true);
    publish(p, 0);
    for (int32_t i = 0; i < p->threads - 1; i++) pthread_join(p->workers[i].thread, NULL);
    pthread_cond_destroy(&p->job);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->mutex);
    free(p->workers);
    free(p);
}

int32_t pool_threads(const pool *p) { return p->threads; }
