/* Timing of the model's passes: vox_bench_decode, _prefill and _encode. They run
 * on the caller's thread with workspaces of their own. */
#include <stdlib.h>
#include <string.h>

#include "adapter.h"
#include "decoder.h"
#include "encoder.h"
#include "engine.h"
#include "os.h"

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median of n runs of pass(user), in ms, after one that does not count. */
static int32_t median_ms(int32_t n, int32_t (*pass)(void *user, vox_error *e), void *user, double *ms, vox_error *e) {
    double *times = malloc(sizeof *times * (size_t)n);
    if (!times) return vox_fail(e, VOX_E_MEMORY, "out of memory for timings");
    for (int32_t i = -1; i < n && !e->code; i++) {
        double start = os_seconds();
        pass(user, e);
        if (i >= 0) times[i] = (os_seconds() - start) * 1e3;
    }
    qsort(times, (size_t)n, sizeof *times, compare);
    *ms = times[n / 2];
    free(times);
    return e->code;
}

/* ---- decoder ---- */

typedef struct decode_bench {
    const model *model;
    decoder *decoder;
    kv_cache *kv[ENGINE_DECODE_ROWS];
    decoder_row rows[ENGINE_DECODE_ROWS];
    top_tokens top[ENGINE_DECODE_ROWS];
    int32_t n_rows;
    tensor audio;
} decode_bench;

static int32_t decode_once(void *user, vox_error *e) {
    decode_bench *d = user;
    backend *b = d->model->backend;
    b->ops->begin(b, 0);
    decoder_forward(d->decoder, d->rows, d->n_rows, d->top);
    return b->ops->submit(b, e);
}

/* Writes keys and values at positions 0 .. context - 1, so that attention reads
 * memory that is really there. */
static int32_t fill_cache(decode_bench *d, kv_cache *kv, int32_t context, vox_error *e) {
    backend *b = d->model->backend;
    const transformer_config *c = &d->model->config.decoder;
    tensor q = { 0 }, k = { 0 }, v = { 0 };
    kv_cache *caches[ENGINE_DECODE_ROWS];
    int64_t positions[ENGINE_DECODE_ROWS];
    if (b->ops->alloc(b, DTYPE_F32, ENGINE_DECODE_ROWS, c->n_heads * c->head_dim, &q, e) == VOX_OK &&
        b->ops->alloc(b, DTYPE_F32, ENGINE_DECODE_ROWS, c->n_kv_heads * c->head_dim, &k, e) == VOX_OK &&
        b->ops->alloc(b, DTYPE_F32, ENGINE_DECODE_ROWS, c->n_kv_heads * c->head_dim, &v, e) == VOX_OK) {
        for (int32_t at = 0; at < context && !e->code; at += ENGINE_DECODE_ROWS) {
            batch rows = { .n = context - at < ENGINE_DECODE_ROWS ? context - at : ENGINE_DECODE_ROWS, .cache = caches, .position = positions };
            for (int32_t r = 0; r < rows.n; r++) caches[r] = kv, positions[r] = at + r;
            b->ops->begin(b, 0);
            b->ops->zero(b, q);
            b->ops->zero(b, k);
            b->ops->zero(b, v);
            for (int32_t l = 0; l < c->n_layers; l++)
                b->ops->rope_kv(b, tensor_rows(q, 0, rows.n), tensor_rows(k, 0, rows.n), tensor_rows(v, 0, rows.n), &rows, c, l);
            b->ops->submit(b, e);
        }
    }
    b->ops->release(b, &q);
    b->ops->release(b, &k);
    b->ops->release(b, &v);
    return e->code;
}

static int32_t bench_rows(vox_ctx_t *ctx, int32_t n_rows, int32_t n_streams, int32_t context, int32_t repeats, double *ms) {
    if (!ctx || !ms || repeats < 1 || repeats > 1000000 || n_rows < 1 || n_rows > ENGINE_DECODE_ROWS) return VOX_E_ARGUMENT;
    if (context < 0 || context + n_rows > ctx->model->config.max_positions) return VOX_E_ARGUMENT;
    vox_error e = { 0 };
    decode_bench d = { .model = ctx->model, .n_rows = n_rows };
    backend *b = ctx->model->backend;
    int32_t per_stream = n_rows / n_streams;
    if (decoder_new(d.model, ENGINE_DECODE_ROWS, &d.decoder, &e) ||
        b->ops->alloc(b, DTYPE_F32, 1, d.model->config.decoder.dim, &d.audio, &e)) goto end;
    b->ops->begin(b, 0);
    b->ops->zero(b, d.audio);
    b->ops->submit(b, &e);
    for (int32_t s = 0; s < n_streams; s++)
        if (decoder_kv_new(d.decoder, &d.kv[s], &e) || fill_cache(&d, d.kv[s], context, &e)) goto end;
    for (int32_t r = 0; r < n_rows; r++)
        d.rows[r] = (decoder_row){ .kv = d.kv[r / per_stream], .position = context + r % per_stream, .token = TOKEN_PAD,
                                   .delay = ctx->delay, .audio = d.audio, .wants_logits = n_streams > 1 || r == n_rows - 1 };
    median_ms(repeats, decode_once, &d, ms, &e);
end:
    for (int32_t s = 0; s < n_streams; s++) decoder_kv_free(d.decoder, d.kv[s]);
    b->ops->release(b, &d.audio);
    decoder_free(d.decoder);
    return e.code;
}

int32_t vox_bench_decode(vox_ctx_t *ctx, int32_t rows, int32_t context, int32_t repeats, double *ms) {
    return bench_rows(ctx, rows, rows, context, repeats, ms);
}

int32_t vox_bench_prefill(vox_ctx_t *ctx, int32_t repeats, double *ms) {
    if (!ctx) return VOX_E_ARGUMENT;
    return bench_rows(ctx, 1 + LEFT_PAD_FRAMES + delay_frames(ctx->delay), 1, 0, repeats, ms);
}

/* ---- encoder ---- */

typedef struct encode_bench {
    const model *model;
    encoder *encoder;
    adapter *adapter;
    encoder_state state;
    encoder_chunk chunk;
} encode_bench;

static int32_t encode_once(void *user, vox_error *e) {
    encode_bench *n = user;
    backend *b = n->model->backend;
    b->ops->begin(b, 0);
    adapter_forward(n->adapter, encoder_forward(n->encoder, &n->chunk, 1));
    return b->ops->submit(b, e);
}

int32_t vox_bench_encode(vox_ctx_t *ctx, double seconds, int32_t repeats, double *ms) {
    if (!ctx || !ms || repeats < 1 || repeats > 1000000 || !(seconds > 0) || seconds > 60) return VOX_E_ARGUMENT;
    vox_error e = { 0 };
    encode_bench n = { .model = ctx->model };
    const vox_config *c = &n.model->config;
    int32_t positions = (int32_t)(seconds * c->sample_rate / c->frame_samples);
    if (positions < 1) positions = 1;
    int32_t frames = positions * c->downsample;
    float *mel = calloc((size_t)frames * 2 * (size_t)c->n_mels, sizeof *mel);
    if (!mel) vox_fail(&e, VOX_E_MEMORY, "out of memory for mel frames");
    else if (encoder_new(n.model, frames, &n.encoder, &e) == VOX_OK && adapter_new(n.model, positions, &n.adapter, &e) == VOX_OK &&
             encoder_state_init(n.encoder, &n.state, &e) == VOX_OK) {
        n.chunk = (encoder_chunk){ .state = &n.state, .mel = mel, .frames = frames };
        median_ms(repeats, encode_once, &n, ms, &e);
    }
    if (n.encoder) encoder_state_free(n.encoder, &n.state);
    adapter_free(n.adapter);
    encoder_free(n.encoder);
    free(mel);
    return e.code;
}
