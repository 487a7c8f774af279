/* The audio encoder with its conv stem, over chunks of any number of streams. */
#ifndef VOX_ENCODER_H
#define VOX_ENCODER_H

#include "model.h"

typedef struct encoder encoder; /* workspace of one engine */

/* What one stream carries from chunk to chunk. */
typedef struct encoder_state {
    kv_cache *kv;
    tensor mel_tail;  /* [2, n_mels]: the last frames conv0 saw */
    tensor conv_tail; /* [1, dim]: the last frame conv1 saw */
    int64_t position; /* encoder frames done */
} encoder_state;

/* Mel frames of one stream. */
typedef struct encoder_chunk {
    encoder_state *state;
    const float *mel; /* [2 * frames][n_mels], host */
    int32_t frames;   /* encoder frames: a multiple of downsample */
} encoder_chunk;

/* max_frames: most encoder frames of all chunks of a forward together. */
int32_t encoder_new(const model *m, int32_t max_frames, encoder **out, vox_error *e);
void encoder_free(encoder *enc);

int32_t encoder_state_init(const encoder *enc, encoder_state *s, vox_error *e);
void encoder_state_free(const encoder *enc, encoder_state *s);
/* Back to before the first frame; part of the current step. */
void encoder_state_reset(const encoder *enc, encoder_state *s);
/* Bytes that one state uses at most. */
int64_t encoder_state_bytes(const encoder *enc);

/* Adds the chunks' frames to the step; returns the encoder's output
 * [sum of frames, dim], chunk after chunk, valid until the next forward. */
tensor encoder_forward(encoder *enc, const encoder_chunk *chunks, int32_t n_chunks);

#endif
