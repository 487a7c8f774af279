/* lib/input.c: every encoding, rate and cut gives the samples of a conversion in
 * one piece; limited room, ends, refusals; whole files. */
#include "input.h"
#include "resample.h"
#include "test.h"
#include "wav.h"

enum { MOST_SAMPLES = 1 << 20 };

/* ---- Helpers -------------------------------------------------------------*/

typedef struct cuts { int32_t bytes, room; } cuts; /* pushes of 1 .. bytes with room for 0 .. room samples */

/* All samples of the bytes; a vox_status when one came. What is read and what is
 * written end at an unreadable page. */
static int64_t run(test_state *t, input *in, const uint8_t *bytes, int64_t size, cuts c, float *out, vox_error *e) {
    enum { AREA = 1 << 18 };
    static const uint8_t blank[AREA];
    guarded from = guarded_copy(blank, AREA), to = guarded_copy(blank, AREA);
    int64_t made = 0, k = 0;
    for (int64_t at = 0, taken; at < size; at += taken) {
        int64_t piece = test_range(t, 1, c.bytes), room = test_range(t, 0, c.room);
        if (piece > size - at) piece = size - at;
        uint8_t *head = from.bytes + AREA - piece, *space = to.bytes + AREA - room * (int64_t)sizeof(float);
        memcpy(head, bytes + at, (size_t)piece);
        k = input_push(in, head, piece, &taken, (float *)(void *)space, room, e);
        if (k < 0) break;
        CHECK(t, k <= room && taken >= 0 && taken <= piece, "%lld samples in room for %lld, %lld of %lld bytes",
              (long long)k, (long long)room, (long long)taken, (long long)piece);
        CHECK(t, room < 1024 || taken > 0 || k > 0, "no progress with room for %lld", (long long)room);
        memcpy(out + made, space, (size_t)k * sizeof(float));
        made += k;
    }
    guarded_free(&from);
    guarded_free(&to);
    if (k < 0) return k;
    do {
        k = input_end(in, out + made, test_range(t, 1024, 1024 + c.room), e);
        if (k > 0) made += k;
    } while (k > 0);
    return k < 0 ? k : made;
}

/* The promise: the mean of the channels, resampled in one push. */
static int64_t expected(pcm_format f, const uint8_t *bytes, int64_t size, float *out) {
    int64_t n = size / pcm_frame_bytes(&f), made;
    float *mono = malloc((size_t)(n + 1) * sizeof(float));
    resampler *r;
    pcm_to_mono(&f, bytes, n, mono);
    resampler_new(f.rate, 16000, &r, NULL);
    made = resampler_push(r, mono, n, out);
    made += resampler_drain(r, out + made, INT64_MAX);
    resampler_free(r);
    free(mono);
    return made;
}

static void le(uint8_t *at, uint32_t value, int32_t size) {
    for (int32_t i = 0; i < size; i++) at[i] = (uint8_t)(value >> (8 * i));
}

/* A plain header; returns its size, 44. */
static int64_t wave_header(uint8_t *at, pcm_format f, uint32_t data) {
    int32_t frame = pcm_frame_bytes(&f), sample = frame / f.channels;
    memcpy(at, "RIFF    WAVEfmt ", 16);
    le(at + 4, data + 36, 4);
    le(at + 16, 16, 4);
    le(at + 20, f.sample >= SAMPLE_F32 ? 3 : 1, 2);
    le(at + 22, (uint32_t)f.channels, 2);
    le(at + 24, (uint32_t)f.rate, 4);
    le(at + 28, (uint32_t)(f.rate * frame), 4);
    le(at + 32, (uint32_t)frame, 2);
    le(at + 34, (uint32_t)sample * 8, 2);
    memcpy(at + 36, "data", 4);
    le(at + 40, data, 4);
    return 44;
}

static uint8_t *random_bytes(test_state *t, pcm_format f, int64_t n) {
    uint8_t *bytes = malloc((size_t)n + 64);
    for (int64_t i = 0; i < n; i++) bytes[i] = (uint8_t)test_random(t);
    if (f.sample == SAMPLE_F32) /* some are huge, some NaN */
        for (int64_t i = 0; i + 4 <= n; i += 8) memcpy(bytes + i, &(float){ test_float(t) }, 4);
    return bytes;
}

static const cuts ways[] = { { 1, 1100 }, { 7, 3000 }, { 4000, 1500 }, { 1 << 18, 1200 }, { 1 << 18, 1 << 16 } };
enum { WAYS = sizeof ways / sizeof *ways };

/* ---- Tests ---------------------------------------------------------------*/

static void check_same(test_state *t, const char *what, int32_t encoding, pcm_format f, const uint8_t *bytes, int64_t size,
                       const float *want, int64_t n) {
    float *got = malloc(MOST_SAMPLES * sizeof(float));
    for (int32_t i = 0; i < WAYS; i++) {
        input *in;
        vox_error e = { 0 };
        CHECK(t, input_new(encoding, f.rate, f.channels, 16000, &in, &e) == 0, "%s", e.text);
        int64_t made = run(t, in, bytes, size, ways[i], got, &e);
        CHECK(t, made == n, "%s, %d Hz, %d channels, way %d: %lld samples, expected %lld %s", what, f.rate, f.channels, i, (long long)made, (long long)n, e.text);
        CHECK(t, made != n || memcmp(got, want, (size_t)n * sizeof(float)) == 0, "%s, %d Hz, %d channels, way %d: other samples", what, f.rate, f.channels, i);
        int64_t taken;
        CHECK(t, input_push(in, bytes, 1, &taken, got, 1024, NULL) == VOX_E_STATE, "%s: audio after the end", what);
        input_free(in);
    }
    free(got);
}

static void test_encodings(test_state *t) {
    static const pcm_format formats[] = {
        { SAMPLE_S16, 16000, 1 }, { SAMPLE_S16, 8000, 1 }, { SAMPLE_S16, 44100, 2 }, { SAMPLE_F32, 48000, 1 }, { SAMPLE_F32, 16000, 2 },
        { SAMPLE_F32, 768000, 1 }, { SAMPLE_S16, 1000, 64 }, { SAMPLE_U8, 16000, 1 }, { SAMPLE_U8, 11025, 3 }, { SAMPLE_S24, 96000, 2 },
        { SAMPLE_S32, 22050, 1 }, { SAMPLE_F64, 16001, 2 }, { SAMPLE_F64, 32000, 64 },
    };
    float *want = malloc(MOST_SAMPLES * sizeof(float));
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        pcm_format f = formats[i];
        int64_t size = 3000 + 25 * pcm_frame_bytes(&f) + test_range(t, 0, 200); /* rarely whole frames */
        uint8_t *bytes = random_bytes(t, f, size), *wave = malloc((size_t)size + 144);
        int64_t n = expected(f, bytes, size, want);
        if (f.sample == SAMPLE_S16 || f.sample == SAMPLE_F32)
            check_same(t, "raw", f.sample == SAMPLE_S16 ? VOX_ENCODING_S16 : VOX_ENCODING_F32, f, bytes, size, want, n);
        if (f.sample == SAMPLE_S16 && f.rate == 16000)
            check_same(t, "raw by detection", VOX_ENCODING_AUTO, f, bytes, size, want, n);
        static const uint32_t streamed[] = { 0, UINT32_MAX, 1 << 30 }; /* unknown, unknown, cut short */
        for (int32_t k = 0; k < 4; k++) {
            int64_t head = wave_header(wave, f, k < 3 ? streamed[k] : (uint32_t)size), tail = k < 3 ? 0 : 100;
            memcpy(wave + head, bytes, (size_t)size);
            memset(wave + head + size, 0x55, (size_t)tail); /* what follows the data is not audio */
            check_same(t, "wave", VOX_ENCODING_AUTO, f, wave, head + size + tail, want, n);
        }
        free(wave);
        free(bytes);
    }
    free(want);
}

/* Raw audio shorter than what detection waits for; nothing at all. */
static void test_short(test_state *t) {
    for (int64_t size = 0; size < 12; size++) {
        uint8_t bytes[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
        pcm_format f = { SAMPLE_S16, 16000, 1 };
        float want[8];
        int64_t n = expected(f, bytes, size, want);
        check_same(t, "short", VOX_ENCODING_AUTO, f, bytes, size, want, n);
    }
}

static void test_refusals(test_state *t) {
    static const struct { const char *bytes; size_t size; const char *word; } foreign[] = {
        { "OggS\0\2\0\0\0\0\0\0", 12, "Ogg" }, { "fLaC\0\0\0\42....", 12, "FLAC" }, { "ID3\4\0\0\0\0....", 12, "MP3" },
        { "\0\0\0\40ftypM4A ", 12, "MP4" }, { "\x1A\x45\xDF\xA3\1\0\0\0\0\0\0\37", 12, "WebM" }, { "FORM\0\0\1\0AIFF", 12, "AIFF" },
        { "RIFX\0\0\1\0WAVE", 12, "big-endian" }, { "RIFF\0\0\1\0AVI ", 12, "expected WAVE" },
    };
    float out[1024];
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        for (int32_t k = 0; k < 2; k++) {
            input *in;
            vox_error e = { 0 };
            input_new(VOX_ENCODING_AUTO, 0, 0, 16000, &in, NULL);
            int64_t status = run(t, in, (const uint8_t *)foreign[i].bytes, (int64_t)foreign[i].size, (cuts){ k ? 1 : 100, 1024 }, out, &e), taken;
            CHECK(t, status == VOX_E_FORMAT && strstr(e.text, foreign[i].word), "%s: %lld, %s", foreign[i].word, (long long)status, e.text);
            CHECK(t, input_push(in, (const uint8_t *)"....", 4, &taken, out, 1024, NULL) == VOX_E_FORMAT, "%s: forgiven later", foreign[i].word);
            input_free(in);
        }
    uint8_t header[44];
    wave_header(header, (pcm_format){ SAMPLE_S16, 16000, 1 }, 100);
    for (int64_t size = 4; size <= 44; size++) { /* cut inside the header */
        input *in;
        vox_error e = { 0 };
        input_new(VOX_ENCODING_AUTO, 0, 0, 16000, &in, NULL);
        int64_t status = run(t, in, header, size, (cuts){ 20, 1024 }, out, &e);
        CHECK(t, status == (size < 44 ? VOX_E_FORMAT : 0), "header of %lld bytes: %lld", (long long)size, (long long)status);
        CHECK(t, size == 44 || strstr(e.text, "inside its header"), "header of %lld bytes: %s", (long long)size, e.text);
        input_free(in);
    }
    static const struct { int32_t encoding, rate, channels; const char *word; } bad[] = {
        { 3, 16000, 1, "encoding 3" }, { -1, 16000, 1, "encoding -1" }, { 1, 999, 1, "999 Hz" }, { 2, 768001, 1, "768001 Hz" },
        { 2, 16000, 0, "0 input channels" }, { 1, 16000, 65, "65 input channels" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        input *in;
        vox_error e = { 0 };
        CHECK(t, input_new(bad[i].encoding, bad[i].rate, bad[i].channels, 16000, &in, &e) == VOX_E_ARGUMENT && !in, "%s", bad[i].word);
        CHECK(t, strstr(e.text, bad[i].word), "\"%s\" lacks %s", e.text, bad[i].word);
    }
}

/* ---- Whole files ---------------------------------------------------------*/

static void write_file(const char *path, const uint8_t *bytes, int64_t size) {
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, (size_t)size, file) != (size_t)size || fclose(file)) { perror(path); exit(2); }
}

static void test_files(test_state *t) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/voxtral-input-%d.wav", (int)getpid());
    pcm_format f = { SAMPLE_S16, 44100, 2 };
    int64_t size = 700001, n, got;
    uint8_t *bytes = random_bytes(t, f, size), *wave = malloc((size_t)size + 44);
    float *want = malloc(MOST_SAMPLES * sizeof(float)), *samples;
    vox_error e = { 0 };
    n = expected(f, bytes, size, want);
    memcpy(wave + wave_header(wave, f, (uint32_t)size), bytes, (size_t)size);
    write_file(path, wave, size + 44);
    CHECK(t, wav_load(path, 16000, &samples, &got, &e) == 0 && got == n, "%lld samples, expected %lld %s", (long long)got, (long long)n, e.text);
    CHECK(t, got == n && memcmp(samples, want, (size_t)n * sizeof(float)) == 0, "other samples");
    free(samples);
    write_file(path, wave, 44);
    CHECK(t, wav_load(path, 16000, &samples, &got, &e) == 0 && got == 0 && samples, "a file without samples: %s", e.text);
    free(samples);
    static const struct { int64_t from, size; const char *word; } bad[] = { { 0, 0, "ended inside" }, { 0, 30, "ended inside" }, { 44, 100, "not a WAVE file" } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vox_error why = { 0 };
        write_file(path, wave + bad[i].from, bad[i].size);
        CHECK(t, wav_load(path, 16000, &samples, &got, &why) == VOX_E_FORMAT && !samples && got == 0, "case %zu is accepted", i);
        CHECK(t, strstr(why.text, path) && strstr(why.text, bad[i].word), "case %zu: \"%s\"", i, why.text);
    }
    remove(path);
    vox_error missing = { 0 }, folder = { 0 };
    CHECK(t, wav_load(path, 16000, &samples, &got, &missing) == VOX_E_IO && strstr(missing.text, path), "missing: %s", missing.text);
    CHECK(t, wav_load("/tmp", 16000, &samples, &got, &folder) == VOX_E_IO && strstr(folder.text, "/tmp"), "a folder: %s", folder.text);
    free(wave);
    free(bytes);
    free(want);
}

int main(void) {
    test_state t = { .random = 14 };
    test_encodings(&t);
    test_short(&t);
    test_refusals(&t);
    test_files(&t);
    return test_report(&t);
}
