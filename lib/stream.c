/* The caller's side of a stream: settings, audio in, events out. */
#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "os.h"

#define WRITE_BLOCK 8192 /* samples converted at a time */

vox_stream_t *vox_stream_init(vox_ctx_t *ctx) {
    if (!ctx) return NULL;
    vox_stream_t *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->progress, NULL);
    s->ctx = ctx;
    s->references = 2;
    s->delay = ctx->delay;
    s->encoding = VOX_ENCODING_AUTO;
    s->ring_bytes = VOX_DEFAULT_RING_BYTES;
    s->n_alt = 1;
    s->interval = VOX_DEFAULT_INTERVAL_S;
    s->flush_at = -1;
    s->seen = -1;
    if (engine_add(ctx, s) == VOX_OK) return s;
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->progress);
    free(s);
    return NULL;
}

void stream_release(vox_stream_t *s) {
    pthread_mutex_lock(&s->lock);
    int32_t left = --s->references;
    pthread_mutex_unlock(&s->lock);
    if (left) return;
    vox_ctx_t *ctx = s->ctx;
    bell_release(s->bell);
    input_free(s->input);
    if (s->audio) os_unreserve(s->audio, sizeof(float) * (size_t)s->audio_capacity);
    event_ring_free(&s->events);
    hotwords_free(s->hotwords);
    call_queue_free(s->calls);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->progress);
    free(s);
    engine_release(ctx);
}

void vox_stream_free(vox_stream_t *s) {
    if (!s) return;
    vox_ctx_t *ctx = s->ctx;
    pthread_mutex_lock(&s->lock);
    s->cancelled = true;
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_lock(&ctx->lock);
    ctx->n_streams--;
    pthread_mutex_unlock(&ctx->lock);
    engine_wake(ctx);
    stream_release(s);
}

/* ---- settings ---- */

/* Locks the stream for a setting that must precede the audio. */
static bool begin_setting(vox_stream_t *s) {
    pthread_mutex_lock(&s->lock);
    if (!s->started && !s->ended) return true;
    pthread_mutex_unlock(&s->lock);
    return false;
}

int32_t vox_stream_set_delay(vox_stream_t *s, int32_t delay_ms) {
    int32_t delay = delay_index(delay_ms);
    if (!s || delay < 0) return VOX_E_ARGUMENT;
    if (!begin_setting(s)) return VOX_E_STATE;
    s->delay = delay;
    pthread_mutex_unlock(&s->lock);
    return VOX_OK;
}

int32_t vox_stream_set_input(vox_stream_t *s, int32_t encoding, int32_t rate, int32_t channels) {
    if (!s || encoding < VOX_ENCODING_AUTO || encoding > VOX_ENCODING_S16) return VOX_E_ARGUMENT;
    if (encoding != VOX_ENCODING_AUTO && (rate < 1000 || rate > 768000 || channels < 1 || channels > 64)) return VOX_E_ARGUMENT;
    if (!begin_setting(s)) return VOX_E_STATE;
    s->encoding = encoding;
    s->rate = rate;
    s->channels = channels;
    pthread_mutex_unlock(&s->lock);
    return VOX_OK;
}

int32_t vox_stream_set_ring(vox_stream_t *s, int32_t bytes) {
    if (!s || bytes < VOX_RING_MIN_BYTES || bytes > VOX_RING_MAX_BYTES) return VOX_E_ARGUMENT;
    if (!begin_setting(s)) return VOX_E_STATE;
    s->ring_bytes = (uint32_t)bytes;
    pthread_mutex_unlock(&s->lock);
    return VOX_OK;
}

int32_t vox_stream_set_bell(vox_stream_t *s, vox_bell_t *bell) {
    if (!s) return VOX_E_ARGUMENT;
    if (!begin_setting(s)) return VOX_E_STATE;
    bell_release(s->bell);
    s->bell = bell_retain(bell);
    pthread_mutex_unlock(&s->lock);
    return VOX_OK;
}

int32_t vox_stream_set_hotwords(vox_stream_t *s, const char *phrases, float bonus) {
    if (!s || !phrases) return VOX_E_ARGUMENT;
    if (!begin_setting(s)) return VOX_E_STATE;
    hotwords *list;
    int32_t status = hotwords_new(phrases, bonus, &list, &s->error);
    if (!status) {
        hotwords_free(s->hotwords);
        s->hotwords = list;
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

void vox_stream_set_alt(vox_stream_t *s, int32_t n_alt, float cutoff) {
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->n_alt = n_alt < 1 ? 1 : n_alt > VOX_MAX_ALT ? VOX_MAX_ALT : n_alt;
    s->cutoff = cutoff >= 0 ? cutoff <= 1 ? cutoff : 1 : 0; /* NaN: 0 */
    pthread_mutex_unlock(&s->lock);
}

void vox_stream_set_continuous(vox_stream_t *s, int32_t enable) {
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->continuous = enable != 0;
    pthread_mutex_unlock(&s->lock);
}

void vox_set_processing_interval(vox_stream_t *s, float seconds) {
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->interval = !(seconds >= VOX_MIN_INTERVAL_S) ? VOX_MIN_INTERVAL_S
                  : seconds > VOX_MAX_INTERVAL_S ? VOX_MAX_INTERVAL_S : seconds;
    s->changes++;
    pthread_mutex_unlock(&s->lock);
    engine_wake(s->ctx);
}

/* ---- audio in ---- */

int64_t stream_audio_room(const vox_stream_t *s) { return s->audio_capacity - (s->written - s->kept); }

int64_t stream_put_audio(vox_stream_t *s, const float *samples, int64_t n) {
    int64_t room = stream_audio_room(s);
    if (n > room) n = room;
    int64_t at = s->written % s->audio_capacity, first = s->audio_capacity - at < n ? s->audio_capacity - at : n;
    memcpy(s->audio + at, samples, sizeof(float) * (size_t)first);
    memcpy(s->audio, samples + first, sizeof(float) * (size_t)(n - first));
    s->written += n;
    return n;
}

void stream_copy_audio(const vox_stream_t *s, int64_t from, int64_t n, float *out) {
    int64_t at = from % s->audio_capacity, first = s->audio_capacity - at < n ? s->audio_capacity - at : n;
    memcpy(out, s->audio + at, sizeof(float) * (size_t)first);
    memcpy(out + first, s->audio, sizeof(float) * (size_t)(n - first));
}

int32_t stream_start(vox_stream_t *s) {
    if (s->started) return VOX_OK;
    int32_t rate = s->ctx->model->config.sample_rate;
    if (!s->input && input_new(s->encoding, s->rate, s->channels, rate, &s->input, &s->error)) return s->error.code;
    if (!s->events.bytes && event_ring_init(&s->events, s->ring_bytes, &s->error)) return s->error.code;
    s->audio_capacity = (int64_t)AUDIO_RING_SECONDS * rate;
    s->audio = os_reserve(sizeof(float) * (size_t)s->audio_capacity);
    if (!s->audio) return vox_fail(&s->error, VOX_E_MEMORY, "out of memory for %d s of audio", AUDIO_RING_SECONDS);
    s->started = true;
    return VOX_OK;
}

int32_t stream_check_open(const vox_stream_t *s) {
    if (s->error.code) return s->error.code;
    return s->ended || s->cancelled || s->finished ? VOX_E_STATE : VOX_OK;
}

int64_t vox_stream_write(vox_stream_t *s, const void *bytes, int64_t size) {
    if (!s || size < 0 || (size && !bytes)) return VOX_E_ARGUMENT;
    float block[WRITE_BLOCK];
    int64_t done = 0;
    pthread_mutex_lock(&s->lock);
    int32_t status = stream_check_open(s);
    if (!status) status = stream_start(s);
    while (!status && done < size) {
        int64_t room = stream_audio_room(s), taken = 0;
        if (room > WRITE_BLOCK) room = WRITE_BLOCK;
        int64_t n = input_push(s->input, (const uint8_t *)bytes + done, size - done, &taken, block, room, &s->error);
        if (n < 0) status = (int32_t)n;
        else stream_put_audio(s, block, n);
        done += taken;
        if (n <= 0 && taken == 0) break;
    }
    s->changes += done > 0;
    pthread_mutex_unlock(&s->lock);
    if (done) engine_wake(s->ctx);
    return status ? status : done;
}

/* What the input stage still holds goes to the audio ring; 0 when all of it did,
 * 1 when room ran out. Under lock. */
static int32_t drain_input(vox_stream_t *s) {
    float block[WRITE_BLOCK];
    for (;;) {
        int64_t room = stream_audio_room(s);
        if (room > WRITE_BLOCK) room = WRITE_BLOCK;
        if (room < 1024) return 1;
        int64_t n = input_end(s->input, block, room, &s->error);
        if (n <= 0) return (int32_t)n;
        stream_put_audio(s, block, n);
    }
}

int32_t vox_stream_end(vox_stream_t *s) {
    if (!s) return VOX_E_ARGUMENT;
    pthread_mutex_lock(&s->lock);
    int32_t status = stream_check_open(s);
    if (!status) status = stream_start(s);
    if (!status) status = drain_input(s);
    if (!status) s->ended = true;
    s->changes++;
    pthread_mutex_unlock(&s->lock);
    engine_wake(s->ctx);
    return status;
}

int32_t stream_ask_flush(vox_stream_t *s) {
    pthread_mutex_lock(&s->lock);
    int32_t status = stream_check_open(s);
    if (!status && s->started) s->flush_at = s->written;
    s->changes++;
    pthread_mutex_unlock(&s->lock);
    engine_wake(s->ctx);
    return status;
}

int32_t vox_stream_cancel(vox_stream_t *s) {
    if (!s) return VOX_E_ARGUMENT;
    pthread_mutex_lock(&s->lock);
    int32_t status = s->events.bytes ? VOX_OK : event_ring_init(&s->events, s->ring_bytes, &s->error);
    s->cancelled = true;
    s->changes++;
    pthread_mutex_unlock(&s->lock);
    engine_wake(s->ctx);
    return status;
}

/* ---- events out ---- */

int32_t stream_read_events(vox_stream_t *s, void *buffer, int32_t capacity) {
    pthread_mutex_lock(&s->lock);
    int32_t n = s->events.bytes ? (int32_t)event_ring_read(&s->events, buffer, (uint32_t)capacity) : 0;
    bool resume = n && s->starved;
    if (resume) s->starved = false, s->changes++;
    pthread_mutex_unlock(&s->lock);
    if (resume) engine_wake(s->ctx);
    return n;
}

int32_t vox_stream_read(vox_stream_t *s, void *buffer, int32_t capacity) {
    if (!s || !buffer || capacity < VOX_EVENT_MAX_BYTES) return VOX_E_ARGUMENT;
    if (s->blocking) return VOX_E_STATE;
    return stream_read_events(s, buffer, capacity);
}

int32_t vox_stream_progress(vox_stream_t *s, double *written, double *encoded, double *decoded) {
    if (!s) return VOX_E_ARGUMENT;
    pthread_mutex_lock(&s->lock);
    if (written) *written = (double)s->written / s->ctx->model->config.sample_rate;
    if (encoded) *encoded = s->encoded;
    if (decoded) *decoded = s->decoded;
    pthread_mutex_unlock(&s->lock);
    return VOX_OK;
}

const char *vox_stream_error(vox_stream_t *s) { return s ? s->error.text : ""; }
