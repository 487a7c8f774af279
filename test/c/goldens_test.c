/* The model's stages against HF transformers (test/goldens): mel, conv + encoder,
 * adapter, delay conditioning, logits; for every ISA of this machine. */
#include "test.h"

#include "adapter.h"
#include "decoder.h"
#include "encoder.h"
#include "input.h"
#include "json.h"
#include "model.h"
#include "os.h"
#include "safetensors.h"

#define GOLDENS "test/goldens/"
static const char *const names[] = { "plain", "wrap", "wide", "deep", "eos" };
#define N_NAMES (sizeof names / sizeof *names)

typedef struct golden {
    os_file file;
    safetensors tensors;
} golden;

static void must(const vox_error *e) {
    if (e->code) {
        printf("FAIL %s\n0 passed, 1 failed\n", e->text);
        exit(1);
    }
}

static golden open_golden(const char *path) {
    golden g = { 0 };
    vox_error e = { 0 };
    os_map(path, &g.file, &e);
    must(&e);
    safetensors_parse(g.file.bytes, g.file.size, path, &g.tensors, &e);
    must(&e);
    return g;
}

static void close_golden(golden *g) {
    safetensors_free(&g->tensors);
    os_unmap(&g->file);
}

/* Largest |a - b| over the golden tensor, relative to its largest value. */
static double difference(const golden *g, const char *name, const float *got, int64_t rows) {
    const safetensor *t = safetensors_find(&g->tensors, name);
    if (!t || t->shape[0] > rows) return INFINITY;
    double worst = 0, scale = 0;
    for (size_t i = 0; i < t->bytes / sizeof(float); i++) {
        float want;
        memcpy(&want, t->data + i * sizeof want, sizeof want);
        if (!isfinite(got[i])) return INFINITY;
        worst = fmax(worst, fabs((double)got[i] - want));
        scale = fmax(scale, fabs((double)want));
    }
    return worst / scale;
}

/* Mel frames of the audio within the schedule's silence; the caller frees. */
static float *padded_mel(const model *m, const float *audio, int64_t n, int32_t delay, int32_t *positions) {
    const vox_config *c = &m->config;
    int64_t frame = c->frame_samples, body = (n + frame - 1) / frame * frame;
    int64_t total = LEFT_PAD_FRAMES * frame + body + (delay_frames(delay) + 1 + RIGHT_PAD_FRAMES) * frame;
    *positions = (int32_t)(total / frame);
    int32_t frames = *positions * 2 * c->downsample, taken;
    float *samples = calloc((size_t)(total + c->window_size), sizeof *samples);
    float *out = malloc(sizeof *out * (size_t)frames * (size_t)c->n_mels);
    memcpy(samples + LEFT_PAD_FRAMES * frame, audio, sizeof *audio * (size_t)n);
    vox_error e = { 0 };
    mel *front = NULL;
    mel_new(m->filterbank, &front, &e);
    must(&e);
    mel_push(front, samples, (int32_t)(total + c->window_size / 2), &taken, out, frames);
    mel_free(front);
    free(samples);
    return out;
}

static void check_model(test_state *t, const char *name, const char *isa, const float *audio, int64_t n_audio) {
    char path[256];
    snprintf(path, sizeof path, GOLDENS "%s", name);
    vox_error e = { 0 };
    model *m = NULL;
    model_options options = { .path = path, .backend = "cpu", .isa = isa, .threads = 2 };
    model_load(&options, &m, &e);
    must(&e);
    const vox_config *c = &m->config;
    backend *b = m->backend;
    snprintf(path, sizeof path, GOLDENS "%s/golden.safetensors", name);
    golden g = open_golden(path);
    int32_t delay = delay_index(480), positions;
    float *mel_frames = padded_mel(m, audio, n_audio, delay, &positions);

    snprintf(path, sizeof path, GOLDENS "audio/short-mel%d.safetensors", c->n_mels);
    golden front = open_golden(path);
    double worst = difference(&front, "mel", mel_frames, positions * 2 * c->downsample);
    CHECK(t, worst < 2e-5, "%s %s mel: %g", name, isa, worst);
    close_golden(&front);

    /* encoder and adapter, in uneven chunks */
    int32_t n_frames = positions * c->downsample, dim = c->decoder.dim;
    encoder *enc = NULL;
    adapter *ada = NULL;
    decoder *dec = NULL;
    encoder_state state;
    encoder_new(m, 16 * c->downsample, &enc, &e);
    adapter_new(m, 16, &ada, &e);
    decoder_new(m, positions, &dec, &e);
    must(&e);
    encoder_state_init(enc, &state, &e);
    must(&e);
    b->ops->begin(b, 0);
    encoder_state_reset(enc, &state);
    b->ops->submit(b, &e);
    float *encoded = malloc(sizeof *encoded * (size_t)(n_frames * c->encoder.dim));
    float *embeds = malloc(sizeof *embeds * (size_t)(positions * dim));
    for (int32_t at = 0, n; at < positions; at += n) {
        n = 1 + (at * 7) % 16;
        if (n > positions - at) n = positions - at;
        int32_t first = at * c->downsample;
        encoder_chunk chunk = { .state = &state, .mel = mel_frames + (size_t)(2 * first * c->n_mels), .frames = n * c->downsample };
        b->ops->begin(b, 0);
        tensor out = encoder_forward(enc, &chunk, 1);
        b->ops->download(b, encoded + (size_t)(first * c->encoder.dim), out);
        b->ops->download(b, embeds + (size_t)(at * dim), adapter_forward(ada, out));
        b->ops->submit(b, &e);
        must(&e);
    }
    worst = difference(&g, "encoder", encoded, n_frames);
    CHECK(t, worst < 1e-4, "%s %s encoder: %g", name, isa, worst);
    worst = difference(&g, "adapter", embeds, positions);
    CHECK(t, worst < 1e-4, "%s %s adapter: %g", name, isa, worst);

    /* delay conditioning */
    float *scale = malloc(sizeof *scale * (size_t)dim);
    for (int32_t l = 0; l < c->decoder.n_layers; l++) {
        char tensor_name[32];
        snprintf(tensor_name, sizeof tensor_name, "ada.%d", l);
        b->ops->begin(b, 0);
        b->ops->download(b, scale, tensor_rows(m->ada[l], delay, 1));
        b->ops->submit(b, &e);
        worst = difference(&g, tensor_name, scale, 1);
        CHECK(t, worst < 1e-5, "%s %s %s: %g", name, isa, tensor_name, worst);
    }

    /* the golden's tokens as one prompt-like forward: every step's best id */
    snprintf(path, sizeof path, GOLDENS "%s/golden.json", name);
    char *bytes;
    size_t size;
    json doc;
    os_read_file(path, 1 << 24, &bytes, &size, &e);
    must(&e);
    json_parse(bytes, size, path, &doc, &e);
    must(&e);
    int64_t which = 0;
    json_integer(json_get(doc.root, "tensors_of_run"), &which);
    const json_node *run = json_first(json_get(doc.root, "runs"));
    while (which--) run = json_next(run);
    const json_node *tokens = json_get(run, "tokens"), *margins = json_get(run, "margins");
    int32_t n_tokens = (int32_t)tokens->size, prompt = 1 + LEFT_PAD_FRAMES + delay_frames(delay), n = prompt + n_tokens - 1;
    decoder_row *rows = calloc((size_t)n, sizeof *rows);
    top_tokens *top = calloc((size_t)n, sizeof *top);
    tensor audio_rows;
    kv_cache *kv = NULL;
    b->ops->alloc(b, DTYPE_F32, positions, dim, &audio_rows, &e);
    decoder_kv_new(dec, &kv, &e);
    must(&e);
    const json_node *token = json_first(tokens);
    for (int32_t p = 0; p < n; p++) {
        int64_t id = p == 0 ? TOKEN_BOS : TOKEN_PAD;
        if (p >= prompt) {
            json_integer(token, &id);
            token = json_next(token);
        }
        rows[p] = (decoder_row){ .kv = kv, .position = p, .token = (int32_t)id, .delay = delay,
                                 .audio = tensor_rows(audio_rows, p, 1), .wants_logits = p >= prompt - 1 };
    }
    b->ops->begin(b, 0);
    b->ops->upload(b, audio_rows, embeds);
    decoder_forward(dec, rows, n, top);
    b->ops->submit(b, &e);
    must(&e);
    token = json_first(tokens);
    const json_node *margin = json_first(margins);
    int32_t same = 0, close = 0;
    for (int32_t i = 0; i < n_tokens; i++, token = json_next(token), margin = json_next(margin)) {
        int64_t id;
        double gap;
        json_integer(token, &id);
        json_number(margin, &gap);
        same += top[i].id[0] == id;
        double mine = (double)top[i].logprob[0] - top[i].logprob[1];
        close += fabs(mine - gap) < 2e-2 + 2e-3 * gap;
    }
    CHECK(t, same == n_tokens, "%s %s: %d of %d tokens", name, isa, same, n_tokens);
    CHECK(t, close == n_tokens, "%s %s: %d of %d margins", name, isa, close, n_tokens);

    json_free(&doc);
    free(bytes);
    free(rows);
    free(top);
    free(scale);
    free(encoded);
    free(embeds);
    free(mel_frames);
    b->ops->release(b, &audio_rows);
    decoder_kv_free(dec, kv);
    decoder_free(dec);
    adapter_free(ada);
    encoder_state_free(enc, &state);
    encoder_free(enc);
    close_golden(&g);
    model_free(m);
}

int main(void) {
    test_state t = { .random = 1 };
    vox_error e = { 0 };
    float *audio;
    int64_t n;
    wav_load(GOLDENS "audio/short.wav", VOX_SAMPLE_RATE, &audio, &n, &e);
    must(&e);
    for (const char *const *isa = cpu_isa_available(); *isa; isa++)
        for (size_t i = 0; i < N_NAMES; i++) check_model(&t, names[i], *isa, audio, n);
    free(audio);
    return test_report(&t);
}
