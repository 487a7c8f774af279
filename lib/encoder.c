/*
 * mel [2F, n_mels] -> conv0 k3 s1 -> conv1 k3 s2 -> x [F, dim]
 *   per layer: x += wo(attention(rope(wq h), rope(wk h), wv h)),  h = rms_norm(x)
 *              x += w2(silu(w1 h) * w3 h),                        h = rms_norm(x)
 * -> rms_norm -> [F, dim]
 * Causal throughout, so a chunk needs only the two mel frames, the conv frame and
 * the keys and values before it.
 */
#include "encoder.h"

#include <stdlib.h>

struct encoder {
    const model *model;
    int32_t max_frames;
    tensor mel;    /* [2 + 2 max, n_mels] */
    tensor conv;   /* [1 + 2 max, dim] */
    tensor x, h;   /* [max, dim] */
    tensor q, a;   /* [max, n_heads * head_dim] */
    tensor k, v;   /* [max, n_kv_heads * head_dim] */
    tensor f;      /* [max, hidden_dim] */
    kv_cache **row_cache; /* [max] */
    int64_t *row_position;
};

static int32_t alloc(encoder *enc, int32_t rows, int32_t cols, tensor *out, vox_error *e) {
    backend *b = enc->model->backend;
    return b->ops->alloc(b, DTYPE_F32, rows, cols, out, e);
}

int32_t encoder_new(const model *m, int32_t max_frames, encoder **out, vox_error *e) {
    const transformer_config *c = &m->config.encoder;
    encoder *enc = *out = calloc(1, sizeof *enc);
    if (!enc) return vox_fail(e, VOX_E_MEMORY, "out of memory for the encoder");
    enc->model = m;
    enc->max_frames = max_frames;
    enc->row_cache = malloc(sizeof *enc->row_cache * (size_t)max_frames);
    enc->row_position = malloc(sizeof *enc->row_position * (size_t)max_frames);
    int32_t heads = c->n_heads * c->head_dim, kv_heads = c->n_kv_heads * c->head_dim;
    if (!enc->row_cache || !enc->row_position) vox_fail(e, VOX_E_MEMORY, "out of memory for the encoder");
    else if (alloc(enc, 2 + 2 * max_frames, m->config.n_mels, &enc->mel, e) ||
             alloc(enc, 1 + 2 * max_frames, c->dim, &enc->conv, e) ||
             alloc(enc, max_frames, c->dim, &enc->x, e) || alloc(enc, max_frames, c->dim, &enc->h, e) ||
             alloc(enc, max_frames, heads, &enc->q, e) || alloc(enc, max_frames, heads, &enc->a, e) ||
             alloc(enc, max_frames, kv_heads, &enc->k, e) || alloc(enc, max_frames, kv_heads, &enc->v, e) ||
             alloc(enc, max_frames, c->hidden_dim, &enc->f, e)) {}
    return e->code;
}

void encoder_free(encoder *enc) {
    if (!enc) return;
    backend *b = enc->model->backend;
    tensor *all[] = { &enc->mel, &enc->conv, &enc->x, &enc->h, &enc->q, &enc->a, &enc->k, &enc->v, &enc->f };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) b->ops->release(b, all[i]);
    free(enc->row_cache);
    free(enc->row_position);
    free(enc);
}

int32_t encoder_state_init(const encoder *enc, encoder_state *s, vox_error *e) {
    const vox_config *c = &enc->model->config;
    backend *b = enc->model->backend;
    *s = (encoder_state){ 0 };
    if (b->ops->kv_new(b, &c->encoder, DTYPE_F32, enc->max_frames, &s->kv, e) ||
        b->ops->alloc(b, DTYPE_F32, 2, c->n_mels, &s->mel_tail, e) ||
        b->ops->alloc(b, DTYPE_F32, 1, c->encoder.dim, &s->conv_tail, e)) {
        encoder_state_free(enc, s);
        return e->code;
    }
    return VOX_OK;
}

void encoder_state_free(const encoder *enc, encoder_state *s) {
    backend *b = enc->model->backend;
    if (s->kv) b->ops->kv_free(b, s->kv);
    b->ops->release(b, &s->mel_tail);
    b->ops->release(b, &s->conv_tail);
    *s = (encoder_state){ 0 };
}

void encoder_state_reset(const encoder *enc, encoder_state *s) {
    backend *b = enc->model->backend;
    b->ops->zero(b, s->mel_tail);
    b->ops->zero(b, s->conv_tail);
    s->position = 0;
}

int64_t encoder_state_bytes(const encoder *enc) {
    const vox_config *c = &enc->model->config;
    backend *b = enc->model->backend;
    return b->ops->kv_bytes(b, &c->encoder, DTYPE_F32, enc->max_frames) + 4 * (2 * c->n_mels + c->encoder.dim);
}

/* mel [2F] -> x[first .. first + F] */
static void conv_stem(encoder *enc, const encoder_chunk *chunk, tensor x) {
    backend *b = enc->model->backend;
    const backend_ops *ops = b->ops;
    const weights *w = &enc->model->weights;
    encoder_state *s = chunk->state;
    int32_t n = 2 * chunk->frames;
    ops->copy(b, tensor_rows(enc->mel, 0, 2), s->mel_tail);
    ops->upload(b, tensor_rows(enc->mel, 2, n), chunk->mel);
    ops->copy(b, tensor_rows(enc->conv, 0, 1), s->conv_tail);
    ops->conv1d(b, tensor_rows(enc->conv, 1, n), tensor_rows(enc->mel, 0, 2 + n), w->conv0, w->conv0_bias, 1);
    ops->conv1d(b, x, tensor_rows(enc->conv, 0, 1 + n), w->conv1, w->conv1_bias, 2);
    ops->copy(b, s->mel_tail, tensor_rows(enc->mel, n, 2));
    ops->copy(b, s->conv_tail, tensor_rows(enc->conv, n, 1));
}

tensor encoder_forward(encoder *enc, const encoder_chunk *chunks, int32_t n_chunks) {
    const model *m = enc->model;
    const transformer_config *c = &m->config.encoder;
    backend *b = m->backend;
    const backend_ops *ops = b->ops;
    const tensor none = { 0 };
    batch rows = { .cache = enc->row_cache, .position = enc->row_position };
    for (int32_t i = 0; i < n_chunks; i++) {
        encoder_state *s = chunks[i].state;
        conv_stem(enc, &chunks[i], tensor_rows(enc->x, rows.n, chunks[i].frames));
        for (int32_t f = 0; f < chunks[i].frames; f++, rows.n++) {
            enc->row_cache[rows.n] = s->kv;
            enc->row_position[rows.n] = s->position++;
        }
    }
    int32_t n = rows.n;
    tensor x = tensor_rows(enc->x, 0, n), h = tensor_rows(enc->h, 0, n), q = tensor_rows(enc->q, 0, n),
           a = tensor_rows(enc->a, 0, n), k = tensor_rows(enc->k, 0, n), v = tensor_rows(enc->v, 0, n),
           f = tensor_rows(enc->f, 0, n);
    for (int32_t l = 0; l < c->n_layers; l++) {
        const layer_weights *w = &m->weights.encoder[l];
        ops->rms_norm(b, h, x, w->attention_norm, c->norm_eps, none, &rows);
        ops->linear(b, q, h, w->wq, w->wq_bias, none);
        ops->linear(b, k, h, w->wk, none, none);
        ops->linear(b, v, h, w->wv, w->wv_bias, none);
        ops->rope_kv(b, q, k, v, &rows, c, l);
        ops->attention(b, a, q, &rows, c, l);
        ops->linear(b, x, a, w->wo, w->wo_bias, x);
        ops->rms_norm(b, h, x, w->ffn_norm, c->norm_eps, none, &rows);
        ops->linear_swiglu(b, f, h, w->w1, w->w3);
        ops->linear(b, x, f, w->w2, w->w2_bias, x);
    }
    ops->rms_norm(b, h, x, m->weights.encoder_norm, c->norm_eps, none, &rows);
    return h;
}
