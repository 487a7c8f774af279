#include "intake.h"

#include <string.h>

enum {
    BLOCK = 512, /* frames converted at a time */
    OUT = BLOCK * (VOX_SAMPLE_RATE / PCM_MIN_RATE),
};

int32_t intake_init(intake *in, const pcm_format *format, sample_ring *ring, vox_error *e) {
    *in = (intake){ .format = *format, .ring = ring };
    if (format->channels < 1 || format->channels > PCM_MAX_CHANNELS)
        return vox_fail(e, VOX_E_UNSUPPORTED, "the sound device has %d channels: 1 to %d can be recorded", format->channels, PCM_MAX_CHANNELS);
    return resampler_new(format->rate, VOX_SAMPLE_RATE, &in->resample, e);
}

void intake_free(intake *in) {
    resampler_free(in->resample);
    in->resample = NULL;
}

void intake_push(intake *in, const void *frames, int64_t n) {
    float mono[BLOCK], out[OUT];
    const uint8_t *bytes = frames;
    for (int64_t done = 0, take; done < n; done += take) {
        take = n - done < BLOCK ? n - done : BLOCK;
        if (bytes) pcm_to_mono(&in->format, bytes + done * pcm_frame_bytes(&in->format), take, mono);
        else memset(mono, 0, sizeof mono);
        ring_write(in->ring, out, resampler_push(in->resample, mono, take, out));
    }
}

void intake_lose(intake *in, double seconds) {
    if (seconds > 0) atomic_fetch_add(&in->ring->lost, (int64_t)(seconds * VOX_SAMPLE_RATE));
}
