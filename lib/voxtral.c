/* Library, models and loading: the part of voxtral.h that is not a stream. */
#include "voxtral.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "os.h"

int32_t vox_abi_version(void) { return VOX_ABI_VERSION; }

const char *vox_version(void) { return VOX_VERSION; }

/* ---- loading on a thread ---- */

struct vox_loader {
    pthread_mutex_t lock;
    pthread_t thread;
    char *path, *backend, *isa;
    int32_t threads;
    vox_bell_t *bell;
    double fraction;
    bool cancelled, done;
    vox_ctx_t *ctx;
    vox_error error;
};

static int32_t report_progress(void *user, double fraction) {
    vox_loader_t *l = user;
    pthread_mutex_lock(&l->lock);
    bool step = fraction - l->fraction >= 0.01;
    if (step) l->fraction = fraction;
    int32_t stop = l->cancelled;
    pthread_mutex_unlock(&l->lock);
    if (step) bell_notify(l->bell);
    return stop;
}

static void *loader_main(void *argument) {
    vox_loader_t *l = argument;
    model_options options = { .path = l->path, .backend = l->backend, .isa = l->isa, .threads = l->threads,
                              .progress = report_progress, .user = l };
    model *m = NULL;
    vox_ctx_t *ctx = NULL;
    vox_error e = { 0 };
    if (model_load(&options, &m, &e) == VOX_OK) engine_start(m, &ctx, &e);
    pthread_mutex_lock(&l->lock);
    l->ctx = ctx;
    l->error = e;
    l->fraction = 1;
    l->done = true;
    pthread_mutex_unlock(&l->lock);
    bell_notify(l->bell);
    return NULL;
}

static void loader_release(vox_loader_t *l) {
    bell_release(l->bell);
    free(l->path);
    free(l->backend);
    free(l->isa);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

int32_t vox_load_start(const char *model, const char *backend, const char *isa, int32_t threads, vox_bell_t *bell,
                       vox_loader_t **out) {
    if (!model || !backend || !isa || threads < 0 || threads > 1024 || !out) return VOX_E_ARGUMENT;
    *out = NULL;
    vox_loader_t *l = calloc(1, sizeof *l);
    if (!l) return VOX_E_MEMORY;
    pthread_mutex_init(&l->lock, NULL);
    l->path = strdup(model);
    l->backend = strdup(backend);
    l->isa = strdup(isa);
    l->threads = threads;
    l->bell = bell_retain(bell);
    if (l->path && l->backend && l->isa && pthread_create(&l->thread, NULL, loader_main, l) == 0) {
        *out = l;
        return VOX_OK;
    }
    loader_release(l);
    return VOX_E_MEMORY;
}

int32_t vox_load_poll(vox_loader_t *l, double *fraction) {
    if (!l) return VOX_E_ARGUMENT;
    pthread_mutex_lock(&l->lock);
    if (fraction) *fraction = l->fraction;
    int32_t status = !l->done ? 0 : l->error.code ? l->error.code : 1;
    pthread_mutex_unlock(&l->lock);
    return status;
}

vox_ctx_t *vox_load_take(vox_loader_t *l) {
    if (!l) return NULL;
    pthread_mutex_lock(&l->lock);
    vox_ctx_t *ctx = l->ctx;
    l->ctx = NULL;
    pthread_mutex_unlock(&l->lock);
    return ctx;
}

const char *vox_load_error(vox_loader_t *l) { return l && vox_load_poll(l, NULL) < 0 ? l->error.text : ""; }

void vox_load_free(vox_loader_t *l) {
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    l->cancelled = true;
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    vox_free(l->ctx);
    loader_release(l);
}

/* ---- models ---- */

vox_ctx_t *vox_load(const char *path) {
    vox_error e = { 0 };
    vox_ctx_t *ctx = NULL;
    model *m = NULL;
    if (!path) vox_fail(&e, VOX_E_ARGUMENT, "vox_load needs the path of a model folder");
    model_options options = { .path = path, .backend = "auto", .isa = "auto" };
    if (!e.code && model_load(&options, &m, &e) == VOX_OK) engine_start(m, &ctx, &e);
    if (e.code) fprintf(stderr, "voxtral: %s\n", e.text);
    return ctx;
}

void vox_close(vox_ctx_t *ctx) {
    if (!ctx) return;
    pthread_mutex_lock(&ctx->lock);
    ctx->closing = true;
    pthread_cond_signal(&ctx->wake);
    pthread_mutex_unlock(&ctx->lock);
}

int32_t vox_is_closed(vox_ctx_t *ctx) {
    if (!ctx) return VOX_E_ARGUMENT;
    pthread_mutex_lock(&ctx->lock);
    int32_t closed = ctx->closed;
    pthread_mutex_unlock(&ctx->lock);
    return closed;
}

void vox_free(vox_ctx_t *ctx) {
    if (!ctx) return;
    vox_close(ctx);
    pthread_join(ctx->thread, NULL);
    model_unload(ctx->model);
    engine_release(ctx);
}

void vox_set_delay(vox_ctx_t *ctx, int32_t delay_ms) {
    int32_t delay = delay_index(delay_ms);
    if (!ctx) return;
    if (delay < 0) {
        fprintf(stderr, "voxtral: a delay of %d ms is not one the model knows: expected a multiple of 80 from 80 to 1200, or 2400\n", delay_ms);
        return;
    }
    pthread_mutex_lock(&ctx->lock);
    ctx->delay = delay;
    pthread_mutex_unlock(&ctx->lock);
}

const char *vox_token_bytes(vox_ctx_t *ctx, int32_t id, int32_t *size) {
    if (size) *size = 0;
    return ctx && size ? tokenizer_bytes(ctx->model->tokenizer, id, size) : NULL;
}
