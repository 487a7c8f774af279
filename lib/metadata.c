/* GGUF keys -> params.json -> vox_config: one reader checks both. */
#include "metadata.h"

#include <math.h>

#include "json.h"

#define STT "stt.voxtral_realtime."

/* A key of params.json and where two writers put it; NULL: `otherwise` holds, or nothing. */
typedef struct field { const char *name, *keys[2], *otherwise; } field;

static const field decoder[] = {
    { "dim", { "voxtral.decoder.dim", STT "decoder.hidden_size" }, NULL },
    { "n_layers", { "voxtral.decoder.n_layers", STT "decoder.n_layers" }, NULL },
    { "n_heads", { "voxtral.decoder.n_heads", STT "decoder.n_heads" }, NULL },
    { "n_kv_heads", { "voxtral.decoder.n_kv_heads", STT "decoder.n_kv_heads" }, NULL },
    { "head_dim", { "voxtral.decoder.head_dim", STT "decoder.head_dim" }, NULL },
    { "hidden_dim", { "voxtral.decoder.hidden_dim", STT "decoder.intermediate_size" }, NULL },
    { "sliding_window", { "voxtral.decoder.sliding_window", STT "decoder.sliding_window" }, NULL },
    { "norm_eps", { "voxtral.decoder.norm_eps", STT "decoder.rms_norm_eps" }, NULL },
    { "rope_theta", { "voxtral.decoder.rope_theta", STT "decoder.rope_theta" }, NULL },
    { "vocab_size", { "voxtral.vocab_size", STT "decoder.vocab_size" }, NULL },
    { "model_max_length", { "voxtral.params.model_max_length", STT "decoder.max_position_embeddings" }, NULL },
    { "ada_rms_norm_t_cond_dim", { "voxtral.ada_rms_norm_t_cond_dim", STT "time.ada_hidden" }, NULL },
};
static const field downsample[] = {
    { "downsample_factor", { "voxtral.audio.downsample_factor", STT "projector.downsample_factor" }, NULL },
};
static const field encoder[] = {
    { "dim", { "voxtral.encoder.dim", STT "encoder.d_model" }, NULL },
    { "n_layers", { "voxtral.encoder.n_layers", STT "encoder.n_layers" }, NULL },
    { "n_heads", { "voxtral.encoder.n_heads", STT "encoder.n_heads" }, NULL },
    { "n_kv_heads", { "voxtral.encoder.n_kv_heads", STT "encoder.n_kv_heads" }, NULL },
    { "head_dim", { "voxtral.encoder.head_dim", STT "encoder.head_dim" }, NULL },
    { "hidden_dim", { "voxtral.encoder.hidden_dim", STT "encoder.ffn_dim" }, NULL },
    { "sliding_window", { "voxtral.encoder.sliding_window", STT "encoder.sliding_window" }, NULL },
    { "norm_eps", { "voxtral.encoder.norm_eps", STT "encoder.rms_norm_eps" }, NULL },
    { "rope_theta", { "voxtral.encoder.rope_theta", STT "encoder.rope_theta" }, NULL },
};
static const field audio[] = {
    { "sampling_rate", { "voxtral.audio.sample_rate", "stt.frontend.sample_rate" }, NULL },
    { "frame_rate", { "voxtral.audio.frame_rate", NULL }, "12.5" },
    { "num_mel_bins", { "voxtral.audio.num_mel_bins", STT "encoder.num_mel_bins" }, NULL },
    { "hop_length", { "voxtral.audio.hop_length", "stt.frontend.hop_length" }, NULL },
    { "window_size", { "voxtral.audio.window_size", "stt.frontend.win_length" }, NULL },
    { "global_log_mel_max", { "voxtral.audio.global_log_mel_max", "stt.frontend.global_log_mel_max" }, NULL },
};

/* Which writer's keys these are, or -1. */
static int32_t writer(const gguf *g) {
    for (int32_t i = 0; i < 2; i++)
        if (gguf_find(g, decoder[0].keys[i])) return i;
    return -1;
}

bool metadata_has_config(const gguf *g) { return writer(g) >= 0; }

typedef struct text { char json[4096]; int64_t length; } text;

static void append(text *t, const gguf *g, const field *fields, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *key = fields[i].keys[writer(g)];
        double value;
        if (key && gguf_number(gguf_find(g, key), &value) && isfinite(value))
            json_append(t->json, sizeof t->json, &t->length, "\"%s\": %.9g, ", fields[i].name, value);
        else if (fields[i].otherwise)
            json_append(t->json, sizeof t->json, &t->length, "\"%s\": %s, ", fields[i].name, fields[i].otherwise);
    }
}

static void say(text *t, const char *json) { json_append(t->json, sizeof t->json, &t->length, "%s", json); }

int32_t metadata_config(const gguf *g, const char *name, vox_config *out, vox_error *e) {
    text t = { .length = 0 };
    say(&t, "{");
    append(&t, g, decoder, sizeof decoder / sizeof *decoder);
    say(&t, "\"multimodal\": {\"whisper_model_args\": {\"downsample_args\": {");
    append(&t, g, downsample, sizeof downsample / sizeof *downsample);
    say(&t, "\"end\": null}, \"encoder_args\": {");
    append(&t, g, encoder, sizeof encoder / sizeof *encoder);
    say(&t, "\"audio_encoding_args\": {");
    append(&t, g, audio, sizeof audio / sizeof *audio);
    say(&t, "\"end\": null}}}}}");
    return config_parse(t.json, (size_t)t.length, name, out, e);
}
