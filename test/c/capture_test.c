/* lib/capture: the ring under two threads, conversion to its samples, the choice of
 * a device, and the life of a recording that cannot be opened. */
#include "capture/devices.h"
#include "capture/intake.h"
#include "capture/ring.h"

#include <pthread.h>
#include <time.h>

#include "json.h"
#include "test.h"

/* ---- Ring --------------------------------------------------------------------*/

static void test_ring(test_state *t) {
    enum { CAPACITY = 1000, MOST = 1500 };
    sample_ring r;
    float in[MOST], out[MOST];
    int64_t written = 0, next = 0, lost = 0, wrong = 0;
    CHECK(t, ring_init(&r, CAPACITY, NULL) == VOX_OK, "out of memory");
    for (int32_t i = 0; i < 2000; i++) {
        int64_t n = test_range(t, 0, i % 7 ? 300 : MOST), room = CAPACITY - (written - next), fits = n < room ? n : room;
        for (int64_t k = 0; k < n; k++) in[k] = (float)((written + k) % 65536);
        ring_write(&r, in, n);
        written += fits;
        lost += n - fits;
        int64_t got = ring_read(&r, out, test_range(t, 0, MOST));
        for (int64_t k = 0; k < got; k++) wrong += out[k] != (float)((next + k) % 65536);
        next += got;
        CHECK(t, next <= written && r.lost == lost, "read %lld of %lld, lost %lld, not %lld", (long long)next, (long long)written, (long long)r.lost, (long long)lost);
    }
    CHECK(t, lost > 0 && next > 10 * CAPACITY && wrong == 0, "%lld samples are wrong", (long long)wrong);
    ring_free(&r);
}

enum { SENT = 2000000 };

static void *send(void *user) {
    float block[64];
    for (int64_t at = 0; at < SENT; at += 64) {
        for (int32_t k = 0; k < 64; k++) block[k] = (float)(at + k);
        ring_write(user, block, 64);
    }
    return NULL;
}

/* What arrives rises, whatever was lost, and nothing is lost silently. */
static void test_ring_threads(test_state *t) {
    sample_ring r;
    float out[500], last = -1;
    int64_t received = 0, falling = 0;
    pthread_t thread;
    ring_init(&r, 4096, NULL);
    pthread_create(&thread, NULL, send, &r);
    while (received + r.lost < SENT) {
        int64_t n = ring_read(&r, out, 500);
        for (int64_t k = 0; k < n; k++) {
            falling += out[k] <= last;
            last = out[k];
        }
        received += n;
    }
    pthread_join(thread, NULL);
    CHECK(t, received + r.lost == SENT && received > 0 && falling == 0, "%lld + %lld, %lld falling", (long long)received, (long long)r.lost, (long long)falling);
    ring_free(&r);
}

/* ---- Conversion --------------------------------------------------------------*/

/* Frames in pieces give the samples of one conversion, then one resampling. */
static void test_intake(test_state *t) {
    static const pcm_format formats[] = {
        { SAMPLE_F32, 44100, 1 }, { SAMPLE_F32, 48000, 2 }, { SAMPLE_S16, 48000, 1 }, { SAMPLE_S16, 16000, 2 },
        { SAMPLE_S24, 96000, 8 }, { SAMPLE_S32, 192000, 1 }, { SAMPLE_F32, 8000, 1 }, { SAMPLE_S16, 1000, 1 },
    };
    enum { FRAMES = 6000, CAPACITY = 1 << 17 };
    float *want = malloc(CAPACITY * sizeof(float)), *got = malloc(CAPACITY * sizeof(float)), *mono = malloc(FRAMES * sizeof(float));
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        pcm_format f = formats[i];
        int32_t frame = pcm_frame_bytes(&f);
        uint8_t *bytes = malloc((size_t)(FRAMES * frame));
        for (int64_t k = 0; k < FRAMES * frame; k++) bytes[k] = (uint8_t)test_random(t);
        int64_t silent = 2000; /* the last frames */
        pcm_to_mono(&f, bytes, FRAMES - silent, mono);
        memset(mono + FRAMES - silent, 0, (size_t)silent * sizeof(float));
        resampler *r;
        resampler_new(f.rate, VOX_SAMPLE_RATE, &r, NULL);
        int64_t n = resampler_push(r, mono, FRAMES, want), made = 0;
        sample_ring ring;
        intake in;
        ring_init(&ring, CAPACITY, NULL);
        CHECK(t, intake_init(&in, &f, &ring, NULL) == VOX_OK, "%d Hz is refused", f.rate);
        for (int64_t at = 0, take; at < FRAMES - silent; at += take) {
            take = test_range(t, 1, 1500);
            if (take > FRAMES - silent - at) take = FRAMES - silent - at;
            intake_push(&in, bytes + at * frame, take);
        }
        intake_push(&in, NULL, silent);
        made = ring_read(&ring, got, CAPACITY);
        CHECK(t, made == n && memcmp(got, want, (size_t)n * sizeof(float)) == 0, "%d Hz, %d channels: %lld samples, not %lld, or others", f.rate, f.channels, (long long)made, (long long)n);
        intake_lose(&in, 0.25);
        intake_lose(&in, -1);
        CHECK(t, ring.lost == VOX_SAMPLE_RATE / 4, "%lld lost", (long long)ring.lost);
        intake_free(&in);
        ring_free(&ring);
        resampler_free(r);
        free(bytes);
    }
    free(want), free(got), free(mono);
}

static void test_intake_refusals(test_state *t) {
    static const struct { pcm_format format; const char *word; } bad[] = {
        { { SAMPLE_S16, 48000, 0 }, "0 channels" }, { { SAMPLE_S16, 48000, 65 }, "65 channels" }, { { SAMPLE_S16, 10, 1 }, "10 Hz" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        intake in;
        sample_ring ring = { 0 };
        vox_error e = { 0 };
        CHECK(t, intake_init(&in, &bad[i].format, &ring, &e) < 0 && strstr(e.text, bad[i].word), "\"%s\" lacks %s", e.text, bad[i].word);
        intake_free(&in);
    }
}

/* ---- Devices -------------------------------------------------------------------*/

static const capture_device some[] = {
    { .id = "alsa_input.usb-yeti", .name = "Yeti Stereo Microphone", .default_input = true, .rate = 48000, .channels = 2 },
    { .id = "alsa_input.pci", .name = "Built-in Audio Analog Stereo", .rate = 44100, .channels = 2 },
    { .id = "alsa_output.pci.monitor", .name = "Monitor of Built-in Audio Analog Stereo", .monitor = true, .default_monitor = true },
    { .id = "alsa_output.hdmi.monitor", .name = "Monitor of \"HDMI\"", .monitor = true },
};

static void test_choice(test_state *t) {
    enum { NONE = -1, N = sizeof some / sizeof *some };
    static const struct { const char *name; int32_t system, found; const char *word; } cases[] = {
        { "", 0, 0, "" },
        { "", 1, 2, "" },
        { "alsa_input.pci", 0, 1, "" },
        { "YETI stereo microphone", 0, 0, "" },
        { "yeti", 0, 0, "" },
        { "built-in", 0, 1, "" }, /* the only input of two */
        { "built-in", 1, 2, "" },
        { "hdmi", 0, 3, "" },
        { "alsa", 0, NONE, "fits 4" },
        { "monitor", 1, NONE, "fits 2" },
        { "yeti", 1, NONE, "what the computer plays" },
        { "none", 0, NONE, "\"none\"" },
    };
    capture_list list = { 0 }, empty = { 0 };
    for (int32_t i = 0; i < N; i++) capture_list_add(&list, &some[i], NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vox_error e = { 0 };
        const capture_device *d = capture_find(&list, cases[i].name, cases[i].system, &e);
        CHECK(t, (d ? (int32_t)(d - list.devices) : NONE) == cases[i].found, "\"%s\": %s", cases[i].name, d ? d->id : e.text);
        CHECK(t, strstr(e.text, cases[i].word), "\"%s\": \"%s\"", cases[i].name, e.text);
        CHECK(t, !d == (e.code != VOX_OK), "\"%s\": code %d", cases[i].name, e.code);
    }
    for (int32_t system = 0; system < 2; system++) {
        vox_error e = { 0 };
        CHECK(t, !capture_find(&empty, "", system, &e) && strstr(e.text, system ? "no output" : "no microphone"), "\"%s\"", e.text);
    }
    capture_list_free(&list);
}

static void test_device_json(test_state *t) {
    char text[1024];
    int64_t length = 0;
    json doc;
    vox_error e = { 0 };
    capture_append_device(text, sizeof text, &length, &some[3]);
    CHECK(t, json_parse(text, (size_t)length, "device", &doc, &e) == VOX_OK, "%s", e.text);
    CHECK(t, !strcmp(json_get(doc.root, "name")->text, some[3].name), "%s", text);
    CHECK(t, !strcmp(json_get(doc.root, "kind")->text, "monitor") && json_is(json_get(doc.root, "default"), JSON_FALSE), "%s", text);
    json_free(&doc);
    length = 0;
    capture_append_device(text, sizeof text, &length, &some[0]);
    CHECK(t, strstr(text, "\"kind\": \"input\", \"default\": true, \"rate\": 48000, \"channels\": 2}") != NULL, "%s", text);
}

/* ---- Recordings ------------------------------------------------------------------*/

static void sleep_ms(int32_t ms) { nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000L }, NULL); }

/* A device that does not exist: one sentence, whatever sound systems there are. */
static void test_failing(test_state *t) {
    vox_capture_t *c;
    float samples[16];
    int32_t n = 0;
    CHECK(t, vox_capture_open("no such device", 0, NULL, &c) == VOX_OK, "not opened");
    for (int32_t i = 0; i < 500 && (n = vox_capture_read(c, samples, 16)) == 0; i++) sleep_ms(10);
    CHECK(t, n < 0 && vox_capture_error(c)[0], "%d: \"%s\"", n, vox_capture_error(c));
    CHECK(t, vox_capture_read(c, samples, 16) == n, "another status the second time");
    char info[64];
    CHECK(t, vox_capture_info(c, info, sizeof info) == 2 && !strcmp(info, "{}") && vox_capture_lost(c) == 0, "%s", info);
    vox_capture_close(c);
}

static void test_arguments(test_state *t) {
    float samples[4];
    char text[4];
    vox_capture_t *c = NULL;
    CHECK(t, vox_capture_open("", 0, NULL, NULL) == VOX_E_ARGUMENT, "no out");
    CHECK(t, vox_capture_read(NULL, samples, 4) == VOX_E_ARGUMENT && vox_capture_info(NULL, text, 4) == VOX_E_ARGUMENT, "no capture");
    CHECK(t, vox_capture_devices(NULL, 4, NULL, 0) == VOX_E_ARGUMENT && vox_capture_devices(text, -1, NULL, 0) == VOX_E_ARGUMENT, "no buffer");
    CHECK(t, vox_capture_lost(NULL) == 0 && !vox_capture_error(NULL)[0], "nothing");
    vox_capture_close(NULL);
    for (int32_t i = 0; i < 20; i++) { /* closed while it opens */
        CHECK(t, vox_capture_open(i % 2 ? "no such device" : "alsa:no such device", i % 3 == 0, NULL, &c) == VOX_OK && c, "not opened");
        CHECK(t, vox_capture_read(c, NULL, 4) == VOX_E_ARGUMENT && vox_capture_read(c, samples, -1) == VOX_E_ARGUMENT, "bad arguments");
        vox_capture_close(c);
    }
    sleep_ms(300); /* their threads end */
}

int main(void) {
    test_state t = { .random = 15 };
    test_ring(&t);
    test_ring_threads(&t);
    test_intake(&t);
    test_intake_refusals(&t);
    test_choice(&t);
    test_device_json(&t);
    test_failing(&t);
    test_arguments(&t);
    return test_report(&t);
}
