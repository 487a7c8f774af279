#include "ring.h"

#include <stdlib.h>
#include <string.h>

int32_t ring_init(sample_ring *r, int64_t capacity, vox_error *e) {
    *r = (sample_ring){ .samples = malloc((size_t)capacity * sizeof(float)), .capacity = capacity };
    return r->samples ? VOX_OK : vox_fail(e, VOX_E_MEMORY, "out of memory for %lld samples", (long long)capacity);
}

void ring_free(sample_ring *r) {
    free(r->samples);
    r->samples = NULL;
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

void ring_write(sample_ring *r, const float *samples, int64_t n) {
    int64_t written = atomic_load_explicit(&r->written, memory_order_relaxed);
    int64_t room = r->capacity - (written - atomic_load_explicit(&r->read, memory_order_acquire));
    int64_t taken = smaller(n, room), at = written % r->capacity, first = smaller(taken, r->capacity - at);
    memcpy(r->samples + at, samples, (size_t)first * sizeof(float));
    memcpy(r->samples, samples + first, (size_t)(taken - first) * sizeof(float));
    atomic_store_explicit(&r->written, written + taken, memory_order_release);
    if (n > taken) atomic_fetch_add_explicit(&r->lost, n - taken, memory_order_relaxed);
}

int64_t ring_read(sample_ring *r, float *samples, int64_t max) {
    int64_t read = atomic_load_explicit(&r->read, memory_order_relaxed);
    int64_t there = atomic_load_explicit(&r->written, memory_order_acquire) - read;
    int64_t n = smaller(max, there), at = read % r->capacity, first = smaller(n, r->capacity - at);
    memcpy(samples, r->samples + at, (size_t)first * sizeof(float));
    memcpy(samples + first, r->samples, (size_t)(n - first) * sizeof(float));
    atomic_store_explicit(&r->read, read + n, memory_order_release);
    return n;
}
