/* Any bytes as params.json: sizes that are accepted are safe to multiply. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "fuzz.h"

static void check_transformer(const transformer_config *t) {
    int64_t inner = (int64_t)t->n_heads * t->head_dim;
    if (t->dim < 2 || t->n_layers < 1 || t->n_heads < 1 || t->n_kv_heads < 1 || t->head_dim < 2 || t->hidden_dim < 1) abort();
    if (t->head_dim % 2 || t->n_heads % t->n_kv_heads || t->window < 1) abort();
    if (inner * t->dim > INT32_MAX || (int64_t)t->hidden_dim * t->dim > INT32_MAX || 3 * (int64_t)t->dim * t->dim > INT32_MAX) abort();
    if (!(t->norm_eps > 0 && t->norm_eps < 1) || !(t->rope_theta >= 1 && t->rope_theta <= 1e12)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vox_config c;
    vox_error e = { 0 };
    int32_t status = config_parse(data, size, "fuzz", &c, &e);
    if (status != e.code || (status && !e.text[0])) abort();
    if (status) return 0;
    check_transformer(&c.encoder);
    check_transformer(&c.decoder);
    if (c.sample_rate != VOX_SAMPLE_RATE || c.hop * 2 * c.downsample != c.frame_samples || c.n_mels < 1) abort();
    if (c.vocab_size <= 1000 || (int64_t)c.vocab_size * c.decoder.dim > INT32_MAX || c.max_positions < 1) abort();
    if ((int64_t)c.downsample * c.encoder.dim * c.decoder.dim > INT32_MAX || (int64_t)c.ada_dim * c.decoder.dim > INT32_MAX) abort();
    if (config_decoder_parameters(&c) <= 0 || config_parameters(&c) <= config_decoder_parameters(&c)) abort();
    return 0;
}

size_t fuzz_seed(int index, uint8_t *out, size_t capacity) {
    static const char *const texts[] = {
        "{\"dim\":40,\"n_layers\":2,\"head_dim\":16,\"hidden_dim\":58,\"n_heads\":4,\"n_kv_heads\":2,\"use_biases\":false,\"causal\":true,"
        "\"rope_theta\":1000000.0,\"norm_eps\":1e-05,\"vocab_size\":1299,\"tied_embeddings\":true,\"sliding_window\":12,"
        "\"model_max_length\":131072,\"multimodal\":{\"whisper_model_args\":{\"encoder_args\":{\"audio_encoding_args\":{"
        "\"sampling_rate\":16000,\"frame_rate\":12.5,\"num_mel_bins\":80,\"hop_length\":160,\"window_size\":400,\"global_log_mel_max\":1.5},"
        "\"dim\":32,\"n_layers\":4,\"head_dim\":64,\"hidden_dim\":51,\"n_heads\":1,\"n_kv_heads\":1,\"use_biases\":true,\"rope_theta\":1e6,"
        "\"causal\":true,\"norm_eps\":1e-05,\"pos_embed\":\"rope\",\"ffn_type\":\"swiglu\",\"norm_type\":\"rms_norm\",\"sliding_window\":20},"
        "\"downsample_args\":{\"downsample_factor\":4}}},\"ada_rms_norm_t_cond\":true,\"ada_rms_norm_t_cond_dim\":32}",
        "{ \"dim\": 40, \"n_layers\": 1, \"head_dim\": 2, \"hidden_dim\": 1, \"n_heads\": 1, \"rope_theta\": 10, \"norm_eps\": 0.01,\n"
        "\"vocab_size\": 1001, \"sliding_window\": 1, \"multimodal\": { \"whisper_model_args\": { \"encoder_args\": {\n"
        "\"audio_encoding_args\": { \"sampling_rate\": 16000, \"frame_rate\": 1.25e1, \"num_mel_bins\": 1, \"hop_length\": 160 },\n"
        "\"dim\": 2, \"n_layers\": 1, \"head_dim\": 2, \"hidden_dim\": 1, \"n_heads\": 1, \"rope_theta\": 10, \"norm_eps\": 0.01,\n"
        "\"sliding_window\": 1 }, \"downsample_args\": { \"downsample_factor\": 4 } } } }",
    };
    if (index >= 2) return 0;
    return (size_t)snprintf((char *)out, capacity, "%s", texts[index]);
}
