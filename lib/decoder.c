/*
 * x = tok_embeddings[token] + audio                                   [n, dim]
 *   per layer: x += wo(attention(rope(wq h), rope(wk h), wv h)),  h = rms_norm(x)
 *              x += w2(silu(w1 h) * w3 h),  h = rms_norm(x) * (1 + ada[layer][delay])
 * logits = rms_norm(x) tok_embeddings^T, for the rows that want them   [m, vocab]
 */
#include "decoder.h"

#include <stdlib.h>

struct decoder {
    const model *model;
    int32_t max_rows;
    tensor x, h;   /* [max, dim] */
    tensor q, a;   /* [max, n_heads * head_dim] */
    tensor k, v;   /* [max, n_kv_heads * head_dim] */
    tensor f;      /* [max, hidden_dim] */
    tensor logits; /* [max, vocab] */
    kv_cache **row_cache; /* [max] each */
    int64_t *row_position;
    int32_t *row_delay, *row_token;
    tensor *row_audio;
};

static int32_t alloc(decoder *d, int32_t cols, tensor *out, vox_error *e) {
    backend *b = d->model->backend;
    return b->ops->alloc(b, DTYPE_F32, d->max_rows, cols, out, e);
}

int32_t decoder_new(const model *m, int32_t max_rows, decoder **out, vox_error *e) {
    const transformer_config *c = &m->config.decoder;
    size_t n = (size_t)max_rows;
    decoder *d = *out = calloc(1, sizeof *d);
    if (!d) return vox_fail(e, VOX_E_MEMORY, "out of memory for the decoder");
    d->model = m;
    d->max_rows = max_rows;
    d->row_cache = malloc(n * sizeof *d->row_cache);
    d->row_position = malloc(n * sizeof *d->row_position);
    d->row_delay = malloc(n * sizeof *d->row_delay);
    d->row_token = malloc(n * sizeof *d->row_token);
    d->row_audio = malloc(n * sizeof *d->row_audio);
    int32_t heads = c->n_heads * c->head_dim, kv_heads = c->n_kv_heads * c->head_dim;
    if (!d->row_cache || !d->row_position || !d->row_delay || !d->row_token || !d->row_audio)
        vox_fail(e, VOX_E_MEMORY, "out of memory for the decoder");
    else if (alloc(d, c->dim, &d->x, e) || alloc(d, c->dim, &d->h, e) || alloc(d, heads, &d->q, e) ||
             alloc(d, heads, &d->a, e) || alloc(d, kv_heads, &d->k, e) || alloc(d, kv_heads, &d->v, e) ||
             alloc(d, c->hidden_dim, &d->f, e) || alloc(d, m->config.vocab_size, &d->logits, e)) {}
    return e->code;
}

void decoder_free(decoder *d) {
    if (!d) return;
    backend *b = d->model->backend;
    tensor *all[] = { &d->x, &d->h, &d->q, &d->a, &d->k, &d->v, &d->f, &d->logits };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) b->ops->release(b, all[i]);
    free(d->row_cache);
    free(d->row_position);
    free(d->row_delay);
    free(d->row_token);
    free(d->row_audio);
    free(d);
}

/* F16 keys and values: exact in practice for this decoder, half the reads. */
int32_t decoder_kv_new(const decoder *d, kv_cache **out, vox_error *e) {
    backend *b = d->model->backend;
    return b->ops->kv_new(b, &d->model->config.decoder, DTYPE_F16, d->max_rows, out, e);
}

void decoder_kv_free(const decoder *d, kv_cache *kv) {
    if (kv) d->model->backend->ops->kv_free(d->model->backend, kv);
}

int64_t decoder_kv_bytes(const decoder *d) {
    backend *b = d->model->backend;
    return b->ops->kv_bytes(b, &d->model->config.decoder, DTYPE_F16, d->max_rows);
}

int32_t decoder_forward(decoder *d, const decoder_row *in, int32_t n, top_tokens *out) {
    const model *m = d->model;
    const transformer_config *c = &m->config.decoder;
    backend *b = m->backend;
    const backend_ops *ops = b->ops;
    const tensor none = { 0 };
    batch rows = { .n = n, .cache = d->row_cache, .position = d->row_position, .condition = d->row_delay };
    for (int32_t r = 0; r < n; r++) {
        d->row_cache[r] = in[r].kv;
        d->row_position[r] = in[r].position;
        d->row_delay[r] = in[r].delay;
        d->row_token[r] = in[r].token;
        d->row_audio[r] = in[r].audio;
    }
    tensor x = tensor_rows(d->x, 0, n), h = tensor_rows(d->h, 0, n), q = tensor_rows(d->q, 0, n),
           a = tensor_rows(d->a, 0, n), k = tensor_rows(d->k, 0, n), v = tensor_rows(d->v, 0, n),
           f = tensor_rows(d->f, 0, n);
    ops->embed(b, x, m->weights.tok_embeddings, d->row_token, d->row_audio);
    for (int32_t l = 0; l < c->n_layers; l++) {
        const layer_weights *w = &m->weights.decoder[l];
        ops->rms_norm(b, h, x, w->attention_norm, c->norm_eps, none, &rows);
        ops->linear(b, q, h, w->wq, none, none);
        ops->linear(b, k, h, w->wk, none, none);
        ops->linear(b, v, h, w->wv, none, none);
        ops->rope_kv(b, q, k, v, &rows, c, l);
        ops->attention(b, a, q, &rows, c, l);
        ops->linear(b, x, a, w->wo, none, x);
        ops->rms_norm(b, h, x, w->ffn_norm, c->norm_eps, m->ada[l], &rows);
        ops->linear_swiglu(b, f, h, w->w1, w->w3);
        ops->linear(b, x, f, w->w2, none, x);
    }
    int32_t wanted = 0; /* rows that want logits move to the front of h */
    for (int32_t r = 0; r < n; r++)
        if (in[r].wants_logits) ops->copy(b, tensor_rows(h, wanted++, 1), tensor_rows(x, r, 1));
    if (!wanted) return 0;
    tensor last = tensor_rows(d->x, 0, wanted), logits = tensor_rows(d->logits, 0, wanted);
    ops->rms_norm(b, last, tensor_rows(h, 0, wanted), m->weights.norm, c->norm_eps, none, &rows);
    ops->linear(b, logits, last, m->weights.tok_embeddings, none, none);
    ops->top_k(b, out, logits);
    return wanted;
}
