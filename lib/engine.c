#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "adapter.h"
#include "os.h"

/* The engine thread's own state. */
typedef struct engine {
    vox_ctx_t *ctx;
    session_host host;
    adapter *adapter;
    vox_stream_t **streams; /* owned references */
    int32_t n_streams, capacity;
    uint32_t turn; /* who comes first in the next pass */
    vox_error failed; /* the engine cannot run: every stream is told */
} engine;

static vox_stream_t *in_turn(const engine *g, int32_t i) {
    return g->streams[(g->turn + (uint32_t)i) % (uint32_t)g->n_streams];
}

/* ---- one encoder pass ---- */

/* Every stream that is due gets an equal share of the pass, at least one position. */
static bool encode_pass(engine *g) {
    const int32_t mel_frames = g->host.model->config.downsample;
    encoder_chunk chunks[ENGINE_ENCODE_POSITIONS];
    vox_stream_t *who[ENGINE_ENCODE_POSITIONS];
    int32_t due[ENGINE_ENCODE_POSITIONS], n = 0, room = ENGINE_ENCODE_POSITIONS;
    for (int32_t i = 0; i < g->n_streams && n < ENGINE_ENCODE_POSITIONS; i++) {
        vox_stream_t *s = in_turn(g, i);
        due[n] = session_encode_due(s, &g->host);
        if (due[n] > 0) who[n++] = s;
    }
    if (!n) return false;
    for (int32_t i = 0; i < n; i++) {
        int32_t share = room / (n - i);
        if (due[i] > share) due[i] = share;
        room -= due[i];
        chunks[i] = (encoder_chunk){ .state = &who[i]->session.encoder, .mel = who[i]->session.frames, .frames = due[i] * mel_frames };
    }
    backend *b = g->host.model->backend;
    vox_error e = { 0 };
    b->ops->begin(b, 0);
    tensor embeds = adapter_forward(g->adapter, encoder_forward(g->host.encoder, chunks, n));
    for (int32_t i = 0, at = 0; i < n; at += due[i++]) session_store(who[i], tensor_rows(embeds, at, due[i]), &g->host);
    int32_t failed = b->ops->submit(b, &e);
    for (int32_t i = 0; i < n; i++) {
        if (failed) session_fail(who[i], &e, &g->host);
        else session_encoded(who[i], due[i], &g->host);
    }
    return true;
}

/* ---- one decoder pass ---- */

static void count_pass(vox_ctx_t *ctx, int64_t tokens) {
    pthread_mutex_lock(&ctx->lock);
    ctx->passes += tokens > 0;
    ctx->tokens += tokens;
    pthread_mutex_unlock(&ctx->lock);
}

static bool decode_pass(engine *g) {
    decoder_row rows[ENGINE_DECODE_ROWS];
    top_tokens top[ENGINE_DECODE_ROWS];
    vox_stream_t *who[ENGINE_DECODE_ROWS];
    int32_t count[ENGINE_DECODE_ROWS], n = 0, n_rows = 0;
    int32_t ready = 0;
    for (int32_t i = 0; i < g->n_streams; i++) ready += session_can_decode(g->streams[i]);
    int32_t share = ready < ENGINE_DECODE_ROWS ? ENGINE_DECODE_ROWS / (ready ? ready : 1) : 1;
    for (int32_t i = 0; i < g->n_streams && n_rows < ENGINE_DECODE_ROWS; i++) {
        vox_stream_t *s = in_turn(g, i);
        int32_t left = ENGINE_DECODE_ROWS - n_rows;
        count[n] = session_decode_rows(s, rows + n_rows, share < left ? share : left, n_rows, &g->host);
        n_rows += count[n];
        if (count[n] > 0) who[n++] = s;
    }
    if (!n) return false;
    backend *b = g->host.model->backend;
    vox_error e = { 0 };
    double start = os_seconds();
    b->ops->begin(b, 0);
    decoder_forward(g->host.decoder, rows, n_rows, top);
    int32_t failed = b->ops->submit(b, &e), row = 0;
    top_tokens *next = top;
    int64_t tokens = 0;
    pass_cost_measured(&g->host.cost, n_rows, os_seconds() - start);
    for (int32_t i = 0; i < n; i++) {
        if (failed) session_fail(who[i], &e, &g->host);
        else tokens += session_decoded(who[i], rows + row, count[i], next, &g->host);
        for (int32_t end = row + count[i]; row < end; row++) next += rows[row].wants_logits;
    }
    count_pass(g->ctx, tokens);
    return true;
}

/* ---- the thread ---- */

static void meet_streams(engine *g) {
    vox_ctx_t *ctx = g->ctx;
    pthread_mutex_lock(&ctx->lock);
    int32_t want = g->n_streams + ctx->n_incoming;
    if (want > g->capacity) {
        vox_stream_t **grown = realloc(g->streams, sizeof *grown * (size_t)want * 2);
        if (grown) {
            g->streams = grown;
            g->capacity = want * 2;
        }
    }
    while (ctx->n_incoming && g->n_streams < g->capacity) g->streams[g->n_streams++] = ctx->incoming[--ctx->n_incoming];
    pthread_mutex_unlock(&ctx->lock);
}

/* Lets go of streams that are over. */
static void forget_streams(engine *g) {
    int32_t kept = 0;
    for (int32_t i = 0; i < g->n_streams; i++) {
        if (g->streams[i]->session.over) {
            session_settle(g->streams[i], &g->host);
            stream_release(g->streams[i]);
        } else g->streams[kept++] = g->streams[i];
    }
    g->n_streams = kept;
}

static bool run_round(engine *g) {
    bool moved = false;
    meet_streams(g);
    for (int32_t i = 0; i < g->n_streams; i++) {
        if (g->failed.code) session_fail(g->streams[i], &g->failed, &g->host);
        else moved |= session_intake(g->streams[i], &g->host);
    }
    forget_streams(g);
    if (!g->n_streams) return moved;
    moved |= encode_pass(g);
    moved |= decode_pass(g);
    g->turn++;
    forget_streams(g);
    for (int32_t i = 0; i < g->n_streams; i++) session_settle(g->streams[i], &g->host);
    return moved;
}

/* Waits for news; false when the engine should stop. */
static bool wait_for_news(vox_ctx_t *ctx, bool sleep) {
    pthread_mutex_lock(&ctx->lock);
    while (sleep && !ctx->news && !ctx->closing) pthread_cond_wait(&ctx->wake, &ctx->lock);
    ctx->news = false;
    bool go_on = !ctx->closing;
    pthread_mutex_unlock(&ctx->lock);
    return go_on;
}

static void engine_open(engine *g) {
    session_host *host = &g->host;
    vox_error *e = &g->failed;
    host->model = g->ctx->model;
    draft_init(&host->draft);
    host->samples = malloc(sizeof(float) * SESSION_SCRATCH);
    int32_t positions = ENGINE_ENCODE_POSITIONS;
    if (!host->samples) vox_fail(e, VOX_E_MEMORY, "out of memory for the engine");
    else if (encoder_new(host->model, positions * host->model->config.downsample, &host->encoder, e) ||
             adapter_new(host->model, positions, &g->adapter, e) ||
             decoder_new(host->model, ENGINE_DECODE_ROWS, &host->decoder, e)) {}
    else {
        pthread_mutex_lock(&g->ctx->lock);
        g->ctx->stream_bytes = session_bytes(host);
        pthread_mutex_unlock(&g->ctx->lock);
    }
}

static void engine_shut(engine *g) {
    meet_streams(g);
    for (int32_t i = 0; i < g->n_streams; i++) session_close(g->streams[i], &g->host);
    forget_streams(g);
    free(g->streams);
    encoder_free(g->host.encoder);
    adapter_free(g->adapter);
    decoder_free(g->host.decoder);
    free(g->host.samples);
}

static void *engine_main(void *argument) {
    engine g = { .ctx = argument };
    vox_ctx_t *ctx = g.ctx;
    engine_open(&g);
    bool moved = true;
    while (wait_for_news(ctx, !moved)) moved = run_round(&g);
    engine_shut(&g);
    pthread_mutex_lock(&ctx->lock);
    ctx->closed = true;
    pthread_mutex_unlock(&ctx->lock);
    return NULL;
}

/* ---- the callers' side ---- */

int32_t engine_start(model *m, vox_ctx_t **out, vox_error *e) {
    vox_ctx_t *ctx = *out = calloc(1, sizeof *ctx);
    if (!ctx) {
        model_free(m);
        return vox_fail(e, VOX_E_MEMORY, "out of memory for the engine");
    }
    ctx->model = m;
    ctx->references = 1;
    ctx->delay = delay_index(VOX_DEFAULT_DELAY_MS);
    pthread_mutex_init(&ctx->lock, NULL);
    pthread_cond_init(&ctx->wake, NULL);
    ctx->running = pthread_create(&ctx->thread, NULL, engine_main, ctx) == 0;
    if (ctx->running) return VOX_OK;
    engine_release(ctx);
    *out = NULL;
    return vox_fail(e, VOX_E_MEMORY, "cannot start the engine's thread");
}

int32_t engine_add(vox_ctx_t *ctx, vox_stream_t *s) {
    int32_t status = VOX_OK;
    pthread_mutex_lock(&ctx->lock);
    if (ctx->closing) status = VOX_E_STATE;
    else if (ctx->n_incoming == ctx->incoming_capacity) {
        int32_t capacity = ctx->incoming_capacity * 2 + 8;
        vox_stream_t **grown = realloc(ctx->incoming, sizeof *grown * (size_t)capacity);
        if (grown) {
            ctx->incoming = grown;
            ctx->incoming_capacity = capacity;
        } else status = VOX_E_MEMORY;
    }
    if (status == VOX_OK) {
        ctx->incoming[ctx->n_incoming++] = s;
        ctx->references++;
        ctx->n_streams++;
        ctx->news = true;
        pthread_cond_signal(&ctx->wake);
    }
    pthread_mutex_unlock(&ctx->lock);
    return status;
}

void engine_wake(vox_ctx_t *ctx) {
    pthread_mutex_lock(&ctx->lock);
    ctx->news = true;
    pthread_cond_signal(&ctx->wake);
    pthread_mutex_unlock(&ctx->lock);
}

void engine_release(vox_ctx_t *ctx) {
    pthread_mutex_lock(&ctx->lock);
    int32_t left = --ctx->references;
    pthread_mutex_unlock(&ctx->lock);
    if (left) return;
    model_free(ctx->model);
    pthread_mutex_destroy(&ctx->lock);
    pthread_cond_destroy(&ctx->wake);
    free(ctx->incoming);
    free(ctx);
}
