/* Streams end to end through voxtral.h: the goldens' token ids at every delay, and
 * the same ids however the audio is cut, whatever else runs, on any thread count. */
#include "test.h"

#include <sys/stat.h>

#include "input.h"
#include "json.h"
#include "os.h"
#include "voxtral.h"

#define GOLDENS "test/goldens/"
#define NANO "models/nano"
#define MAX_IDS 4096

typedef struct outcome {
    int32_t ids[MAX_IDS];
    int32_t n, done, restarts, last_restart, words;
    bool ordered; /* word times ascend and lie within the audio */
    double word_end, duration;
    char text[16384];
    size_t size;
} outcome;

typedef struct task {
    const float *audio;
    int64_t n;
    int32_t delay_ms, ring;
    float interval;
    bool continuous, random_cuts;
    int64_t flush_at; /* 0: none */
} task;

typedef struct player {
    vox_stream_t *s;
    task task;
    int64_t given;
    bool ended;
    outcome out;
} player;

static void take_events(player *p) {
    uint64_t buffer[2048];
    int32_t n;
    while ((n = vox_stream_read(p->s, buffer, sizeof buffer)) > 0) {
        for (const uint8_t *at = (uint8_t *)buffer; at < (uint8_t *)buffer + n;) {
            const vox_event_t *event = (const vox_event_t *)at;
            const char *text = (const char *)(event + 1);
            outcome *o = &p->out;
            if (event->type == VOX_EVENT_TOKEN && o->n < MAX_IDS) o->ids[o->n++] = event->id;
            if (event->type == VOX_EVENT_TEXT && o->size + event->text_size < sizeof o->text) {
                memcpy(o->text + o->size, text, event->text_size);
                o->size += event->text_size;
            }
            if (event->type == VOX_EVENT_WORD) {
                o->ordered &= event->start >= o->word_end && event->end >= event->start && event->end <= (double)p->given / VOX_SAMPLE_RATE;
                o->word_end = event->end;
                o->words++;
            }
            if (event->type == VOX_EVENT_RESTART) o->restarts++, o->last_restart = event->id;
            if (event->type == VOX_EVENT_DONE) o->done = event->id, o->duration = event->end;
            at += event->size;
        }
    }
}

static void open_player(player *p, vox_ctx_t *ctx, task task) {
    *p = (player){ .s = vox_stream_init(ctx), .task = task };
    p->out.done = -1;
    p->out.ordered = true;
    vox_stream_set_input(p->s, VOX_ENCODING_F32, VOX_SAMPLE_RATE, 1);
    if (task.delay_ms) vox_stream_set_delay(p->s, task.delay_ms);
    if (task.interval) vox_set_processing_interval(p->s, task.interval);
    if (task.ring) vox_stream_set_ring(p->s, task.ring);
    vox_stream_set_continuous(p->s, task.continuous);
}

/* Gives the next piece; reads what is there. False when it is over. */
static bool play(test_state *t, player *p) {
    const task *k = &p->task;
    int64_t left = k->n - p->given, n = left;
    if (k->random_cuts && n > 1) n = 1 + (int64_t)(test_random(t) % (test_random(t) % 3 ? 700 : 20000));
    if (n > left) n = left;
    if (k->flush_at > p->given && n > k->flush_at - p->given) n = k->flush_at - p->given;
    if (n > 0) {
        int64_t bytes = vox_stream_write(p->s, p->task.audio + p->given, n * (int64_t)sizeof(float));
        if (bytes > 0) p->given += bytes / (int64_t)sizeof(float);
        if (k->flush_at && p->given == k->flush_at) vox_stream_flush(p->s);
    } else if (!p->ended) p->ended = vox_stream_end(p->s) == VOX_OK;
    take_events(p);
    return p->out.done < 0;
}

/* n players until all are over (or a minute has passed). */
static void play_all(test_state *t, player *players, int32_t n) {
    double limit = os_seconds() + 60;
    for (bool busy = true; busy && os_seconds() < limit;) {
        busy = false;
        for (int32_t i = 0; i < n; i++)
            if (players[i].out.done < 0) busy |= play(t, &players[i]);
        usleep(200);
    }
    for (int32_t i = 0; i < n; i++) vox_stream_free(players[i].s);
}

static outcome run(test_state *t, vox_ctx_t *ctx, task task) {
    static player p; /* large */
    open_player(&p, ctx, task);
    play_all(t, &p, 1);
    return p.out;
}

static bool same(const outcome *a, const outcome *b) {
    return a->n == b->n && !memcmp(a->ids, b->ids, sizeof *a->ids * (size_t)a->n) && a->size == b->size && !memcmp(a->text, b->text, a->size);
}

static float *load(const char *path, int64_t *n) {
    vox_error e = { 0 };
    float *samples;
    if (wav_load(path, VOX_SAMPLE_RATE, &samples, n, &e)) {
        printf("FAIL %s\n0 passed, 1 failed\n", e.text);
        exit(1);
    }
    return samples;
}

static vox_ctx_t *open_model(const char *path, int32_t threads) {
    vox_loader_t *loader;
    vox_load_start(path, "auto", "auto", threads, NULL, &loader);
    while (vox_load_poll(loader, NULL) == 0) usleep(1000);
    if (vox_load_poll(loader, NULL) < 0) {
        printf("FAIL %s\n0 passed, 1 failed\n", vox_load_error(loader));
        exit(1);
    }
    vox_ctx_t *ctx = vox_load_take(loader);
    vox_load_free(loader);
    return ctx;
}

/* ---- goldens ---- */

static void check_golden(test_state *t, const char *name) {
    char path[256];
    snprintf(path, sizeof path, GOLDENS "%s/golden.json", name);
    vox_error e = { 0 };
    char *bytes;
    size_t size;
    json doc;
    if (os_read_file(path, 1 << 24, &bytes, &size, &e) || json_parse(bytes, size, path, &doc, &e)) {
        CHECK(t, false, "%s", e.text);
        return;
    }
    snprintf(path, sizeof path, GOLDENS "%s", name);
    vox_ctx_t *ctx = open_model(path, 2);
    const json_node *runs = json_get(doc.root, "runs"), *r = json_first(runs);
    for (uint32_t i = 0; i < runs->size; i++, r = json_next(r)) {
        int64_t samples, delay, n_audio;
        json_integer(json_get(r, "samples"), &samples);
        json_integer(json_get(r, "delay_ms"), &delay);
        snprintf(path, sizeof path, GOLDENS "audio/%s", json_get(r, "audio")->text);
        float *audio = load(path, &n_audio);
        outcome got = run(t, ctx, (task){ .audio = audio, .n = samples, .delay_ms = (int32_t)delay, .random_cuts = true });
        free(audio);
        const json_node *tokens = json_get(r, "tokens"), *id = json_first(tokens);
        uint32_t equal = 0;
        for (uint32_t k = 0; k < tokens->size && k < (uint32_t)got.n; k++, id = json_next(id)) equal += got.ids[k] == id->integer;
        if (samples == 0) /* no audio: a stream that heard nothing says nothing */
            CHECK(t, got.n == 0 && got.done == VOX_DONE_END, "%s: %d tokens of no audio", name, got.n);
        else
            CHECK(t, equal == tokens->size && got.n == (int32_t)tokens->size, "%s, %lld samples at %lld ms: %u of %u tokens (%d given)", name,
                  (long long)samples, (long long)delay, equal, tokens->size, got.n);
    }
    vox_free(ctx);
    json_free(&doc);
    free(bytes);
}

/* ---- invariance ---- */

static void check_invariance(test_state *t, const float *audio, int64_t n) {
    static player players[8];
    vox_ctx_t *ctx = open_model(NANO, 2), *single = open_model(NANO, 1);
    outcome whole = run(t, ctx, (task){ .audio = audio, .n = n });
    CHECK(t, whole.done == VOX_DONE_END && whole.n > 100 && whole.words > 3, "%d tokens, %d words", whole.n, whole.words);
    CHECK(t, whole.ordered, "word times go back or leave the audio");
    CHECK(t, fabs(whole.duration - (double)n / VOX_SAMPLE_RATE) < 1e-9, "duration %g", whole.duration);
    outcome other = run(t, single, (task){ .audio = audio, .n = n });
    CHECK(t, same(&whole, &other), "one thread differs from two");
    const float intervals[] = { 0.08f, 0.3f, 1, 2, 10 };
    for (int32_t i = 0; i < 5; i++) {
        other = run(t, ctx, (task){ .audio = audio, .n = n, .interval = intervals[i], .random_cuts = true });
        CHECK(t, same(&whole, &other), "interval %g differs", intervals[i]);
    }
    for (int32_t count = 2; count <= 8; count += 2) {
        for (int32_t i = 0; i < count; i++)
            open_player(&players[i], ctx, (task){ .audio = audio, .n = n, .interval = 0.1f * (float)(1 + i), .random_cuts = i % 2 });
        play_all(t, players, count);
        for (int32_t i = 0; i < count; i++) CHECK(t, same(&whole, &players[i].out), "stream %d of %d differs", i, count);
    }
    vox_free(single);
    vox_free(ctx);
}

/* ---- flush, back-pressure, endings ---- */

static void check_flush(test_state *t, vox_ctx_t *ctx, const float *audio, int64_t n) {
    player p;
    open_player(&p, ctx, (task){ .audio = audio, .n = n, .flush_at = n });
    while (p.given < n) play(t, &p);
    double limit = os_seconds() + 20, decoded = 0;
    for (; os_seconds() < limit && decoded < (double)n / VOX_SAMPLE_RATE; usleep(500)) {
        take_events(&p);
        vox_stream_progress(p.s, NULL, NULL, &decoded);
    }
    usleep(20000);
    take_events(&p);
    outcome whole = run(t, ctx, (task){ .audio = audio, .n = n });
    CHECK(t, p.out.size > 0 && p.out.size >= whole.size - 1 && !memcmp(p.out.text, whole.text, p.out.size),
          "after a flush: \"%s\", whole: \"%s\"", p.out.text, whole.text);
    CHECK(t, p.out.done < 0, "a flush ended the stream");
    vox_stream_free(p.s);

    outcome middle = run(t, ctx, (task){ .audio = audio, .n = n, .flush_at = n / 2, .random_cuts = true });
    CHECK(t, middle.done == VOX_DONE_END && middle.ordered, "flush in the middle: done %d", middle.done);
    CHECK(t, fabs(middle.duration - whole.duration) < 1e-9, "a flush shifts time: %g, not %g", middle.duration, whole.duration);
}

static void check_back_pressure(test_state *t, vox_ctx_t *ctx, const float *audio, int64_t n) {
    outcome whole = run(t, ctx, (task){ .audio = audio, .n = n });
    player p;
    open_player(&p, ctx, (task){ .audio = audio, .n = n, .ring = VOX_RING_MIN_BYTES });
    double limit = os_seconds() + 3; /* writes without reading: the ring fills, audio stops being taken */
    for (int64_t took = 1; os_seconds() < limit && p.given < n; usleep(1000)) {
        took = vox_stream_write(p.s, audio + p.given, (n - p.given) * (int64_t)sizeof(float));
        if (took > 0) p.given += took / (int64_t)sizeof(float);
    }
    outcome busy = run(t, ctx, (task){ .audio = audio, .n = n });
    CHECK(t, same(&whole, &busy), "a stuck stream disturbs another");
    play_all(t, &p, 1);
    CHECK(t, same(&whole, &p.out), "a stuck stream lost something: %d of %d tokens", p.out.n, whole.n);
}

static void check_endings(test_state *t, const float *audio, int64_t n) {
    vox_ctx_t *ctx = open_model(NANO, 2);
    outcome nothing = run(t, ctx, (task){ .audio = audio, .n = 0 });
    CHECK(t, nothing.done == VOX_DONE_END && nothing.n == 0, "no audio: done %d, %d tokens", nothing.done, nothing.n);

    player p;
    open_player(&p, ctx, (task){ .audio = audio, .n = n });
    play(t, &p);
    CHECK(t, vox_stream_set_delay(p.s, 480) == VOX_E_STATE, "delay set after audio");
    vox_stream_cancel(p.s);
    for (double limit = os_seconds() + 10; p.out.done < 0 && os_seconds() < limit; usleep(500)) take_events(&p);
    CHECK(t, p.out.done == VOX_DONE_CANCELLED, "cancel: done %d", p.out.done);
    CHECK(t, vox_stream_write(p.s, audio, 4) == VOX_E_STATE, "a cancelled stream takes audio");
    vox_stream_free(p.s);

    vox_stream_t *s = vox_stream_init(ctx);
    CHECK(t, vox_stream_write(s, "RIFF\x10\0\0\0WAVExxxxyyyy", 20) >= 0, "half a header is an error too soon");
    CHECK(t, vox_stream_end(s) == VOX_E_FORMAT && *vox_stream_error(s), "a WAVE that ends in its header: \"%s\"", vox_stream_error(s));
    vox_stream_free(s);
    s = vox_stream_init(ctx);
    CHECK(t, vox_stream_set_delay(s, 100) == VOX_E_ARGUMENT && vox_stream_set_delay(s, 2400) == VOX_OK, "delays");
    CHECK(t, vox_stream_set_delay(s, 1280) == VOX_E_ARGUMENT && vox_stream_set_delay(s, 0) == VOX_E_ARGUMENT, "delays");
    vox_stream_free(s);

    open_player(&p, ctx, (task){ .audio = audio, .n = n });
    play(t, &p);
    vox_close(ctx);
    for (double limit = os_seconds() + 10; !vox_is_closed(ctx) && os_seconds() < limit;) usleep(500);
    take_events(&p);
    CHECK(t, vox_is_closed(ctx) == 1 && p.out.done == VOX_DONE_CANCELLED, "closed %d, done %d", vox_is_closed(ctx), p.out.done);
    CHECK(t, vox_stream_init(ctx) == NULL, "a closed model opens streams");
    vox_free(ctx);
    vox_stream_free(p.s); /* outlives its model */
}

static void check_restarts(test_state *t, const float *audio, int64_t n) {
    int64_t n_golden;
    float *golden = load(GOLDENS "audio/short.wav", &n_golden);
    vox_ctx_t *ctx = open_model(GOLDENS "eos", 2);
    outcome once = run(t, ctx, (task){ .audio = golden, .n = n_golden, .delay_ms = 480 });
    outcome again = run(t, ctx, (task){ .audio = golden, .n = n_golden, .delay_ms = 480, .continuous = true, .random_cuts = true });
    CHECK(t, once.done == VOX_DONE_EOS && once.restarts == 0, "done %d", once.done);
    CHECK(t, again.restarts > 0 && again.last_restart == VOX_RESTART_EOS && again.n > once.n, "%d restarts, %d tokens", again.restarts, again.n);
    CHECK(t, !memcmp(once.ids, again.ids, sizeof *once.ids * (size_t)once.n), "the first run differs");
    outcome cut = run(t, ctx, (task){ .audio = golden, .n = n_golden, .delay_ms = 480, .continuous = true, .interval = 0.1f });
    CHECK(t, same(&again, &cut), "restarts depend on the cut");
    vox_free(ctx);
    free(golden);

    /* the nano model with 150 positions */
    char folder[] = "/tmp/voxtral-test-XXXXXX", path[128], *params;
    const char *const files[] = { "consolidated.safetensors", "tekken.json" };
    char here[1024], target[1200];
    vox_error e = { 0 };
    size_t size;
    if (!mkdtemp(folder) || !getcwd(here, sizeof here) || os_read_file(NANO "/params.json", 1 << 20, &params, &size, &e)) {
        CHECK(t, false, "%s", e.text);
        return;
    }
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        snprintf(target, sizeof target, "%s/" NANO "/%s", here, files[i]);
        CHECK(t, symlink(target, path) == 0, "%s", path);
    }
    snprintf(path, sizeof path, "%s/params.json", folder);
    FILE *out = fopen(path, "w");
    char *key = strstr(params, "\"model_max_length\":");
    fprintf(out, "%.*s\"model_max_length\": 150%s", (int)(key - params), params, strchr(key, ','));
    fclose(out);
    free(params);
    ctx = open_model(folder, 2);
    outcome whole = run(t, ctx, (task){ .audio = audio, .n = n });
    outcome pieces = run(t, ctx, (task){ .audio = audio, .n = n, .interval = 0.2f, .random_cuts = true });
    CHECK(t, whole.done == VOX_DONE_END && whole.restarts > 1 && whole.last_restart == VOX_RESTART_POSITIONS, "%d restarts", whole.restarts);
    CHECK(t, whole.ordered && fabs(whole.duration - (double)n / VOX_SAMPLE_RATE) < 1e-9, "times after a restart");
    CHECK(t, same(&whole, &pieces), "restarts depend on the cut");
    vox_free(ctx);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/params.json", folder);
    unlink(path);
    rmdir(folder);
}

/* ---- the blocking way ---- */

static void check_blocking(test_state *t, vox_ctx_t *ctx, const float *audio, int64_t n) {
    outcome whole = run(t, ctx, (task){ .audio = audio, .n = n });
    char text[16384] = "";
    const char *pieces[16 * 3];
    int32_t got, alternatives = 0;
    vox_stream_t *s = vox_stream_init(ctx);
    vox_stream_set_alt(s, 3, 1);
    for (int64_t at = 0; at < n; at += 5000) {
        CHECK(t, vox_stream_feed(s, audio + at, (int32_t)(n - at < 5000 ? n - at : 5000)) == VOX_OK, "feed");
        while ((got = vox_stream_get_alt(s, pieces, 16, 3)) > 0)
            for (int32_t i = 0; i < got; i++) strcat(text, pieces[3 * i]), alternatives += pieces[3 * i + 1] != NULL;
    }
    CHECK(t, vox_stream_finish(s) == VOX_OK, "finish");
    while ((got = vox_stream_get(s, pieces, 16)) > 0)
        for (int32_t i = 0; i < got; i++) strcat(text, pieces[i]);
    CHECK(t, got == 0 && strlen(text) == whole.size && !memcmp(text, whole.text, whole.size), "\"%s\"", text);
    CHECK(t, alternatives > 0, "no alternatives at cutoff 1");
    vox_stream_free(s);

    s = vox_stream_init(ctx); /* all at once, fetched at the end */
    CHECK(t, vox_stream_feed(s, audio, (int32_t)n) == VOX_OK && vox_stream_finish(s) == VOX_OK, "feed and finish");
    *text = 0;
    while ((got = vox_stream_get(s, pieces, 16)) > 0)
        for (int32_t i = 0; i < got; i++) strcat(text, pieces[i]);
    CHECK(t, strlen(text) == whole.size && !memcmp(text, whole.text, whole.size), "\"%s\"", text);
    vox_stream_free(s);

    char *once = vox_transcribe_audio(ctx, audio, (int32_t)n);
    CHECK(t, once && !strcmp(once, text), "vox_transcribe_audio: \"%s\"", once);
    free(once);
}

int main(void) {
    test_state t = { .random = 7 };
    const char *const goldens[] = { "plain", "wrap", "wide", "deep", "eos" };
    for (int i = 0; i < 5; i++) check_golden(&t, goldens[i]);
    int64_t n, n_long;
    float *audio = load("samples/digits.wav", &n), *longer = load("samples/long_mixed.wav", &n_long);
    check_invariance(&t, longer, n_long < 12 * VOX_SAMPLE_RATE ? n_long : 12 * VOX_SAMPLE_RATE);
    vox_ctx_t *ctx = open_model(NANO, 0);
    check_flush(&t, ctx, audio, n);
    check_back_pressure(&t, ctx, longer, n_long);
    check_blocking(&t, ctx, longer, n_long);
    vox_free(ctx);
    check_endings(&t, audio, n);
    check_restarts(&t, longer, n_long);
    free(audio);
    free(longer);
    return test_report(&t);
}
