/*
 * One transcription. Two sides share it under `lock`:
 * - the caller's side (stream.c): input stage, audio ring in, event ring out;
 * - the engine's side (session.c): silence around the audio, mel, encoder and
 *   decoder state, tokens to events.
 */
#ifndef VOX_STREAM_H
#define VOX_STREAM_H

#include <pthread.h>
#include <stdbool.h>

#include "bell.h"
#include "events.h"
#include "hotwords.h"
#include "input.h"
#include "session.h"

/* Audio a stream holds: what awaits the encoder, and what a restart would hear
 * again. */
#define AUDIO_RING_SECONDS 30

struct vox_stream {
    struct vox_ctx *ctx;
    pthread_mutex_t lock;
    pthread_cond_t progress; /* the engine has moved: blocking calls wait on it */
    vox_bell_t *bell;
    int32_t references; /* the caller's and the engine's */

    /* Settings. */
    int32_t delay; /* delay_index */
    int32_t encoding, rate, channels;
    uint32_t ring_bytes;
    int32_t n_alt;
    float cutoff, interval;
    bool continuous;
    hotwords *hotwords; /* NULL: none */

    /* Audio: sample i of the caller's stands at audio[i % audio_capacity] while
     * kept <= i < written. */
    input *input;
    float *audio;
    int64_t audio_capacity;
    int64_t written; /* samples taken from the caller */
    int64_t kept;    /* first sample a restart may still need (engine) */
    int64_t flush_at; /* pad when this many samples have been heard; -1: no flush asked */
    bool started, ended, cancelled, released;
    bool blocking; /* used through feed / finish / get */
    bool finished; /* DONE is in the ring */

    event_ring events;
    bool starved;          /* the engine waits for room in the ring */
    int64_t changes, seen; /* the caller's calls; those after which nothing was left to do */
    double encoded, decoded; /* s, for vox_stream_progress */
    vox_error error;

    session session;         /* the engine's side */
    struct call_queue *calls; /* blocking.c: tokens waiting for vox_stream_get */
};

void stream_release(vox_stream_t *s);

/* Samples the audio ring has room for. Under lock. */
int64_t stream_audio_room(const vox_stream_t *s);

/* Appends up to n samples of 16 kHz mono; returns how many. Under lock. */
int64_t stream_put_audio(vox_stream_t *s, const float *samples, int64_t n);

/* Copies samples from .. from + n of the ring. Under lock. */
void stream_copy_audio(const vox_stream_t *s, int64_t from, int64_t n, float *out);

/* First audio or settings that need buffers: allocates them. Under lock. */
int32_t stream_start(vox_stream_t *s);

/* Whether audio may still come: VOX_OK or why not. Under lock. */
int32_t stream_check_open(const vox_stream_t *s);

/* vox_stream_flush and vox_stream_read of both ways of use. */
int32_t stream_ask_flush(vox_stream_t *s);
int32_t stream_read_events(vox_stream_t *s, void *buffer, int32_t capacity);

/* blocking.c */
void call_queue_free(struct call_queue *q);

#endif
