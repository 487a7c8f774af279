/* Dimensions of a model, as read from its params.json. Nothing else in the
 * library knows a size. */
#ifndef VOX_CONFIG_H
#define VOX_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

typedef struct transformer_config {
    int32_t dim, n_layers, n_heads, n_kv_heads, head_dim, hidden_dim;
    int32_t window; /* positions a row attends to, itself included */
    float norm_eps;
    double rope_theta;
} transformer_config;

typedef struct vox_config {
    transformer_config encoder, decoder;
    int32_t sample_rate, hop, window_size, n_mels; /* samples, samples, samples, bins */
    float log_mel_max;
    int32_t downsample;    /* encoder frames per decoder position */
    int32_t frame_samples; /* audio samples per decoder position: sample_rate / frame_rate */
    int32_t vocab_size, max_positions;
    int32_t ada_dim; /* width of the delay conditioning's hidden layer */
} vox_config;

/* Reads and checks params.json. Errors name the file, the key and what was
 * expected. Refuses sizes outside sane ranges (so that no product of two of them
 * overflows) and combinations the code cannot run. */
int32_t config_load(const char *path, vox_config *out, vox_error *e);

/* The same from memory; name stands for the file in errors. */
int32_t config_parse(const void *bytes, size_t n, const char *name, vox_config *out, vox_error *e);

/* The 4B model's dimensions ("synthetic:4b"). */
void config_4b(vox_config *out);

/* Parameters of the whole model, and of what one decode step reads. */
int64_t config_parameters(const vox_config *c);
int64_t config_decoder_parameters(const vox_config *c);

#endif
