/* A loaded model: what all its streams share. */
#ifndef VOX_MODEL_H
#define VOX_MODEL_H

#include "backend.h"
#include "config.h"
#include "mel.h"
#include "tokenizer.h"
#include "weights.h"

/* Frames of silence before the audio: positions 0..31 of every prompt. */
#define LEFT_PAD_FRAMES 32
/* Frames of silence after the audio, beyond the delay and one: the last words. */
#define RIGHT_PAD_FRAMES 10
/* Legal delays: 80, 160 .. 1200 and 2400 ms. */
#define N_DELAYS 16
#define MAX_DELAY_FRAMES 30

typedef struct model {
    vox_config config;
    weights weights;
    tokenizer *tokenizer;
    mel_filterbank *filterbank;
    backend *backend;
    tensor *ada; /* [decoder.n_layers] of [N_DELAYS, dim]: 1 + ada scales ffn_norm's output */
    char name[64];
} model;

typedef struct model_options {
    const char *path; /* weights file, its folder, or synthetic:... */
    const char *backend, *isa;
    int32_t threads;
    weights_progress progress; /* may be NULL */
    void *user;
} model_options;

/* On failure *out is NULL and e says why. */
int32_t model_load(const model_options *options, model **out, vox_error *e);

/* Releases weights and device memory; name, config and tokenizer live on. */
void model_unload(model *m);
void model_free(model *m);

/* Row of the delay table for a legal delay, else -1; and its inverse. */
int32_t delay_index(int32_t delay_ms);
int32_t delay_ms_at(int32_t index);
/* Positions a delay stands for: delay_ms / 80. */
int32_t delay_frames(int32_t index);

#endif
