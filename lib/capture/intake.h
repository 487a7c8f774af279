/* A device's frames become 16 kHz mono samples in the ring. */
#ifndef VOX_CAPTURE_INTAKE_H
#define VOX_CAPTURE_INTAKE_H

#include "../resample.h"
#include "../wav.h"
#include "ring.h"

typedef struct intake {
    pcm_format format;
    resampler *resample;
    sample_ring *ring;
} intake;

/* A device that gives frames of this format; ring must outlive the intake. */
int32_t intake_init(intake *in, const pcm_format *format, sample_ring *ring, vox_error *e);
void intake_free(intake *in);

/* n frames; NULL stands for silence. */
void intake_push(intake *in, const void *frames, int64_t n);

/* The device lost this much: it counts as lost samples. */
void intake_lose(intake *in, double seconds);

#endif
