/* The engine: one thread per model that gathers whatever is ready from all
 * streams into one encoder pass and one decoder pass at a time. */
#ifndef VOX_ENGINE_H
#define VOX_ENGINE_H

#include <pthread.h>

#include "stream.h"

#define ENGINE_ENCODE_POSITIONS 64 /* of all streams in one encoder pass */
#define ENGINE_DECODE_ROWS 64      /* of all streams in one decoder pass */

struct vox_ctx {
    model *model;
    int32_t references; /* the caller's and one per stream; guarded by lock */
    int32_t delay;      /* delay_index of streams to come */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool running; /* the engine thread exists */
    bool news;    /* something changed since the engine looked */
    bool closing, closed;
    vox_stream_t **incoming; /* streams the engine has not met; owned references */
    int32_t n_incoming, incoming_capacity;
    int32_t n_streams; /* open ones */
    int64_t stream_bytes;
    int64_t passes, tokens; /* decoder passes that gave tokens, and how many */
};

/* Starts the engine on a model, which it owns from then on (also on failure). */
int32_t engine_start(model *m, vox_ctx_t **out, vox_error *e);

/* Hands a stream (one reference) to the engine. */
int32_t engine_add(vox_ctx_t *ctx, vox_stream_t *s);

void engine_wake(vox_ctx_t *ctx);
void engine_release(vox_ctx_t *ctx);

#endif
