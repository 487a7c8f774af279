/* params.json -> vox_config. */
#include "config.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "os.h"

#define PARAMS_MAX_BYTES ((size_t)1 << 20)
#define MAX_DIM 16384   /* the product of MAX_DIM and MAX_WIDTH, */
#define MAX_WIDTH 65536 /* and of any two sides of a tensor, fits an int32 */
#define MAX_LAYERS 256
#define POSITION_MS 80 /* one decoder position, which legal delays are multiples of */

/* One object of the file; the first failure is kept in *status, which all share. */
typedef struct reader {
    const char *file, *prefix; /* prefix: the object's path, for messages */
    const json_node *object;
    vox_error *e;
    int32_t *status;
} reader;

static void fail(const reader *r, const char *key, const char *expected, const json_node *found) {
    char text[48];
    if (!*r->status)
        *r->status = vox_fail(r->e, VOX_E_FORMAT, "%s: key %s%s: expected %s, found %s",
                             r->file, r->prefix, key, expected, json_describe(found, text));
}

static const json_node *find(const reader *r, const char *key) {
    const json_node *v = json_get(r->object, key);
    return json_is(v, JSON_NULL) ? NULL : v;
}

static int32_t integer(const reader *r, const char *key, int32_t low, int32_t high) {
    const json_node *v = find(r, key);
    double x;
    char expected[64];
    if (json_number(v, &x) && x == floor(x) && x >= low && x <= high) return (int32_t)x;
    snprintf(expected, sizeof expected, "an integer from %d to %d", low, high);
    fail(r, key, expected, v);
    return low;
}

static int32_t integer_or(const reader *r, const char *key, int32_t low, int32_t high, int32_t otherwise) {
    return find(r, key) ? integer(r, key, low, high) : otherwise;
}

static double number(const reader *r, const char *key, double low, double high) {
    const json_node *v = find(r, key);
    double x;
    char expected[64];
    if (json_number(v, &x) && x >= low && x <= high) return x;
    snprintf(expected, sizeof expected, "a number from %g to %g", low, high);
    fail(r, key, expected, v);
    return low;
}

static double number_or(const reader *r, const char *key, double low, double high, double otherwise) {
    return find(r, key) ? number(r, key, low, high) : otherwise;
}

/* Keys that say how the model computes: absent, or the one way there is. */
static void must_be(const reader *r, const char *key, bool expected) {
    const json_node *v = find(r, key);
    if (v && !json_is(v, expected ? JSON_TRUE : JSON_FALSE)) fail(r, key, expected ? "true" : "false", v);
}

static void must_say(const reader *r, const char *key, const char *expected) {
    const json_node *v = find(r, key);
    char text[48];
    if (v && !(json_is(v, JSON_STRING) && !strcmp(v->text, expected))) {
        snprintf(text, sizeof text, "\"%s\"", expected);
        fail(r, key, text, v);
    }
}

/* The object under `key`; `prefix` is its path, with a dot at the end. */
static reader enter(const reader *r, const char *key, const char *prefix) {
    reader inner = *r;
    inner.object = find(r, key);
    inner.prefix = prefix;
    if (!json_is(inner.object, JSON_OBJECT)) fail(r, key, "an object", inner.object);
    return inner;
}

static void read_transformer(const reader *r, transformer_config *t, bool biases) {
    t->dim = integer(r, "dim", 2, MAX_DIM);
    t->n_layers = integer(r, "n_layers", 1, MAX_LAYERS);
    t->n_heads = integer(r, "n_heads", 1, 1024);
    t->n_kv_heads = integer_or(r, "n_kv_heads", 1, 1024, t->n_heads);
    t->head_dim = integer(r, "head_dim", 2, 1024);
    t->hidden_dim = integer(r, "hidden_dim", 1, MAX_WIDTH);
    t->window = integer(r, "sliding_window", 1, 1 << 20);
    t->norm_eps = (float)number(r, "norm_eps", 1e-12, 0.1);
    t->rope_theta = number(r, "rope_theta", 1, 1e12);
    must_be(r, "causal", true);
    must_be(r, "use_biases", biases);
    if (*r->status) return;
    if (t->head_dim % 2) fail(r, "head_dim", "an even number (rotary pairs)", find(r, "head_dim"));
    if (t->n_heads % t->n_kv_heads) fail(r, "n_kv_heads", "a divisor of n_heads", find(r, "n_kv_heads"));
    if (t->n_heads * t->head_dim > MAX_WIDTH) fail(r, "n_heads", "n_heads * head_dim of at most 65536", find(r, "n_heads"));
}

static void read_audio(const reader *r, vox_config *c) {
    c->sample_rate = integer(r, "sampling_rate", VOX_SAMPLE_RATE, VOX_SAMPLE_RATE);
    c->hop = integer(r, "hop_length", 1, 8192);
    c->window_size = integer_or(r, "window_size", 2, 8192, 400);
    c->n_mels = integer(r, "num_mel_bins", 1, 1024);
    c->log_mel_max = (float)number_or(r, "global_log_mel_max", -100, 100, 1.5);
    double rate = number(r, "frame_rate", 1e-3, 1e6);
    c->frame_samples = VOX_SAMPLE_RATE * POSITION_MS / 1000;
    if (*r->status) return;
    if (c->window_size % 2) fail(r, "window_size", "an even number", find(r, "window_size"));
    if (rate * c->frame_samples != c->sample_rate) fail(r, "frame_rate", "12.5, a position of 80 ms", find(r, "frame_rate"));
    if (c->hop * 2 * c->downsample != c->frame_samples)
        fail(r, "hop_length", "hop_length * 2 * downsample_factor = sampling_rate / frame_rate", find(r, "hop_length"));
}

static void read_params(const reader *r, vox_config *c) {
    read_transformer(r, &c->decoder, false);
    c->vocab_size = integer(r, "vocab_size", 1001, 1 << 20);
    c->max_positions = integer_or(r, "model_max_length", 64, 1 << 24, 131072);
    c->ada_dim = integer_or(r, "ada_rms_norm_t_cond_dim", 1, MAX_DIM, 32);
    must_be(r, "tied_embeddings", true);
    must_be(r, "ada_rms_norm_t_cond", true);
    reader multimodal = enter(r, "multimodal", "multimodal.");
    reader whisper = enter(&multimodal, "whisper_model_args", "multimodal.whisper_model_args.");
    reader downsample = enter(&whisper, "downsample_args", "multimodal.whisper_model_args.downsample_args.");
    c->downsample = integer(&downsample, "downsample_factor", 1, 64);
    reader encoder = enter(&whisper, "encoder_args", "multimodal.whisper_model_args.encoder_args.");
    read_transformer(&encoder, &c->encoder, true);
    must_say(&encoder, "pos_embed", "rope");
    must_say(&encoder, "ffn_type", "swiglu");
    must_say(&encoder, "norm_type", "rms_norm");
    reader audio = enter(&encoder, "audio_encoding_args", "multimodal.whisper_model_args.encoder_args.audio_encoding_args.");
    read_audio(&audio, c);
    if (*r->status) return;
    if (c->decoder.dim % 2) fail(r, "dim", "an even number (delay embedding)", find(r, "dim"));
    if ((int64_t)c->vocab_size * c->decoder.dim > INT32_MAX) fail(r, "vocab_size", "vocab_size * dim below 2^31", find(r, "vocab_size"));
    if (c->downsample * c->encoder.dim > MAX_WIDTH)
        fail(&downsample, "downsample_factor", "downsample_factor * encoder dim of at most 65536", find(&downsample, "downsample_factor"));
}

int32_t config_parse(const void *bytes, size_t n, const char *name, vox_config *out, vox_error *e) {
    json doc;
    *out = (vox_config){ 0 };
    int32_t status = json_parse(bytes, n, name, &doc, e);
    if (status) return status;
    if (!json_is(doc.root, JSON_OBJECT)) status = vox_fail(e, VOX_E_FORMAT, "%s: expected a JSON object", name);
    else read_params(&(reader){ .file = name, .prefix = "", .object = doc.root, .e = e, .status = &status }, out);
    json_free(&doc);
    return status;
}

int32_t config_load(const char *path, vox_config *out, vox_error *e) {
    char *bytes;
    size_t n;
    int32_t status = os_read_file(path, PARAMS_MAX_BYTES, &bytes, &n, e);
    if (status) return status;
    status = config_parse(bytes, n, path, out, e);
    free(bytes);
    return status;
}

void config_4b(vox_config *out) {
    *out = (vox_config){
        .encoder = { .dim = 1280, .n_layers = 32, .n_heads = 32, .n_kv_heads = 32, .head_dim = 64, .hidden_dim = 5120,
                     .window = 750, .norm_eps = 1e-5f, .rope_theta = 1e6 },
        .decoder = { .dim = 3072, .n_layers = 26, .n_heads = 32, .n_kv_heads = 8, .head_dim = 128, .hidden_dim = 9216,
                     .window = 8192, .norm_eps = 1e-5f, .rope_theta = 1e6 },
        .sample_rate = VOX_SAMPLE_RATE, .hop = 160, .window_size = 400, .n_mels = 128, .log_mel_max = 1.5f,
        .downsample = 4, .frame_samples = 1280, .vocab_size = 131072, .max_positions = 131072, .ada_dim = 32,
    };
}

/* Norms, attention and feed-forward of all layers, without biases. */
static int64_t transformer_parameters(const transformer_config *t) {
    int64_t heads = (int64_t)(t->n_heads + t->n_kv_heads) * t->head_dim;
    return t->n_layers * (2 * (int64_t)t->dim + 2 * heads * t->dim + 3 * (int64_t)t->dim * t->hidden_dim) + t->dim;
}

int64_t config_decoder_parameters(const vox_config *c) {
    const transformer_config *t = &c->decoder;
    return transformer_parameters(t) + (int64_t)c->vocab_size * t->dim;
}

int64_t config_parameters(const vox_config *c) {
    const transformer_config *t = &c->encoder;
    int64_t dim = t->dim, out = c->decoder.dim;
    int64_t biases = t->n_layers * ((int64_t)(t->n_heads + t->n_kv_heads) * t->head_dim + 2 * dim);
    int64_t conv = 3 * dim * (c->n_mels + dim) + 2 * dim;
    int64_t adapter = out * c->downsample * dim + out * out;
    int64_t ada = 2 * (int64_t)c->decoder.n_layers * c->ada_dim * out;
    return conv + transformer_parameters(t) + biases + adapter + config_decoder_parameters(c) + ada;
}
