/* Band-limited resampling by a polyphase windowed-sinc (Kaiser) filter, with
 * state between calls. See resample.c for the design and its guarantees:
 * pass-band ripple, stop-band attenuation and where the bands begin. */
#ifndef VOX_RESAMPLE_H
#define VOX_RESAMPLE_H

#include <stdint.h>

#include "error.h"

typedef struct resampler resampler;

/* Mono from_rate -> to_rate, 1000..768000 Hz each, any ratio. Memory is bounded
 * whatever the ratio (coefficients interpolated when the ratio is awkward). */
int32_t resampler_new(int32_t from_rate, int32_t to_rate, resampler **out, vox_error *e);
void resampler_free(resampler *r);

/* Most samples that pushing n samples can produce; and the most samples that can
 * be pushed so that they produce no more than `room`. */
int64_t resampler_bound(const resampler *r, int64_t n);
int64_t resampler_accepts(const resampler *r, int64_t room);

/* Pushes n samples; writes what became certain to out (room for
 * resampler_bound(n)) and returns how many. The output does not depend on how the
 * input is cut; output sample i stands at time i / to_rate (no delay). */
int64_t resampler_push(resampler *r, const float *in, int64_t n, float *out);

/* The end of the input: at most `room` of the samples still held back; call until
 * it returns 0. In total ceil(input * to / from) samples since the beginning. */
int64_t resampler_drain(resampler *r, float *out, int64_t room);

#endif
