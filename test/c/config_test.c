/* lib/config.c: the 4B model's sizes, the bundled model's file, defaults, and every way of being wrong. */
#include "config.h"
#include "test.h"

static const char params[] =
    "{ \"dim\": 40, \"n_layers\": 2, \"head_dim\": 16, \"hidden_dim\": 58, \"n_heads\": 4, \"n_kv_heads\": 2, \"use_biases\": false,\n"
    "\"causal\": true, \"rope_theta\": 1000000.0, \"norm_eps\": 1e-05, \"vocab_size\": 1299, \"tied_embeddings\": true,\n"
    "\"sliding_window\": 12, \"model_max_length\": 4096, \"ada_rms_norm_t_cond\": true, \"ada_rms_norm_t_cond_dim\": 8,\n"
    "\"multimodal\": { \"whisper_model_args\": { \"encoder_args\": { \"audio_encoding_args\": { \"sampling_rate\": 16000,\n"
    "\"frame_rate\": 12.5, \"num_mel_bins\": 80, \"hop_length\": 160, \"window_size\": 512, \"global_log_mel_max\": 1.25 },\n"
    "\"dim\": 32, \"n_layers\": 3, \"head_dim\": 64, \"hidden_dim\": 51, \"n_heads\": 1, \"n_kv_heads\": 1, \"use_biases\": true,\n"
    "\"rope_theta\": 10000, \"causal\": true, \"norm_eps\": 1e-06, \"pos_embed\": \"rope\", \"ffn_type\": \"swiglu\",\n"
    "\"norm_type\": \"rms_norm\", \"sliding_window\": 20 }, \"downsample_args\": { \"downsample_factor\": 4 } } } }";

static int32_t parse(const char *text, vox_config *c, vox_error *e) {
    guarded g = guarded_copy(text, strlen(text));
    *e = (vox_error){ 0 };
    int32_t status = config_parse(g.bytes, strlen(text), "params.json", c, e);
    guarded_free(&g);
    return status;
}

/* params with the first `from` replaced by `to`. */
static void edit(char *out, size_t size, const char *from, const char *to) {
    const char *at = strstr(params, from);
    if (!at) abort();
    snprintf(out, size, "%.*s%s%s", (int)(at - params), params, to, at + strlen(from));
}

static void test_good(test_state *t) {
    vox_config c;
    vox_error e;
    CHECK(t, parse(params, &c, &e) == 0, "%s", e.text);
    const transformer_config *d = &c.decoder, *n = &c.encoder;
    CHECK(t, d->dim == 40 && d->n_layers == 2 && d->head_dim == 16 && d->hidden_dim == 58 && d->n_heads == 4 && d->n_kv_heads == 2, "decoder");
    CHECK(t, d->window == 12 && d->norm_eps == 1e-5f && d->rope_theta == 1e6, "decoder");
    CHECK(t, n->dim == 32 && n->n_layers == 3 && n->head_dim == 64 && n->hidden_dim == 51 && n->n_heads == 1 && n->n_kv_heads == 1, "encoder");
    CHECK(t, n->window == 20 && n->norm_eps == 1e-6f && n->rope_theta == 1e4, "encoder");
    CHECK(t, c.sample_rate == 16000 && c.hop == 160 && c.window_size == 512 && c.n_mels == 80 && c.log_mel_max == 1.25f, "audio");
    CHECK(t, c.downsample == 4 && c.frame_samples == 1280 && c.vocab_size == 1299 && c.max_positions == 4096 && c.ada_dim == 8, "model");
    int64_t encoder = 3 * (2 * 32 + 4 * 64 * 32 + 3 * 32 * 51 + 64 + 64 + 32 + 32) + 32 + 3 * 32 * 80 + 3 * 32 * 32 + 2 * 32;
    int64_t decoder = 2 * (2 * 40 + 2 * 64 * 40 + 2 * 32 * 40 + 3 * 40 * 58) + 40 + 1299 * 40;
    int64_t rest = 40 * 4 * 32 + 40 * 40 + 2 * 2 * 8 * 40;
    CHECK(t, config_decoder_parameters(&c) == decoder, "%lld", (long long)config_decoder_parameters(&c));
    CHECK(t, config_parameters(&c) == encoder + decoder + rest, "%lld", (long long)config_parameters(&c));
}

static void test_defaults(test_state *t) {
    static const char *const optional[] = {
        "\"n_kv_heads\": 2, ", "\"window_size\": 512, ", ", \"global_log_mel_max\": 1.25", "\"model_max_length\": 4096, ",
        ", \"ada_rms_norm_t_cond_dim\": 8", "\"causal\": true, ", "\"pos_embed\": \"rope\", ", ", \"use_biases\": true",
    };
    for (size_t k = 0; k < sizeof optional / sizeof *optional; k++) {
        char text[2048];
        vox_config c;
        vox_error e;
        edit(text, sizeof text, optional[k], "");
        CHECK(t, parse(text, &c, &e) == 0, "without %s: %s", optional[k], e.text);
        CHECK(t, c.decoder.n_kv_heads == (k == 0 ? 4 : 2) && c.window_size == (k == 1 ? 400 : 512), "without %s", optional[k]);
        CHECK(t, c.log_mel_max == (k == 2 ? 1.5f : 1.25f) && c.max_positions == (k == 3 ? 131072 : 4096) && c.ada_dim == (k == 4 ? 32 : 8),
              "without %s", optional[k]);
    }
}

#define ENCODER "multimodal.whisper_model_args.encoder_args."
static void test_bad(test_state *t) {
    static const struct { const char *from, *to, *message; } edits[] = {
        { "\"dim\": 40", "\"dim\": 0", "params.json: key dim: expected an integer from 2 to 16384, found 0" },
        { "\"dim\": 40", "\"dim\": -40", "key dim: expected an integer from 2 to 16384, found -40" },
        { "\"dim\": 40", "\"dim\": 40.5", "key dim: expected an integer from 2 to 16384, found 40.5" },
        { "\"dim\": 40", "\"dim\": \"40\"", "found \"40\"" },
        { "\"dim\": 40", "\"dim\": 41", "key dim: expected an even number (delay embedding), found 41" },
        { "\"dim\": 40, ", "", "key dim: expected an integer from 2 to 16384, found nothing" },
        { "\"dim\": 40", "\"dim\": null", "found nothing" },
        { "\"dim\": 40", "\"dim\": 9223372036854775807", "found 9223372036854775807" },
        { "\"dim\": 40", "\"dim\": 1e300", "found 1e+300" },
        { "\"n_layers\": 2", "\"n_layers\": 1000000", "key n_layers: expected an integer from 1 to 256, found 1000000" },
        { "\"head_dim\": 16", "\"head_dim\": 15", "key head_dim: expected an even number (rotary pairs), found 15" },
        { "\"n_kv_heads\": 2", "\"n_kv_heads\": 3", "key n_kv_heads: expected a divisor of n_heads, found 3" },
        { "\"head_dim\": 16, \"hidden_dim\": 58, \"n_heads\": 4", "\"head_dim\": 1024, \"hidden_dim\": 58, \"n_heads\": 128",
          "key n_heads: expected n_heads * head_dim of at most 65536, found 128" },
        { "\"hidden_dim\": 58", "\"hidden_dim\": 65537", "key hidden_dim: expected an integer from 1 to 65536" },
        { "\"use_biases\": false", "\"use_biases\": true", "key use_biases: expected false, found true" },
        { "\"causal\": true", "\"causal\": false", "key causal: expected true, found false" },
        { "\"norm_eps\": 1e-05", "\"norm_eps\": 0", "key norm_eps: expected a number from 1e-12 to 0.1, found 0" },
        { "\"rope_theta\": 1000000.0", "\"rope_theta\": []", "key rope_theta: expected a number from 1 to 1e+12, found an array" },
        { "\"vocab_size\": 1299", "\"vocab_size\": 1000", "key vocab_size: expected an integer from 1001 to 1048576, found 1000" },
        { "\"vocab_size\": 1299", "\"vocab_size\": 1048576, \"dim\": 16384", "key vocab_size: expected vocab_size * dim below 2^31, found 1048576" },
        { "\"tied_embeddings\": true", "\"tied_embeddings\": false", "key tied_embeddings: expected true, found false" },
        { "\"ada_rms_norm_t_cond\": true", "\"ada_rms_norm_t_cond\": 1", "key ada_rms_norm_t_cond: expected true, found 1" },
        { "\"sliding_window\": 12", "\"sliding_window\": 0", "key sliding_window: expected an integer from 1 to 1048576, found 0" },
        { "\"multimodal\"", "\"multimodal_\"", "key multimodal: expected an object, found nothing" },
        { "\"downsample_args\": {", "\"downsample_args\": 4, \"x\": {", "key multimodal.whisper_model_args.downsample_args: expected an object, found 4" },
        { "\"downsample_factor\": 4", "\"downsample_factor\": 2", "hop_length: expected hop_length * 2 * downsample_factor = sampling_rate / frame_rate" },
        { "\"downsample_factor\": 4", "\"downsample_factor\": 0", "downsample_args.downsample_factor: expected an integer from 1 to 64, found 0" },
        { "\"dim\": 32", "\"dim\": 1", "key " ENCODER "dim: expected an integer from 2 to 16384, found 1" },
        { "\"use_biases\": true", "\"use_biases\": false", "key " ENCODER "use_biases: expected true, found false" },
        { "\"rope\"", "\"sinusoidal\"", "key " ENCODER "pos_embed: expected \"rope\", found \"sinusoidal\"" },
        { "\"swiglu\"", "\"gelu\"", "ffn_type: expected \"swiglu\", found \"gelu\"" },
        { "\"rms_norm\"", "\"layer_norm\"", "norm_type: expected \"rms_norm\"" },
        { "\"sampling_rate\": 16000", "\"sampling_rate\": 8000",
          "key " ENCODER "audio_encoding_args.sampling_rate: expected an integer from 16000 to 16000, found 8000" },
        { "\"frame_rate\": 12.5", "\"frame_rate\": 25", "frame_rate: expected 12.5, a position of 80 ms, found 25" },
        { "\"hop_length\": 160", "\"hop_length\": 320", "hop_length: expected hop_length * 2 * downsample_factor" },
        { "\"window_size\": 512", "\"window_size\": 401", "window_size: expected an even number, found 401" },
        { "\"num_mel_bins\": 80", "\"num_mel_bins\": 100000", "num_mel_bins: expected an integer from 1 to 1024" },
        { "\"global_log_mel_max\": 1.25", "\"global_log_mel_max\": 1e9", "global_log_mel_max: expected a number from -100 to 100, found 1e+09" },
        { "\"dim\": 40, \"n_layers\"", "\"dim\": 40 \"n_layers\"", "params.json: byte 12: expected ',' or '}', found '\"'" },
    };
    for (size_t k = 0; k < sizeof edits / sizeof *edits; k++) {
        char text[2048];
        vox_config c;
        vox_error e;
        edit(text, sizeof text, edits[k].from, edits[k].to);
        CHECK(t, parse(text, &c, &e) == VOX_E_FORMAT, "%s was accepted", edits[k].to);
        CHECK(t, strstr(e.text, edits[k].message), "\"%s\" lacks \"%s\"", e.text, edits[k].message);
    }
    vox_config c;
    vox_error e;
    CHECK(t, parse("[]", &c, &e) == VOX_E_FORMAT && strstr(e.text, "expected a JSON object"), "%s", e.text);
    e = (vox_error){ 0 };
    CHECK(t, config_load("/no/such/params.json", &c, &e) == VOX_E_IO && strstr(e.text, "/no/such/params.json: cannot be opened"), "%s", e.text);
    e = (vox_error){ 0 };
    CHECK(t, config_load("models/nano/consolidated.safetensors", &c, &e) == VOX_E_FORMAT &&
                 strstr(e.text, "consolidated.safetensors: expected at most 1048576 bytes, the file is larger"), "%s", e.text);
    e = (vox_error){ 0 };
    CHECK(t, config_load("lib", &c, &e) == VOX_E_IO && strstr(e.text, "lib: cannot be read: Is a directory"), "%s", e.text);
    for (size_t n = 0; n < sizeof params - 1; n += 7) { /* cut off anywhere */
        char text[2048];
        snprintf(text, n + 1, "%s", params);
        CHECK(t, parse(text, &c, &e) == VOX_E_FORMAT && strstr(e.text, "params.json: byte "), "%zu bytes: %s", n, e.text);
    }
}

static void test_files(test_state *t) {
    vox_config c;
    vox_error e = { 0 };
    CHECK(t, config_load("models/nano/params.json", &c, &e) == 0, "%s", e.text);
    CHECK(t, c.decoder.dim == 256 && c.decoder.window == 64 && c.encoder.n_layers == 4 && c.vocab_size == 4096, "nano");
    config_4b(&c);
    CHECK(t, config_decoder_parameters(&c) / 1000000 == 3429 && config_parameters(&c) / 1000000 == 4429, "4B: %lld of %lld",
          (long long)config_decoder_parameters(&c), (long long)config_parameters(&c));
    CHECK(t, c.hop * 2 * c.downsample == c.frame_samples && c.sample_rate == VOX_SAMPLE_RATE, "4B");
}

int main(void) {
    test_state t = { 0 };
    test_good(&t);
    test_defaults(&t);
    test_bad(&t);
    test_files(&t);
    return test_report(&t);
}
