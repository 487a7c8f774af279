/* The blocking way to use a stream, for C programs without an event loop: feed,
 * finish and get, and whole recordings on top of them. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "os.h"
#include "stream.h"
#include "wav.h"

/* Text tokens computed and not yet fetched: the best and its alternatives, -1 for
 * none. Bounded by what the caller feeds without fetching. */
typedef struct call_token {
    int32_t id[VOX_MAX_ALT];
} call_token;

struct call_queue {
    call_token *tokens;
    int32_t first, n, capacity;
    uint64_t events[16 * 1024 / sizeof(uint64_t)]; /* records just read */
};

void call_queue_free(struct call_queue *q) {
    if (!q) return;
    free(q->tokens);
    free(q);
}

static bool queue_token(struct call_queue *q, call_token token) {
    if (q->first + q->n == q->capacity) {
        if (q->first) memmove(q->tokens, q->tokens + q->first, sizeof token * (size_t)q->n);
        q->first = 0;
        if (q->n * 2 >= q->capacity) {
            int32_t capacity = q->capacity * 2 + 256;
            call_token *grown = realloc(q->tokens, sizeof token * (size_t)capacity);
            if (!grown) return false;
            q->tokens = grown;
            q->capacity = capacity;
        }
    }
    q->tokens[q->first + q->n++] = token;
    return true;
}

/* Keeps the text tokens among n bytes of records. */
static bool queue_events(struct call_queue *q, int32_t n) {
    const uint8_t *at = (const uint8_t *)q->events, *end = at + n;
    while (at < end) {
        const vox_event_t *event = (const vox_event_t *)at;
        if (event->type == VOX_EVENT_TOKEN && event->id >= TOKEN_FIRST_TEXT) {
            call_token token = { { event->id, -1, -1, -1 } };
            const uint8_t *next = at + sizeof *event + ((event->text_size + 7u) & ~7u);
            for (uint32_t i = 1, kept = 1; i <= event->alternatives; i++) {
                const vox_alternative_t *a = (const vox_alternative_t *)next;
                if (a->id >= TOKEN_FIRST_TEXT) token.id[kept++] = a->id;
                next += sizeof *a + ((a->text_size + 7u) & ~7u);
            }
            if (!queue_token(q, token)) return false;
        }
        at += event->size;
    }
    return true;
}

static int32_t begin_blocking(vox_stream_t *s) {
    if (!s) return VOX_E_ARGUMENT;
    if (!s->calls) s->calls = calloc(1, sizeof *s->calls);
    if (!s->calls) return VOX_E_MEMORY;
    s->blocking = true;
    return VOX_OK;
}

static int32_t fetch(vox_stream_t *s) {
    int32_t n;
    while ((n = stream_read_events(s, s->calls->events, sizeof s->calls->events)) > 0)
        if (!queue_events(s->calls, n)) return VOX_E_MEMORY;
    return VOX_OK;
}

/* Waits until the engine has moved; then fetches. Under lock on entry and exit. */
static int32_t wait_and_fetch(vox_stream_t *s) {
    pthread_cond_wait(&s->progress, &s->lock);
    pthread_mutex_unlock(&s->lock);
    int32_t status = fetch(s);
    pthread_mutex_lock(&s->lock);
    return status;
}

static bool is_finished(vox_stream_t *s) {
    pthread_mutex_lock(&s->lock);
    bool finished = s->finished;
    pthread_mutex_unlock(&s->lock);
    return finished;
}

/* The audio ring is full: waits until the engine has taken some. */
static int32_t wait_for_room(vox_stream_t *s) {
    int32_t status = VOX_OK;
    pthread_mutex_lock(&s->lock);
    while (!status && !s->finished && stream_audio_room(s) < 1024) status = wait_and_fetch(s);
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* Fetches until the engine has nothing left to do for the stream: fetching may
 * give it room for more events. */
static int32_t settle(vox_stream_t *s) {
    for (;;) {
        int32_t status = fetch(s);
        pthread_mutex_lock(&s->lock);
        bool settled = s->finished || s->seen >= s->changes, empty = s->events.read == s->events.written;
        if (!status && !settled) pthread_cond_wait(&s->progress, &s->lock);
        if (!status && settled && empty) status = s->error.code;
        pthread_mutex_unlock(&s->lock);
        if (status || (settled && empty)) return status;
    }
}

int32_t vox_stream_feed(vox_stream_t *s, const float *samples, int32_t n_samples) {
    int32_t status = begin_blocking(s);
    if (status) return status;
    if (n_samples < 0 || (n_samples && !samples)) return VOX_E_ARGUMENT;
    int32_t done = 0;
    pthread_mutex_lock(&s->lock);
    status = stream_check_open(s);
    if (!status) status = stream_start(s);
    while (!status && done < n_samples) {
        int32_t n = (int32_t)stream_put_audio(s, samples + done, n_samples - done);
        done += n;
        if (n) {
            s->changes++;
            pthread_mutex_unlock(&s->lock);
            engine_wake(s->ctx);
            pthread_mutex_lock(&s->lock);
        } else status = wait_and_fetch(s);
        if (s->finished) break; /* EOS: the rest is not heard */
    }
    pthread_mutex_unlock(&s->lock);
    return status ? status : settle(s);
}

int32_t vox_stream_finish(vox_stream_t *s) {
    int32_t status = begin_blocking(s);
    if (status) return status;
    while (!status && !is_finished(s) && (status = vox_stream_end(s)) > 0) status = wait_for_room(s);
    return status && !is_finished(s) ? status : settle(s);
}

int32_t vox_stream_flush(vox_stream_t *s) {
    if (!s) return VOX_E_ARGUMENT;
    int32_t status = stream_ask_flush(s);
    return status || !s->blocking ? status : settle(s);
}

int32_t vox_stream_get_alt(vox_stream_t *s, const char **out_tokens, int32_t max_tokens, int32_t n_alt) {
    int32_t status = begin_blocking(s);
    if (status) return status;
    if (!out_tokens || max_tokens < 0 || n_alt < 1) return VOX_E_ARGUMENT;
    if ((status = fetch(s))) return status;
    struct call_queue *q = s->calls;
    int32_t n = q->n < max_tokens ? q->n : max_tokens, size;
    for (int32_t i = 0; i < n; i++)
        for (int32_t a = 0; a < n_alt; a++) {
            int32_t id = a < VOX_MAX_ALT ? q->tokens[q->first + i].id[a] : -1;
            out_tokens[i * n_alt + a] = id < 0 ? NULL : tokenizer_bytes(s->ctx->model->tokenizer, id, &size);
        }
    q->first += n;
    q->n -= n;
    return n;
}

int32_t vox_stream_get(vox_stream_t *s, const char **out_tokens, int32_t max) {
    return vox_stream_get_alt(s, out_tokens, max, 1);
}

/* ---- whole recordings ---- */

typedef struct transcript {
    char *text;
    size_t size, capacity;
} transcript;

/* Adds the pieces that are ready; false when memory is short. */
static bool collect(vox_stream_t *s, transcript *t) {
    const char *pieces[64];
    int32_t n;
    while ((n = vox_stream_get(s, pieces, 64)) > 0)
        for (int32_t i = 0; i < n; i++) {
            size_t size = strlen(pieces[i]);
            if (t->size + size + 1 > t->capacity) {
                size_t capacity = (t->size + size) * 2 + 256;
                char *grown = realloc(t->text, capacity);
                if (!grown) return false;
                t->text = grown;
                t->capacity = capacity;
            }
            memcpy(t->text + t->size, pieces[i], size + 1);
            t->size += size;
        }
    return n == 0;
}

/* Ends the stream and returns its text, or NULL with a line on stderr. */
static char *conclude(vox_stream_t *s, transcript *t, int32_t status) {
    if (!status) status = vox_stream_finish(s);
    if (!status && !collect(s, t)) status = VOX_E_MEMORY;
    if (!status && !t->text) status = (t->text = calloc(1, 1)) ? VOX_OK : VOX_E_MEMORY;
    if (status) {
        const char *why = s ? vox_stream_error(s) : "";
        fprintf(stderr, "voxtral: transcription failed: %s\n", *why ? why : status == VOX_E_MEMORY ? "out of memory" : "the model is closed");
        free(t->text);
        t->text = NULL;
    }
    vox_stream_free(s);
    return t->text;
}

char *vox_transcribe_audio(vox_ctx_t *ctx, const float *samples, int32_t n_samples) {
    transcript t = { 0 };
    vox_stream_t *s = vox_stream_init(ctx);
    return conclude(s, &t, s ? vox_stream_feed(s, samples, n_samples) : VOX_E_STATE);
}

/* Everything that a reader gives, through the stream's own input stage. */
static char *transcribe_file(vox_ctx_t *ctx, FILE *file) {
    transcript t = { 0 };
    uint8_t bytes[32768];
    vox_stream_t *s = vox_stream_init(ctx);
    int32_t status = s ? begin_blocking(s) : VOX_E_STATE;
    size_t n;
    while (!status && (n = fread(bytes, 1, sizeof bytes, file)) > 0) {
        for (size_t done = 0; !status && done < n;) {
            int64_t taken = vox_stream_write(s, bytes + done, (int64_t)(n - done));
            if (taken == VOX_E_STATE && is_finished(s)) return conclude(s, &t, VOX_OK); /* EOS: the rest is not heard */
            if (taken < 0) status = (int32_t)taken;
            else if (taken == 0) status = wait_for_room(s);
            else done += (size_t)taken;
            if (!status && !collect(s, &t)) status = VOX_E_MEMORY;
        }
    }
    return conclude(s, &t, status);
}

char *vox_transcribe(vox_ctx_t *ctx, const char *wav_path) {
    FILE *file = wav_path ? os_open(wav_path) : NULL;
    if (!file) {
        fprintf(stderr, "voxtral: %s: cannot be opened for reading\n", wav_path ? wav_path : "(no path)");
        return NULL;
    }
    char *text = transcribe_file(ctx, file);
    fclose(file);
    return text;
}

char *vox_transcribe_stdin(vox_ctx_t *ctx) { return transcribe_file(ctx, os_binary_stdin()); }

float *vox_load_wav(const char *path, int32_t *n_samples) {
    vox_error e = { 0 };
    float *samples = NULL;
    int64_t n = 0;
    if (!path || !n_samples) vox_fail(&e, VOX_E_ARGUMENT, "vox_load_wav needs a path and a place for the sample count");
    else wav_load(path, VOX_SAMPLE_RATE, &samples, &n, &e);
    if (e.code) {
        fprintf(stderr, "voxtral: %s\n", e.text);
        return NULL;
    }
    *n_samples = (int32_t)n;
    return samples;
}
