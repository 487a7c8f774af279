/* Tensors by their role, from consolidated.safetensors. */
#include "weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"

#define AUDIO "mm_streams_embeddings.embedding_module."
#define ENCODER AUDIO "whisper_encoder."
#define ENCODER_LAYER_TENSORS 13
#define DECODER_LAYER_TENSORS 11
#define OTHER_TENSORS 9

/* ---- what there is ---- */

typedef struct list {
    weight_spec *next;
    char prefix[96];
} list;

static void add(list *l, tensor *slot, weight_kind kind, int32_t rows, int32_t cols, const char *name) {
    *l->next = (weight_spec){ .slot = slot, .kind = kind, .rows = rows, .cols = cols };
    snprintf(l->next->name, sizeof l->next->name, "%s%s", l->prefix, name);
    l->next++;
}

static void add_layer(list *l, layer_weights *w, const transformer_config *t) {
    int32_t q = t->n_heads * t->head_dim, kv = t->n_kv_heads * t->head_dim;
    add(l, &w->attention_norm, WEIGHT_NORM, 1, t->dim, "attention_norm.weight");
    add(l, &w->wq, WEIGHT_MATRIX, q, t->dim, "attention.wq.weight");
    add(l, &w->wk, WEIGHT_MATRIX, kv, t->dim, "attention.wk.weight");
    add(l, &w->wv, WEIGHT_MATRIX, kv, t->dim, "attention.wv.weight");
    add(l, &w->wo, WEIGHT_MATRIX, t->dim, q, "attention.wo.weight");
    add(l, &w->ffn_norm, WEIGHT_NORM, 1, t->dim, "ffn_norm.weight");
    add(l, &w->w1, WEIGHT_MATRIX, t->hidden_dim, t->dim, "feed_forward.w1.weight");
    add(l, &w->w2, WEIGHT_MATRIX, t->dim, t->hidden_dim, "feed_forward.w2.weight");
    add(l, &w->w3, WEIGHT_MATRIX, t->hidden_dim, t->dim, "feed_forward.w3.weight");
}

static void add_encoder_biases(list *l, layer_weights *w, const transformer_config *t) {
    add(l, &w->wq_bias, WEIGHT_BIAS, 1, t->n_heads * t->head_dim, "attention.wq.bias");
    add(l, &w->wv_bias, WEIGHT_BIAS, 1, t->n_kv_heads * t->head_dim, "attention.wv.bias");
    add(l, &w->wo_bias, WEIGHT_BIAS, 1, t->dim, "attention.wo.bias");
    add(l, &w->w2_bias, WEIGHT_BIAS, 1, t->dim, "feed_forward.w2.bias");
}

static void add_all(list *l, weights *w, const vox_config *c) {
    const transformer_config *enc = &c->encoder, *dec = &c->decoder;
    snprintf(l->prefix, sizeof l->prefix, AUDIO);
    add(l, &w->tok_embeddings, WEIGHT_MATRIX, c->vocab_size, dec->dim, "tok_embeddings.weight");
    add(l, &w->adapter0, WEIGHT_MATRIX, dec->dim, c->downsample * enc->dim, "audio_language_projection.0.weight");
    add(l, &w->adapter2, WEIGHT_MATRIX, dec->dim, dec->dim, "audio_language_projection.2.weight");
    snprintf(l->prefix, sizeof l->prefix, ENCODER);
    add(l, &w->conv0, WEIGHT_CONV, enc->dim, 3 * c->n_mels, "conv_layers.0.conv.weight");
    add(l, &w->conv0_bias, WEIGHT_BIAS, 1, enc->dim, "conv_layers.0.conv.bias");
    add(l, &w->conv1, WEIGHT_CONV, enc->dim, 3 * enc->dim, "conv_layers.1.conv.weight");
    add(l, &w->conv1_bias, WEIGHT_BIAS, 1, enc->dim, "conv_layers.1.conv.bias");
    add(l, &w->encoder_norm, WEIGHT_NORM, 1, enc->dim, "transformer.norm.weight");
    for (int32_t i = 0; i < enc->n_layers; i++) {
        snprintf(l->prefix, sizeof l->prefix, ENCODER "transformer.layers.%d.", i);
        add_layer(l, &w->encoder[i], enc);
        add_encoder_biases(l, &w->encoder[i], enc);
    }
    for (int32_t i = 0; i < dec->n_layers; i++) {
        snprintf(l->prefix, sizeof l->prefix, "layers.%d.", i);
        add_layer(l, &w->decoder[i], dec);
        add(l, &w->decoder[i].ada_down, WEIGHT_MATRIX, c->ada_dim, dec->dim, "ada_rms_norm_t_cond.0.weight");
        add(l, &w->decoder[i].ada_up, WEIGHT_MATRIX, dec->dim, c->ada_dim, "ada_rms_norm_t_cond.2.weight");
    }
    l->prefix[0] = 0;
    add(l, &w->norm, WEIGHT_NORM, 1, dec->dim, "norm.weight");
}

int32_t weights_layout(const vox_config *c, weights *w, weight_spec **specs, int32_t *n, vox_error *e) {
    *w = (weights){ 0 };
    *n = c->encoder.n_layers * ENCODER_LAYER_TENSORS + c->decoder.n_layers * DECODER_LAYER_TENSORS + OTHER_TENSORS;
    *specs = calloc((size_t)*n, sizeof **specs);
    w->encoder = calloc((size_t)c->encoder.n_layers, sizeof *w->encoder);
    w->decoder = calloc((size_t)c->decoder.n_layers, sizeof *w->decoder);
    w->storage = calloc(1, sizeof *w->storage);
    if (!*specs || !w->encoder || !w->decoder || !w->storage) {
        free(*specs);
        weights_close(w);
        return vox_fail(e, VOX_E_MEMORY, "out of memory for the list of weights");
    }
    add_all(&(list){ .next = *specs }, w, c);
    return VOX_OK;
}

static size_t padded(const tensor *t) { return (tensor_bytes(t) + 63) & ~(size_t)63; }

int32_t weights_allocate(weights *w, const weight_spec *specs, int32_t n, bool matrices, vox_error *e) {
    struct weights_storage *storage = w->storage;
    for (int32_t i = 0; i < n; i++) {
        const weight_spec *s = &specs[i];
        bool vector = s->kind == WEIGHT_NORM || s->kind == WEIGHT_BIAS;
        *s->slot = (tensor){ .rows = s->rows, .cols = s->cols, .type = vector ? DTYPE_F32 : DTYPE_BF16 };
        if (matrices || s->kind != WEIGHT_MATRIX) {
            s->slot->offset = storage->memory_size;
            storage->memory_size += padded(s->slot);
        }
    }
    storage->memory = os_reserve(storage->memory_size);
    if (!storage->memory)
        return vox_fail(e, VOX_E_MEMORY, "out of memory: the weights need %.1f GB", (double)storage->memory_size / 1e9);
    for (int32_t i = 0; i < n; i++)
        if (matrices || specs[i].kind != WEIGHT_MATRIX) specs[i].slot->data = storage->memory;
    return VOX_OK;
}

void weights_close(weights *w) {
    if (w->storage) {
        os_unmap(&w->storage->file);
        os_unreserve(w->storage->memory, w->storage->memory_size);
    }
    free(w->storage);
    free(w->encoder);
    free(w->decoder);
    *w = (weights){ 0 };
}

/* ---- reading ---- */

/* As a file has it. */
static safetensor expected_shape(const weight_spec *s) {
    switch (s->kind) {
    case WEIGHT_MATRIX: return (safetensor){ .n_dims = 2, .shape = { s->rows, s->cols } };
    case WEIGHT_CONV: return (safetensor){ .n_dims = 3, .shape = { s->rows, s->cols / 3, 3 } };
    default: return (safetensor){ .n_dims = 1, .shape = { s->cols } };
    }
}

/* The tensor of one spec, or NULL and an error. */
static const safetensor *find(const safetensors *index, const weight_spec *s, const char *path, vox_error *e) {
    const safetensor *t = safetensors_find(index, s->name);
    safetensor expected = expected_shape(s);
    char found_text[SAFETENSOR_SHAPE_CHARS], expected_text[SAFETENSOR_SHAPE_CHARS];
    if (!t) {
        vox_fail(e, VOX_E_FORMAT, "%s: tensor %s is missing", path, s->name);
    } else if (t->n_dims != expected.n_dims || memcmp(t->shape, expected.shape, sizeof t->shape)) {
        vox_fail(e, VOX_E_FORMAT, "%s: tensor %s: expected shape %s as params.json has it, found %s", path, s->name,
                 safetensor_shape(&expected, expected_text), safetensor_shape(t, found_text));
        t = NULL;
    } else if (strcmp(t->dtype, "BF16")) {
        vox_fail(e, VOX_E_UNSUPPORTED, "%s: tensor %s: expected dtype BF16, found %s", path, s->name, t->dtype);
        t = NULL;
    }
    return t;
}

/* BF16 -> f32 */
static void widen(const uint8_t *from, uint32_t *to, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = (uint32_t)from[2 * i] << 16 | (uint32_t)from[2 * i + 1] << 24;
}

/* [out][in][3] -> [out][3][in] */
static void taps_first(const uint16_t *from, uint16_t *to, int32_t out, int32_t in) {
    for (int32_t o = 0; o < out; o++, from += 3 * in, to += 3 * in)
        for (int32_t c = 0; c < in; c++)
            for (int32_t k = 0; k < 3; k++) to[k * in + c] = from[3 * c + k];
}

static int32_t read_tensors(const weight_spec *specs, int32_t n, const safetensors *index, os_file *file,
                            const char *path, vox_error *e) {
    for (int32_t i = 0; i < n; i++) {
        const weight_spec *s = &specs[i];
        const safetensor *t = find(index, s, path, e);
        if (!t) return e->code;
        switch (s->kind) {
        case WEIGHT_MATRIX:
            s->slot->data = file->handle;
            s->slot->offset = (size_t)(t->data - file->bytes);
            break;
        case WEIGHT_CONV: taps_first((const uint16_t *)(const void *)t->data, tensor_host(s->slot), s->rows, s->cols / 3); break;
        default: widen(t->data, tensor_host(s->slot), (size_t)s->cols);
        }
    }
    return VOX_OK;
}

static bool other_layout(const safetensors *index) {
    static const char *const prefixes[] = { "language_model.", "audio_tower.", "model.language_model.", "model.audio_tower." };
    for (int32_t i = 0; i < index->n; i++)
        for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++)
            if (!strncmp(index->tensors[i].name, prefixes[p], strlen(prefixes[p]))) return true;
    return false;
}

int32_t weights_open(const char *dir, const vox_config *c, weights *out, vox_error *e) {
    char path[4096];
    weight_spec *specs;
    int32_t n;
    safetensors index = { 0 };
    if (snprintf(path, sizeof path, "%s/consolidated.safetensors", dir) >= (int)sizeof path)
        return vox_fail(e, VOX_E_ARGUMENT, "the model's path is longer than %zu bytes", sizeof path);
    int32_t status = weights_layout(c, out, &specs, &n, e);
    if (status) return status;
    os_file *file = &out->storage->file;
    status = os_map(path, file, e);
    if (!status) status = safetensors_parse(file->bytes, file->size, path, &index, e);
    if (!status && other_layout(&index))
        status = vox_fail(e, VOX_E_UNSUPPORTED, "%s: the tensors are named as in model.safetensors of Hugging Face transformers, "
                          "which this version cannot read: get Mistral's consolidated.safetensors", path);
    if (!status) status = weights_allocate(out, specs, n, false, e);
    if (!status) status = read_tensors(specs, n, &index, file, path, e);
    safetensors_free(&index);
    free(specs);
    if (status) weights_close(out);
    return status;
}
