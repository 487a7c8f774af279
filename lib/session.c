#include "session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

/* This many PAD in a row (0.64 s) are a pause: a word that was said is whole, and a
 * restart for want of positions may happen ... */
#define PAUSE_PADS 8
/* ... once fewer than 1 / this of the positions are left. */
#define LAST_PART 16

static int32_t mel_per_position(const session_host *host) { return 2 * host->model->config.downsample; }
static int32_t prompt_length(const vox_stream_t *s) { return 1 + LEFT_PAD_FRAMES + delay_frames(s->delay); }
static double seconds(const session_host *host, int64_t samples) {
    return (double)samples / host->model->config.sample_rate;
}

/* Audio samples whose sound the model has reported on by position p. */
static int64_t reported(const vox_stream_t *s, int64_t p) {
    int64_t at = p - delay_frames(s->delay);
    return s->session.clock[(at < 0 ? 0 : at) % SESSION_CLOCK];
}

/* ---- events (under the stream's lock) ---- */

static void emit_text(void *user, const char *bytes, int32_t size, double time) {
    vox_stream_t *s = user;
    vox_event_t event = { .type = VOX_EVENT_TEXT, .start = time, .end = time };
    event_ring_push(&s->events, event, (event_text){ bytes, size }, NULL, NULL, 0);
}

static void emit_word(void *user, const text_word *w) {
    vox_stream_t *s = user;
    vox_event_t event = { .type = VOX_EVENT_WORD, .start = w->start, .end = w->end,
                          .logprob = w->n_tokens ? (float)(w->logprob / w->n_tokens) : 0 };
    event_ring_push(&s->events, event, (event_text){ w->bytes, w->size }, NULL, NULL, 0);
}

static text_sink sink(vox_stream_t *s) { return (text_sink){ .user = s, .text = emit_text, .word = emit_word }; }

static void emit_token(vox_stream_t *s, const top_tokens *top, double start, double end, const session_host *host) {
    vox_alternative_t alternatives[TOP_K];
    event_text texts[TOP_K], text = { 0 };
    uint32_t n = 0;
    text.bytes = tokenizer_bytes(host->model->tokenizer, top->id[0], &text.size);
    for (int32_t i = 1; i < s->n_alt && top->id[i] >= 0; i++) {
        if (1 - exp((double)top->logprob[i] - top->logprob[0]) > s->cutoff) break;
        alternatives[n] = (vox_alternative_t){ .id = top->id[i], .logprob = top->logprob[i] };
        texts[n].bytes = tokenizer_bytes(host->model->tokenizer, top->id[i], &texts[n].size);
        n++;
    }
    vox_event_t event = { .type = VOX_EVENT_TOKEN, .id = top->id[0], .logprob = top->logprob[0], .start = start, .end = end };
    event_ring_push(&s->events, event, text, alternatives, texts, n);
}

static void emit(vox_stream_t *s, vox_event_type type, int32_t id, double time, const char *text) {
    vox_event_t event = { .type = type, .id = id, .start = time, .end = time };
    event_ring_push(&s->events, event, (event_text){ text, text ? (int32_t)strlen(text) : 0 }, NULL, NULL, 0);
}

/* ---- life ---- */

static int32_t prepare(vox_stream_t *s, session_host *host, vox_error *e) {
    session *u = &s->session;
    const vox_config *c = &host->model->config;
    backend *b = host->model->backend;
    if (prompt_length(s) + RIGHT_PAD_FRAMES >= c->max_positions)
        return vox_fail(e, VOX_E_UNSUPPORTED, "the model has %d positions, but a delay of %d ms needs a prompt of %d: use a shorter delay",
                        c->max_positions, delay_ms_at(s->delay), prompt_length(s));
    u->frames = malloc(sizeof(float) * (size_t)(SESSION_ENCODE_FRAMES * mel_per_position(host) * c->n_mels));
    if (!u->frames) return vox_fail(e, VOX_E_MEMORY, "out of memory for a stream's mel frames");
    if (mel_new(host->model->filterbank, &u->mel, e) || encoder_state_init(host->encoder, &u->encoder, e) ||
        decoder_kv_new(host->decoder, &u->kv, e) ||
        b->ops->alloc(b, DTYPE_F32, SESSION_EMBEDS, c->decoder.dim, &u->embeds, e))
        return e->code;
    watch_init(&u->watch);
    u->ready = true;
    return VOX_OK;
}

static void release_device(vox_stream_t *s, session_host *host) {
    session *u = &s->session;
    backend *b = host->model->backend;
    encoder_state_free(host->encoder, &u->encoder);
    decoder_kv_free(host->decoder, u->kv);
    b->ops->release(b, &u->embeds);
    mel_free(u->mel);
    free(u->frames);
    *u = (session){ .over = true };
}

/* Begins a run whose audio starts at sample `from`. */
static int32_t begin_run(vox_stream_t *s, int64_t from, session_host *host, vox_error *e) {
    session *u = &s->session;
    backend *b = host->model->backend;
    b->ops->begin(b, 0);
    encoder_state_reset(host->encoder, &u->encoder);
    if (b->ops->submit(b, e)) return e->code;
    mel_reset(u->mel);
    if (u->flushed > from && s->flush_at < 0) s->flush_at = u->flushed;
    u->n_frames = u->pads = 0;
    u->heard = from;
    u->pushed = u->encoded = u->position = u->due = 0;
    u->silence = (int64_t)LEFT_PAD_FRAMES * host->model->config.frame_samples;
    u->closing = false;
    u->flushed = -1;
    text_reset(&u->text, seconds(host, from));
    watch_restart(&u->watch);
    u->hotwords.n = 0;
    u->context = draft_begin();
    return VOX_OK;
}

static void finish(vox_stream_t *s, vox_done reason, session_host *host) {
    pthread_mutex_lock(&s->lock);
    if (!s->events.bytes) event_ring_init(&s->events, s->ring_bytes, NULL);
    if (reason == VOX_DONE_CANCELLED || reason == VOX_DONE_ERROR) event_ring_clear(&s->events);
    else if (s->session.ready) {
        text_sink out = sink(s);
        text_finish(&s->session.text, seconds(host, s->written), &out);
    }
    double end = seconds(host, s->written);
    if (reason == VOX_DONE_ERROR) emit(s, VOX_EVENT_ERROR, s->error.code, end, s->error.text);
    emit(s, VOX_EVENT_DONE, reason, end, NULL);
    if (reason == VOX_DONE_END) s->encoded = s->decoded = end;
    s->finished = true;
    s->seen = s->changes;
    pthread_cond_broadcast(&s->progress);
    pthread_mutex_unlock(&s->lock);
    release_device(s, host);
    bell_notify(s->bell);
}

void session_fail(vox_stream_t *s, const vox_error *e, session_host *host) {
    pthread_mutex_lock(&s->lock);
    s->error = *e;
    pthread_mutex_unlock(&s->lock);
    finish(s, VOX_DONE_ERROR, host);
}

void session_close(vox_stream_t *s, session_host *host) {
    if (!s->session.over) finish(s, VOX_DONE_CANCELLED, host);
}

/* ---- audio in ---- */

/* Notes which audio had been heard by the end of every position that n more
 * samples complete; audio: whether they are the caller's or silence. */
static void advance_clock(session *u, int64_t n, bool audio, int32_t frame) {
    for (int64_t p = u->pushed / frame; (p + 1) * frame <= u->pushed + n; p++)
        u->clock[p % SESSION_CLOCK] = u->heard + (audio ? (p + 1) * frame - u->pushed : 0);
    u->pushed += n;
    if (audio) u->heard += n;
}

/* Pushes up to n samples of host->samples through the mel. */
static bool push(vox_stream_t *s, int32_t n, bool audio, session_host *host) {
    session *u = &s->session;
    const vox_config *c = &host->model->config;
    int32_t taken = 0, room = SESSION_ENCODE_FRAMES * mel_per_position(host) - u->n_frames;
    if (n <= 0 || room <= 0) return false;
    u->n_frames += mel_push(u->mel, host->samples, n, &taken, u->frames + (size_t)u->n_frames * c->n_mels, room);
    watch_hear(&u->watch, host->samples, taken, c->frame_samples);
    advance_clock(u, taken, audio, c->frame_samples);
    if (!audio) u->silence -= taken;
    return taken > 0;
}

/* Silence after the audio heard so far: to the next position, then long enough for
 * the delayed words. */
static void pad(vox_stream_t *s, const session_host *host) {
    session *u = &s->session;
    int32_t frame = host->model->config.frame_samples;
    int64_t after = delay_frames(s->delay) + 1 + RIGHT_PAD_FRAMES;
    u->silence = (frame - u->pushed % frame) % frame + after * frame;
    u->due = (u->pushed + u->silence) / frame;
}

/* The caller's audio is heard up to where it reaches: is there a flush or an end?
 * Under lock. */
static bool meet_boundary(vox_stream_t *s, const session_host *host) {
    session *u = &s->session;
    if (s->flush_at >= 0 && u->heard >= s->flush_at) {
        s->flush_at = -1;
        if (u->flushed != u->heard) {
            pad(s, host);
            u->flushed = u->heard;
            return true;
        }
        if (u->heard < s->written) return true;
    }
    if (s->ended && u->heard == s->written && !u->closing) {
        pad(s, host);
        u->silence += host->model->config.window_size / 2; /* the last frame looks ahead */
        u->closing = true;
        return true;
    }
    return false;
}

bool session_intake(vox_stream_t *s, session_host *host) {
    session *u = &s->session;
    if (u->over) return false;
    pthread_mutex_lock(&s->lock);
    bool cancelled = s->cancelled, started = s->started, empty = s->ended && !s->written;
    u->changes = s->changes;
    pthread_mutex_unlock(&s->lock);
    if (cancelled || empty) return finish(s, cancelled ? VOX_DONE_CANCELLED : VOX_DONE_END, host), true;
    if (!started) return false;
    vox_error e = { 0 };
    if (!u->ready && (prepare(s, host, &e) || begin_run(s, 0, host, &e))) return session_fail(s, &e, host), true;
    bool moved = false, more = true;
    while (more) {
        if (u->silence) {
            int32_t n = u->silence < SESSION_SCRATCH ? (int32_t)u->silence : SESSION_SCRATCH;
            memset(host->samples, 0, sizeof(float) * (size_t)n);
            more = push(s, n, false, host);
        } else {
            pthread_mutex_lock(&s->lock);
            int64_t until = s->flush_at >= 0 && s->flush_at < s->written ? s->flush_at : s->written, n = until - u->heard;
            if (n > SESSION_SCRATCH) n = SESSION_SCRATCH;
            if (n > 0) stream_copy_audio(s, u->heard, n, host->samples);
            bool padded = n <= 0 && meet_boundary(s, host);
            pthread_mutex_unlock(&s->lock);
            more = n > 0 ? push(s, (int32_t)n, true, host) : padded;
        }
        moved |= more;
    }
    u->moved |= moved;
    return moved;
}

/* ---- encoder ---- */

int32_t session_encode_due(vox_stream_t *s, const session_host *host) {
    session *u = &s->session;
    if (u->over || !u->ready || u->encoded != u->position) return 0; /* decode what is there first */
    const vox_config *c = &host->model->config;
    int32_t positions = u->n_frames / (2 * c->downsample);
    if (!positions || u->encoded < u->due) return positions;
    pthread_mutex_lock(&s->lock);
    int64_t unheard = s->written - u->heard, waiting = unheard + (int64_t)positions * c->frame_samples;
    bool opening = u->encoded == 0 && unheard == 0; /* nothing to wait for: the silence can go ahead */
    bool due = opening || s->ended || s->flush_at >= 0 || waiting >= (int64_t)((double)s->interval * c->sample_rate);
    pthread_mutex_unlock(&s->lock);
    return due ? positions : 0;
}

void session_store(vox_stream_t *s, tensor embeds, const session_host *host) {
    session *u = &s->session;
    backend *b = host->model->backend;
    int32_t at = (int32_t)(u->encoded % SESSION_EMBEDS), first = SESSION_EMBEDS - at;
    if (first > embeds.rows) first = embeds.rows;
    b->ops->copy(b, tensor_rows(u->embeds, at, first), tensor_rows(embeds, 0, first));
    if (first < embeds.rows)
        b->ops->copy(b, tensor_rows(u->embeds, 0, embeds.rows - first), tensor_rows(embeds, first, embeds.rows - first));
}

void session_encoded(vox_stream_t *s, int32_t positions, const session_host *host) {
    session *u = &s->session;
    int32_t used = positions * mel_per_position(host);
    size_t bins = (size_t)host->model->config.n_mels;
    u->moved = true;
    u->encoded += positions;
    u->n_frames -= used;
    memmove(u->frames, u->frames + used * bins, sizeof(float) * bins * (size_t)u->n_frames);
    pthread_mutex_lock(&s->lock);
    s->encoded = seconds(host, u->clock[(u->encoded - 1) % SESSION_CLOCK]);
    pthread_mutex_unlock(&s->lock);
}

/* ---- decoder ---- */

bool session_can_decode(const vox_stream_t *s) {
    return !s->session.over && s->session.ready && s->session.position < s->session.encoded;
}

int32_t session_decode_rows(vox_stream_t *s, decoder_row *rows, int32_t room, int32_t others, const session_host *host) {
    session *u = &s->session;
    if (!session_can_decode(s) || room <= 0) return 0;
    pthread_mutex_lock(&s->lock);
    s->starved = !event_ring_has_room(&s->events);
    bool starved = s->starved;
    pthread_mutex_unlock(&s->lock);
    if (starved) return 0;
    int32_t prompt = prompt_length(s), guesses[DRAFT_MOST], n;
    int64_t ready = u->encoded - u->position;
    if (u->position < prompt) {
        n = (int32_t)(u->encoded < prompt ? ready : prompt - u->position);
        if (n > room) n = room;
    } else n = 1 + draft_guess(&host->draft, u->context, &host->cost, others + 1, (int32_t)(ready < room ? ready : room) - 1, guesses);
    for (int32_t i = 0; i < n; i++) {
        int64_t p = u->position + i;
        rows[i] = (decoder_row){
            .kv = u->kv,
            .position = p,
            .token = p == 0 ? TOKEN_BOS : p < prompt ? TOKEN_PAD : i == 0 ? u->token : guesses[i - 1],
            .delay = s->delay,
            .audio = tensor_rows(u->embeds, (int32_t)(p % SESSION_EMBEDS), 1),
            .wants_logits = p >= prompt - 1,
        };
    }
    return n;
}

/* The run is over: a new one begins on the audio not reported yet, if any. */
static void restart(vox_stream_t *s, vox_restart reason, int64_t from, session_host *host) {
    vox_error e = { 0 };
    pthread_mutex_lock(&s->lock);
    text_sink out = sink(s);
    text_finish(&s->session.text, seconds(host, from), &out);
    emit(s, VOX_EVENT_RESTART, reason, seconds(host, from), NULL);
    int32_t failed = begin_run(s, from, host, &e);
    pthread_mutex_unlock(&s->lock);
    if (failed) session_fail(s, &e, host);
}

/* Whether the run should end after position p for want of positions. */
static bool out_of_positions(const session *u, int64_t p, int32_t max) {
    return p + 1 >= max || (p + 1 >= max - max / LAST_PART && u->pads >= PAUSE_PADS);
}

/* What follows the token of position p, whose report reaches to sample `from`: the
 * run goes on, ends, or another begins. Under lock. */
typedef enum sequel { GO_ON, FINISH, RESTART } sequel;

static sequel what_follows(const vox_stream_t *s, int64_t p, int64_t from, watch_verdict verdict, int32_t max_positions, int32_t *reason) {
    const session *u = &s->session;
    bool at_end = s->ended && from >= s->written, eos = u->token == TOKEN_EOS;
    if (eos && (at_end || !s->continuous)) return *reason = VOX_DONE_EOS, FINISH;
    if (u->closing && u->position >= u->due) return *reason = VOX_DONE_END, FINISH;
    if (eos) return *reason = VOX_RESTART_EOS, RESTART;
    if (out_of_positions(u, p, max_positions)) {
        *reason = at_end ? (int32_t)VOX_DONE_END : (int32_t)VOX_RESTART_POSITIONS;
        return at_end ? FINISH : RESTART;
    }
    if (verdict == WATCH_FINE || !s->continuous || at_end) return GO_ON;
    *reason = verdict == WATCH_RUT ? VOX_RESTART_RUT : VOX_RESTART_SILENCE;
    return RESTART;
}

static void accept_token(vox_stream_t *s, top_tokens *top, session_host *host) {
    session *u = &s->session;
    if (s->hotwords) hotwords_choose(s->hotwords, &u->hotwords, host->model->tokenizer, top);
    int64_t p = u->position - 1, frame = p - delay_frames(s->delay), from = reported(s, p);
    int32_t id = top->id[0], size = 0, reason = 0;
    double start = seconds(host, reported(s, p - 1)), end = seconds(host, from);
    const char *bytes = tokenizer_bytes(host->model->tokenizer, id, &size);
    draft_learn(&host->draft, &u->context, id);
    if (s->hotwords) hotwords_advance(s->hotwords, &u->hotwords, bytes, size);
    u->token = id;
    u->pads = id == TOKEN_PAD ? u->pads + 1 : 0;
    watch_verdict verdict = watch_report(&u->watch, frame, size > 0);
    int64_t earlier = u->clock[watch_carried(&u->watch, frame) % SESSION_CLOCK];
    pthread_mutex_lock(&s->lock);
    text_sink out = sink(s);
    emit_token(s, top, start, end, host);
    if (id == TOKEN_WORD) text_mark_word(&u->text, end, &out);
    else if (size) text_push(&u->text, bytes, size, end, top->logprob[0], &out);
    else if (u->pads == PAUSE_PADS) text_pause(&u->text, &out);
    if (earlier < s->kept) earlier = s->kept;
    s->kept = s->continuous ? earlier : from;
    s->decoded = end;
    sequel next = what_follows(s, p, from, verdict, host->model->config.max_positions, &reason);
    pthread_cond_broadcast(&s->progress);
    pthread_mutex_unlock(&s->lock);
    if (next == FINISH) finish(s, reason, host);
    else if (next == RESTART) restart(s, reason, reason == VOX_RESTART_RUT ? earlier : from, host);
    if (!u->over) bell_notify(s->bell);
}

/* Whether the events of another token fit. */
static bool has_room(vox_stream_t *s) {
    pthread_mutex_lock(&s->lock);
    bool room = event_ring_has_room(&s->events);
    pthread_mutex_unlock(&s->lock);
    return room;
}

/* Rows without logits are the prompt's. Of the others the first is certain; each
 * next one counts while its input was what the model chose, and the run goes on. */
int32_t session_decoded(vox_stream_t *s, const decoder_row *rows, int32_t n, top_tokens *top, session_host *host) {
    session *u = &s->session;
    int32_t tokens = 0;
    u->moved = true;
    for (int32_t i = 0; i < n; i++) {
        bool first = i == 0 || !rows[i - 1].wants_logits;
        if (!first && (u->over || u->position != rows[i].position || u->token != rows[i].token || !has_room(s))) break;
        u->position++;
        if (rows[i].wants_logits) accept_token(s, &top[tokens++], host);
    }
    return tokens;
}

void session_settle(vox_stream_t *s, const session_host *host) {
    session *u = &s->session;
    bool moved = u->moved;
    u->moved = false;
    if (!u->over && (moved || session_encode_due(s, host) > 0)) return;
    pthread_mutex_lock(&s->lock);
    if (u->over) s->seen = s->changes;
    else if (u->position == u->encoded || s->starved) s->seen = u->changes;
    pthread_cond_broadcast(&s->progress);
    pthread_mutex_unlock(&s->lock);
}

int64_t session_bytes(const session_host *host) {
    const vox_config *c = &host->model->config;
    int64_t frames = SESSION_ENCODE_FRAMES * mel_per_position(host) * c->n_mels, embeds = SESSION_EMBEDS * c->decoder.dim;
    return encoder_state_bytes(host->encoder) + decoder_kv_bytes(host->decoder) + (int64_t)sizeof(float) * (frames + embeds);
}
