/* Samples on their way from the thread that records to the one that reads: one
 * writer, one reader, no lock, nobody waits. */
#ifndef VOX_CAPTURE_RING_H
#define VOX_CAPTURE_RING_H

#include <stdatomic.h>
#include <stdint.h>

#include "../error.h"

/* Sample i stands at samples[i % capacity] while read <= i < written. */
typedef struct sample_ring {
    float *samples;
    int64_t capacity;
    _Atomic int64_t written, read;
    _Atomic int64_t lost; /* samples that did not fit */
} sample_ring;

int32_t ring_init(sample_ring *r, int64_t capacity, vox_error *e);
void ring_free(sample_ring *r);

/* The writer: appends what fits and counts the rest as lost. */
void ring_write(sample_ring *r, const float *samples, int64_t n);

/* The reader: takes up to max samples and returns how many. */
int64_t ring_read(sample_ring *r, float *samples, int64_t max);

#endif
