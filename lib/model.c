/* Loading a model: files -> config, weights, tokenizer -> backend -> the delay
 * conditioning of every legal delay, which is constant and so computed once. */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metadata.h"
#include "os.h"

#define DELAY_STEP_MS 80
#define LONGEST_DELAY_MS 2400
#define SYNTHETIC_SEED 4

int32_t delay_ms_at(int32_t index) {
    return index == N_DELAYS - 1 ? LONGEST_DELAY_MS : (index + 1) * DELAY_STEP_MS;
}

int32_t delay_index(int32_t delay_ms) {
    for (int32_t i = 0; i < N_DELAYS; i++)
        if (delay_ms_at(i) == delay_ms) return i;
    return -1;
}

int32_t delay_frames(int32_t index) { return delay_ms_at(index) / DELAY_STEP_MS; }

/* t = cat(cos(d f), sin(d f)), f_i = 10000^(-i / (dim / 2)), d in positions. */
static void delay_embedding(int32_t frames, int32_t dim, float *t) {
    int32_t half = dim / 2;
    for (int32_t i = 0; i < half; i++) {
        double angle = frames * pow(10000.0, -(double)i / half);
        t[i] = (float)cos(angle);
        t[half + i] = (float)sin(angle);
    }
}

/* ada[layer] = up(gelu(down(t))) for every legal delay. */
static int32_t condition_delays(model *m, vox_error *e) {
    const vox_config *c = &m->config;
    const backend_ops *ops = m->backend->ops;
    int32_t dim = c->decoder.dim, n_layers = c->decoder.n_layers;
    float *host = malloc(sizeof(float) * N_DELAYS * (size_t)dim);
    m->ada = calloc((size_t)n_layers, sizeof *m->ada);
    tensor t = { 0 }, hidden = { 0 }, none = { 0 };
    if (!host || !m->ada) {
        vox_fail(e, VOX_E_MEMORY, "out of memory for the delay conditioning");
        goto end;
    }
    for (int32_t i = 0; i < N_DELAYS; i++) delay_embedding(delay_frames(i), dim, host + (size_t)i * dim);
    if (ops->alloc(m->backend, DTYPE_F32, N_DELAYS, dim, &t, e)) goto end;
    if (ops->alloc(m->backend, DTYPE_F32, N_DELAYS, c->ada_dim, &hidden, e)) goto end;
    for (int32_t l = 0; l < n_layers; l++)
        if (ops->alloc(m->backend, DTYPE_F32, N_DELAYS, dim, &m->ada[l], e)) goto end;
    ops->begin(m->backend, 0);
    ops->upload(m->backend, t, host);
    for (int32_t l = 0; l < n_layers; l++) {
        const layer_weights *w = &m->weights.decoder[l];
        ops->linear(m->backend, hidden, t, w->ada_down, none, none);
        ops->gelu(m->backend, hidden);
        ops->linear(m->backend, m->ada[l], hidden, w->ada_up, none, none);
    }
    ops->submit(m->backend, e);
end:
    ops->release(m->backend, &t);
    ops->release(m->backend, &hidden);
    free(host);
    return e->code;
}

static int32_t place_layer(model *m, layer_weights *w, vox_error *e) {
    tensor *all[] = { &w->attention_norm, &w->ffn_norm, &w->wq, &w->wk, &w->wv, &w->wo, &w->wq_bias, &w->wv_bias,
                      &w->wo_bias, &w->w1, &w->w2, &w->w3, &w->w2_bias, &w->ada_down, &w->ada_up };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->rows && m->backend->ops->place(m->backend, all[i], e)) return e->code;
    return VOX_OK;
}

static int32_t place_weights(model *m, vox_error *e) {
    weights *w = &m->weights;
    tensor *all[] = { &w->conv0, &w->conv1, &w->conv0_bias, &w->conv1_bias, &w->encoder_norm,
                      &w->adapter0, &w->adapter2, &w->tok_embeddings, &w->norm };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (m->backend->ops->place(m->backend, all[i], e)) return e->code;
    for (int32_t l = 0; l < m->config.encoder.n_layers; l++)
        if (place_layer(m, &w->encoder[l], e)) return e->code;
    for (int32_t l = 0; l < m->config.decoder.n_layers; l++)
        if (place_layer(m, &w->decoder[l], e)) return e->code;
    return VOX_OK;
}

static int32_t load_synthetic(model *m, const char *what, const model_options *o, vox_error *e) {
    if (!strcmp(what, "4b")) config_4b(&m->config);
    else if (config_load(what, &m->config, e)) return e->code;
    if (tokenizer_synthesize(m->config.vocab_size, &m->tokenizer, e)) return e->code;
    return weights_synthesize(&m->config, SYNTHETIC_SEED, o->threads, &m->weights, o->progress, o->user, e);
}

/* The file `name` beside the weights. */
static void beside(const char *weights_path, const char *name, char path[static 4200]) {
    size_t n = strlen(weights_path);
    while (n && weights_path[n - 1] != '/' && weights_path[n - 1] != '\\') n--;
    snprintf(path, 4200, "%.*s%s", (int)n, weights_path, name);
}

/* A GGUF file may say its sizes and hold its vocabulary; what it lacks lies beside it. */
static int32_t load_container(model *m, container *c, vox_error *e) {
    char path[4200];
    bool self_described = c->is_gguf && metadata_has_config(&c->gguf);
    beside(c->path, "params.json", path);
    if (self_described ? metadata_config(&c->gguf, c->path, &m->config, e) : config_load(path, &m->config, e)) return e->code;
    bool own_words = c->is_gguf && tokenizer_in_gguf(&c->gguf);
    beside(c->path, "tekken.json", path);
    if (own_words ? tokenizer_from_gguf(&c->gguf, c->path, m->config.vocab_size, &m->tokenizer, e)
                  : tokenizer_load(path, m->config.vocab_size, &m->tokenizer, e)) return e->code;
    return weights_bind(c, self_described ? "its metadata" : "params.json", &m->config, &m->weights, e);
}

static int32_t load_files(model *m, const char *path, vox_error *e) {
    container c;
    if (container_open(path, &c, e)) return e->code;
    int32_t status = load_container(m, &c, e);
    container_close(&c);
    return status;
}

/* The last part of the path, or the synthetic name. */
static void name_model(model *m, const char *path) {
    size_t n = strlen(path);
    while (n > 1 && (path[n - 1] == '/' || path[n - 1] == '\\')) n--;
    size_t start = n;
    while (start && path[start - 1] != '/' && path[start - 1] != '\\') start--;
    snprintf(m->name, sizeof m->name, "%.*s", (int)(n - start), path + start);
}

int32_t model_load(const model_options *o, model **out, vox_error *e) {
    static const char synthetic[] = "synthetic:";
    *out = NULL;
    model *m = calloc(1, sizeof *m);
    if (!m) return vox_fail(e, VOX_E_MEMORY, "out of memory for the model");
    name_model(m, o->path);
    bool random = !strncmp(o->path, synthetic, sizeof synthetic - 1);
    if (random ? load_synthetic(m, o->path + sizeof synthetic - 1, o, e) : load_files(m, o->path, e)) goto fail;
    if (strcmp(o->backend, "auto") && strcmp(o->backend, "cpu")) {
        vox_fail(e, VOX_E_UNSUPPORTED, "backend \"%s\" is not in this build: expected auto or cpu", o->backend);
        goto fail;
    }
    if (cpu_backend_new(o->isa, o->threads, &m->backend, e)) goto fail;
    if (mel_filterbank_new(&m->config, &m->filterbank, e)) goto fail;
    if (place_weights(m, e) || condition_delays(m, e)) goto fail;
    *out = m;
    return VOX_OK;
fail:
    model_free(m);
    return e->code;
}

void model_unload(model *m) {
    if (m->backend) {
        for (int32_t l = 0; m->ada && l < m->config.decoder.n_layers; l++) m->backend->ops->release(m->backend, &m->ada[l]);
        m->backend->ops->free(m->backend);
    }
    m->backend = NULL;
    free(m->ada);
    m->ada = NULL;
    weights_close(&m->weights);
    mel_filterbank_free(m->filterbank);
    m->filterbank = NULL;
}

void model_free(model *m) {
    if (!m) return;
    model_unload(m);
    tokenizer_free(m->tokenizer);
    free(m);
}
