/* Tensors by their role, from a file. */
#include "weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "naming.h"
#include "quant.h"

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
    bool vector = kind == WEIGHT_NORM || kind == WEIGHT_BIAS;
    *l->next = (weight_spec){ .slot = slot, .kind = kind, .rows = rows, .cols = cols,
                              .type = vector ? DTYPE_F32 : DTYPE_BF16, .copied = kind != WEIGHT_MATRIX };
    snprintf(l->next->name, sizeof l->next->name, "%s%s", l->prefix, name);
    l->next++;
}

/* The one added last is rotated by position. */
static void rotated(list *l, int32_t heads) { l->next[-1].heads = heads; }

static void add_layer(list *l, layer_weights *w, const transformer_config *t) {
    int32_t q = t->n_heads * t->head_dim, kv = t->n_kv_heads * t->head_dim;
    add(l, &w->attention_norm, WEIGHT_NORM, 1, t->dim, "attention_norm.weight");
    add(l, &w->wq, WEIGHT_MATRIX, q, t->dim, "attention.wq.weight");
    rotated(l, t->n_heads);
    add(l, &w->wk, WEIGHT_MATRIX, kv, t->dim, "attention.wk.weight");
    rotated(l, t->n_kv_heads);
    add(l, &w->wv, WEIGHT_MATRIX, kv, t->dim, "attention.wv.weight");
    add(l, &w->wo, WEIGHT_MATRIX, t->dim, q, "attention.wo.weight");
    add(l, &w->ffn_norm, WEIGHT_NORM, 1, t->dim, "ffn_norm.weight");
    add(l, &w->w1, WEIGHT_MATRIX, t->hidden_dim, t->dim, "feed_forward.w1.weight");
    add(l, &w->w2, WEIGHT_MATRIX, t->dim, t->hidden_dim, "feed_forward.w2.weight");
    add(l, &w->w3, WEIGHT_MATRIX, t->hidden_dim, t->dim, "feed_forward.w3.weight");
}

static void add_encoder_biases(list *l, layer_weights *w, const transformer_config *t) {
    add(l, &w->wq_bias, WEIGHT_BIAS, 1, t->n_heads * t->head_dim, "attention.wq.bias");
    rotated(l, t->n_heads);
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

int32_t weights_allocate(weights *w, const weight_spec *specs, int32_t n, vox_error *e) {
    struct weights_storage *storage = w->storage;
    for (int32_t i = 0; i < n; i++) {
        const weight_spec *s = &specs[i];
        *s->slot = (tensor){ .rows = s->rows, .cols = s->cols, .type = s->type };
        if (s->copied) {
            s->slot->offset = storage->memory_size;
            storage->memory_size += padded(s->slot);
        }
    }
    storage->memory = os_reserve(storage->memory_size);
    if (!storage->memory)
        return vox_fail(e, VOX_E_MEMORY, "out of memory: the weights need %.1f GB", (double)storage->memory_size / 1e9);
    for (int32_t i = 0; i < n; i++)
        if (specs[i].copied) specs[i].slot->data = storage->memory;
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

/* A file being read. */
typedef struct source {
    const container *from;
    const char *sizes;
    naming naming;
    vox_error *e;
} source;

/* The tensor of one spec and its type, or NULL and an error. */
static const safetensor *find(const source *f, const weight_spec *s, dtype *type) {
    char name[NAMING_CHARS], found_text[SAFETENSOR_SHAPE_CHARS], expected_text[SAFETENSOR_SHAPE_CHARS];
    const char *path = f->from->path, *called = naming_translate(&f->naming, s->name, name);
    const safetensor *t = safetensors_find(container_index(f->from), called);
    safetensor expected = expected_shape(s);
    if (!t) {
        vox_fail(f->e, VOX_E_FORMAT, "%s: tensor %s is missing", path, called);
        return NULL;
    }
    if (t->n_dims != expected.n_dims || memcmp(t->shape, expected.shape, sizeof t->shape)) {
        vox_fail(f->e, VOX_E_FORMAT, "%s: tensor %s: expected shape %s as %s has it, found %s", path, called,
                 safetensor_shape(&expected, expected_text), f->sizes, safetensor_shape(t, found_text));
        return NULL;
    }
    for (*type = 0; *type < N_DTYPES; ++*type)
        if (!strcmp(t->dtype, dtype_formats[*type].name)) return t;
    vox_fail(f->e, VOX_E_UNSUPPORTED, "%s: tensor %s: expected dtype BF16, F16, F32 or a block type of GGUF, found %s", path, called, t->dtype);
    return NULL;
}

/* Types as the file has them, and what must be copied to be rearranged. */
static int32_t take_types(const source *f, weight_spec *specs, int32_t n, weights *w) {
    for (int32_t i = 0; i < n; i++) {
        weight_spec *s = &specs[i];
        dtype type;
        const safetensor *t = find(f, s, &type);
        if (!t) return f->e->code;
        if (s->kind == WEIGHT_MATRIX) s->type = type;
        if (s->kind == WEIGHT_CONV && type != DTYPE_BF16) s->type = DTYPE_F32;
        if (!naming_splits_halves(&f->naming)) s->heads = 0;
        s->copied |= s->heads > 0;
        bool decoder = s->slot == &w->tok_embeddings || s->slot == &w->norm || !strncmp(s->name, "layers.", 7);
        w->bytes += (int64_t)t->bytes;
        if (decoder && !strstr(s->name, "ada_rms_norm")) w->decoder_bytes += (int64_t)t->bytes;
    }
    return VOX_OK;
}

/* [out][in][3] -> [out][3][in] */
static void taps_first(const uint16_t *from, uint16_t *to, int32_t out, int32_t in) {
    for (int32_t o = 0; o < out; o++, from += 3 * in, to += 3 * in)
        for (int32_t c = 0; c < in; c++)
            for (int32_t k = 0; k < 3; k++) to[k * in + c] = from[3 * c + k];
}

/* The same, widened to f32 by way of `row`. */
static void widened_taps_first(dtype type, const uint8_t *from, float *to, float *row, int32_t out, int32_t in) {
    size_t bytes = dtype_row_bytes(type, 3 * in);
    for (int32_t o = 0; o < out; o++, from += bytes, to += 3 * in) {
        dequantize(type, row, from, 3 * in);
        for (int32_t c = 0; c < in; c++)
            for (int32_t k = 0; k < 3; k++) to[k * in + c] = row[3 * c + k];
    }
}

/* Rows of each head: first halves, then second halves -> pairs. */
static void interleave(const uint8_t *from, uint8_t *to, int32_t rows, int32_t heads, size_t row_bytes) {
    int32_t half = rows / heads / 2;
    for (int32_t r = 0; r < rows; r++) {
        int32_t head = r / (2 * half), i = r % (2 * half);
        memcpy(to + (size_t)r * row_bytes, from + (size_t)(head * 2 * half + i % 2 * half + i / 2) * row_bytes, row_bytes);
    }
}

/* scratch: room for the widest vector and conv row. */
static void read_tensor(const os_file *file, const weight_spec *s, const safetensor *t, dtype type, float *scratch) {
    uint8_t *to = s->copied ? tensor_host(s->slot) : NULL;
    switch (s->kind) {
    case WEIGHT_MATRIX:
        if (s->heads) interleave(t->data, to, s->rows, s->heads, dtype_row_bytes(type, s->cols));
        else {
            s->slot->data = file->handle;
            s->slot->offset = (size_t)(t->data - file->bytes);
        }
        break;
    case WEIGHT_CONV:
        if (type == DTYPE_BF16) taps_first((const uint16_t *)(const void *)t->data, (uint16_t *)(void *)to, s->rows, s->cols / 3);
        else widened_taps_first(type, t->data, (float *)(void *)to, scratch, s->rows, s->cols / 3);
        break;
    default:
        dequantize(type, s->heads ? scratch : (float *)(void *)to, t->data, s->cols);
        if (s->heads) interleave((const uint8_t *)scratch, to, s->cols, s->heads, sizeof(float));
    }
}

static int32_t read_tensors(const source *f, const weight_spec *specs, int32_t n) {
    int32_t widest = 0, status = VOX_OK;
    for (int32_t i = 0; i < n; i++)
        if (specs[i].kind != WEIGHT_MATRIX && specs[i].cols > widest) widest = specs[i].cols;
    float *scratch = malloc((size_t)widest * sizeof *scratch);
    if (!scratch) status = vox_fail(f->e, VOX_E_MEMORY, "%s: out of memory for a row", f->from->path);
    for (int32_t i = 0; !status && i < n; i++) {
        dtype type;
        const safetensor *t = find(f, &specs[i], &type);
        if (t) read_tensor(&f->from->file, &specs[i], t, type, scratch);
        else status = f->e->code;
    }
    free(scratch);
    return status;
}

int32_t weights_bind(container *from, const char *sizes, const vox_config *c, weights *out, vox_error *e) {
    weight_spec *specs;
    int32_t n;
    source f = { .from = from, .sizes = sizes, .e = e };
    int32_t status = weights_layout(c, out, &specs, &n, e);
    if (status) return status;
    naming_detect(container_index(from), &f.naming);
    status = take_types(&f, specs, n, out);
    if (!status) status = weights_allocate(out, specs, n, e);
    if (!status) status = read_tensors(&f, specs, n);
    free(specs);
    if (status) {
        weights_close(out);
        return status;
    }
    out->storage->file = from->file;
    from->file = (os_file){ 0 };
    return VOX_OK;
}

int32_t weights_open(const char *path, const vox_config *c, weights *out, vox_error *e) {
    container from;
    *out = (weights){ 0 };
    int32_t status = container_open(path, &from, e);
    if (!status) status = weights_bind(&from, "params.json", c, out, e);
    container_close(&from);
    return status;
}
