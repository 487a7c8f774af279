/* lib/wav.c: headers of every accepted kind in random cuts, sample values of every
 * format, and damaged or foreign headers. */
#include "wav.h"
#include "test.h"

/* ---- Writing headers -----------------------------------------------------*/

typedef struct bytes { uint8_t at[1024]; size_t n; } bytes;

static void put(bytes *b, uint64_t value, int32_t size) {
    for (int32_t i = 0; i < size; i++) b->at[b->n++] = (uint8_t)(value >> (8 * i));
}
static void text(bytes *b, const char *s) {
    while (*s) b->at[b->n++] = (uint8_t)*s++;
}
static void riff(bytes *b, const char *id, uint32_t size) {
    b->n = 0;
    text(b, id);
    put(b, size, 4);
    text(b, "WAVE");
}
static void fmt(bytes *b, uint32_t tag, uint32_t channels, uint32_t rate, uint32_t bits) {
    uint32_t frame = channels * (bits / 8);
    text(b, "fmt ");
    put(b, 16, 4);
    put(b, tag, 2);
    put(b, channels, 2);
    put(b, rate, 4);
    put(b, (uint64_t)rate * frame, 4);
    put(b, frame, 2);
    put(b, bits, 2);
}
static void extensible(bytes *b, uint32_t tag, uint32_t channels, uint32_t rate, uint32_t bits) {
    size_t start = b->n;
    fmt(b, 0xFFFE, channels, rate, bits);
    b->at[start + 4] = 40;
    put(b, 22, 2);
    put(b, bits, 2);
    put(b, 3, 4);
    put(b, tag, 2);
    static const uint8_t tail[14] = { 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71 };
    memcpy(b->at + b->n, tail, 14);
    b->n += 14;
}
static void chunk(bytes *b, const char *id, uint32_t size) { /* with its body and padding */
    text(b, id);
    put(b, size, 4);
    for (uint32_t i = 0; i < size + (size & 1); i++) b->at[b->n++] = (uint8_t)i;
}
static void data(bytes *b, uint32_t size) {
    text(b, "data");
    put(b, size, 4);
}

/* ---- Reading them --------------------------------------------------------*/

/* Pushes b in random cuts of at most `most` bytes, each against an unreadable page. */
static int32_t push(test_state *t, wav_header *h, const bytes *b, int32_t most, size_t *used, vox_error *e) {
    wav_header_init(h);
    *used = 0;
    while (*used < b->n) {
        size_t size = (size_t)test_range(t, 1, most), taken;
        if (size > b->n - *used) size = b->n - *used;
        guarded piece = guarded_copy(b->at + *used, size);
        int32_t status = wav_header_push(h, piece.bytes, size, &taken, e);
        guarded_free(&piece);
        *used += taken;
        if (status != 0) return status;
        CHECK(t, taken == size, "took %zu of %zu without an end", taken, size);
    }
    return 0;
}

/* The header ends exactly at b's end, four bytes of samples follow. */
static void accepts(test_state *t, const char *what, bytes *b, sample_format sample, int32_t rate, int32_t channels, int64_t size) {
    size_t end = b->n, used;
    put(b, 0x01020304, 4);
    for (int32_t most = 1; most <= 1024; most = most == 1 ? 7 : most == 7 ? 60 : most * 20) {
        wav_header h;
        vox_error e = { 0 };
        int32_t status = push(t, &h, b, most, &used, &e);
        CHECK(t, status == 1, "%s: status %d, %s", what, status, e.text);
        CHECK(t, used == end, "%s: header of %zu bytes, expected %zu", what, used, end);
        CHECK(t, h.format.sample == sample && h.format.rate == rate && h.format.channels == channels, "%s: format %d, %d Hz, %d channels",
              what, h.format.sample, h.format.rate, h.format.channels);
        CHECK(t, h.data_bytes == size, "%s: %lld bytes of data", what, (long long)h.data_bytes);
    }
}

/* Refused with a sentence that holds each of the words, again on the next push, and never later than the whole. */
static void refuses(test_state *t, const char *what, const bytes *b, const char *word, const char *other) {
    for (int32_t most = 1; most <= 1024; most *= 32) {
        wav_header h;
        size_t used;
        vox_error e = { 0 }, again = { 0 };
        int32_t status = push(t, &h, b, most, &used, &e);
        CHECK(t, status == VOX_E_FORMAT, "%s: status %d", what, status);
        CHECK(t, strstr(e.text, word) && strstr(e.text, other), "%s: \"%s\" lacks %s or %s", what, e.text, word, other);
        status = wav_header_push(&h, b->at, 1, &used, &again);
        CHECK(t, status == VOX_E_FORMAT && strcmp(e.text, again.text) == 0, "%s: later %d, %s", what, status, again.text);
    }
}

/* ---- Tests ---------------------------------------------------------------*/

static void test_formats(test_state *t) {
    static const struct { uint32_t tag, bits; sample_format sample; } kinds[] = {
        { 1, 8, SAMPLE_U8 }, { 1, 16, SAMPLE_S16 }, { 1, 24, SAMPLE_S24 }, { 1, 32, SAMPLE_S32 }, { 3, 32, SAMPLE_F32 }, { 3, 64, SAMPLE_F64 },
    };
    static const uint32_t rates[] = { 1000, 44100, 768000 }, channels[] = { 1, 2, 64 };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int32_t k = 0; k < 3; k++) {
            bytes b;
            riff(&b, "RIFF", 1036);
            fmt(&b, kinds[i].tag, channels[k], rates[k], kinds[i].bits);
            data(&b, 1000);
            accepts(t, "plain", &b, kinds[i].sample, (int32_t)rates[k], (int32_t)channels[k], 1000);
            riff(&b, "RIFF", 1060);
            extensible(&b, kinds[i].tag, channels[k], rates[k], kinds[i].bits);
            data(&b, 1000);
            accepts(t, "extensible", &b, kinds[i].sample, (int32_t)rates[k], (int32_t)channels[k], 1000);
            wav_header h;
            size_t used;
            push(t, &h, &b, 5, &used, NULL);
            CHECK(t, pcm_frame_bytes(&h.format) == (int32_t)(channels[k] * kinds[i].bits / 8), "%d bytes a frame", pcm_frame_bytes(&h.format));
        }
}

static void test_chunks(test_state *t) {
    bytes b;
    riff(&b, "RIFF", 0);
    chunk(&b, "LIST", 27);
    fmt(&b, 1, 2, 48000, 16);
    chunk(&b, "fact", 4);
    chunk(&b, "odd ", 1);
    chunk(&b, "none", 0);
    chunk(&b, "bext", 602);
    data(&b, 77);
    accepts(t, "chunks before data", &b, SAMPLE_S16, 48000, 2, 77);

    riff(&b, "RIFF", UINT32_MAX);
    fmt(&b, 1, 1, 16000, 16);
    chunk(&b, "LIST", 26);
    data(&b, UINT32_MAX);
    accepts(t, "a pipe's header", &b, SAMPLE_S16, 16000, 1, INT64_MAX);
    riff(&b, "RIFF", 0);
    fmt(&b, 1, 1, 16000, 16);
    data(&b, 0);
    accepts(t, "zero sizes", &b, SAMPLE_S16, 16000, 1, INT64_MAX);

    riff(&b, "RIFF", 50); /* fmt of 19 bytes: extension and padding are passed over */
    size_t start = b.n;
    fmt(&b, 1, 1, 22050, 16);
    b.at[start + 4] = 19;
    put(&b, 0xABABABAB, 4);
    data(&b, 6);
    accepts(t, "odd fmt", &b, SAMPLE_S16, 22050, 1, 6);
    riff(&b, "RIFF", 100);
    start = b.n;
    extensible(&b, 3, 1, 22050, 32);
    b.at[start + 4] = 48;
    put(&b, 0, 8);
    data(&b, 8);
    accepts(t, "long fmt", &b, SAMPLE_F32, 22050, 1, 8);
}

static void test_rf64(test_state *t) {
    static const struct { uint64_t stated; uint32_t size; int64_t expected; } cases[] = {
        { 5000000000u, UINT32_MAX, 5000000000 }, { 0, UINT32_MAX, INT64_MAX }, { UINT64_MAX, UINT32_MAX, INT64_MAX }, { 5000000000u, 400, 400 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes b;
        riff(&b, "RF64", UINT32_MAX);
        text(&b, "ds64");
        put(&b, i == 3 ? 33 : 28, 4);
        put(&b, cases[i].stated + 36, 8);
        put(&b, cases[i].stated, 8);
        put(&b, 0, 8);
        put(&b, 0, 4);
        if (i == 3) put(&b, 0, 6); /* a table entry cut short, and padding */
        fmt(&b, 1, 1, 16000, 16);
        data(&b, cases[i].size);
        accepts(t, "RF64", &b, SAMPLE_S16, 16000, 1, cases[i].expected);
    }
}

static void test_refusals(test_state *t) {
    static const struct { uint32_t tag, channels, rate, bits; const char *word, *other; } bad[] = {
        { 0x0055, 1, 16000, 0, "0x0055 (MP3)", "ffmpeg" },  { 0x0006, 1, 8000, 8, "A-law", "ffmpeg" },
        { 0x1234, 1, 8000, 8, "0x1234 (unknown)", "PCM" },  { 1, 1, 16000, 12, "12 bits", "8, 16, 24 or 32" },
        { 3, 1, 16000, 16, "16 bits", "32 or 64" },         { 1, 1, 16000, 0, "0 bits", "expected" },
        { 1, 0, 16000, 16, "0 channels", "1 to 64" },       { 1, 65, 16000, 16, "65 channels", "1 to 64" },
        { 1, 1, 999, 16, "999 Hz", "1000 to 768000" },      { 1, 1, 0, 16, "0 Hz", "1000 to 768000" },
        { 1, 1, 768001, 16, "768001 Hz", "768000" },        { 1, 1, UINT32_MAX, 16, "4294967295 Hz", "768000" },
    };
    bytes b;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        riff(&b, "RIFF", 1036);
        fmt(&b, bad[i].tag, bad[i].channels, bad[i].rate, bad[i].bits);
        data(&b, 1000);
        refuses(t, "fmt", &b, bad[i].word, bad[i].other);
        riff(&b, "RIFF", 1036);
        extensible(&b, bad[i].tag, bad[i].channels, bad[i].rate, bad[i].bits);
        data(&b, 1000);
        refuses(t, "extensible", &b, bad[i].word, bad[i].other);
    }
    riff(&b, "RIFF", 1036);
    fmt(&b, 1, 2, 16000, 16);
    b.at[32] = 2; /* bytes per frame */
    refuses(t, "frame size", &b, "2 bytes per frame", "are 4");
    riff(&b, "RIFF", 1036);
    fmt(&b, 0xFFFE, 2, 16000, 16);
    refuses(t, "short extensible", &b, "16 bytes", "40");
    riff(&b, "RIFF", 1036);
    extensible(&b, 1, 2, 16000, 16);
    b.at[b.n - 1] ^= 1;
    refuses(t, "GUID", &b, "neither PCM nor float", "GUID");
    riff(&b, "RIFF", 1036);
    text(&b, "fmt ");
    put(&b, 15, 4);
    refuses(t, "short fmt", &b, "fmt chunk is 15 bytes", "16");
    riff(&b, "RF64", 1036);
    text(&b, "ds64");
    put(&b, 8, 4);
    refuses(t, "short ds64", &b, "ds64 chunk is 8 bytes", "28");
    riff(&b, "RIFF", 1036);
    data(&b, 1000);
    refuses(t, "no fmt", &b, "before the fmt chunk", "format");
    riff(&b, "RIFX", 1036);
    refuses(t, "RIFX", &b, "52 49 46 58", "RIFF");
    riff(&b, "RIFF", 1036);
    memcpy(b.at + 8, "AVI ", 4);
    refuses(t, "AVI", &b, "41 56 49 20", "WAVE");
}

/* No bytes may read or write where they should not, or stop without taking all. */
static void test_random_bytes(test_state *t) {
    for (int32_t i = 0; i < 20000; i++) {
        bytes b;
        riff(&b, i & 1 ? "RIFF" : "RF64", (uint32_t)test_random(t));
        if (i & 2) extensible(&b, 1, 1, 16000, 16);
        chunk(&b, i & 4 ? "ds64" : "LIST", 28);
        fmt(&b, 3, 2, 48000, 32);
        data(&b, (uint32_t)test_random(t));
        for (int32_t k = test_range(t, 0, 6); k > 0; k--) b.at[test_range(t, 4, (int32_t)b.n - 1)] = (uint8_t)test_random(t);
        wav_header h;
        size_t used;
        vox_error e = { 0 };
        int32_t status = push(t, &h, &b, test_range(t, 1, 80), &used, &e);
        CHECK(t, status == 0 || status == 1 || (status == VOX_E_FORMAT && e.text[0]), "status %d", status);
        if (status == 1)
            CHECK(t, h.format.rate >= 1000 && h.format.rate <= 768000 && h.format.channels >= 1 && h.format.channels <= 64 && h.data_bytes > 0,
                  "%d Hz, %d channels, %lld bytes", h.format.rate, h.format.channels, (long long)h.data_bytes);
    }
}

/* ---- Samples -------------------------------------------------------------*/

static float mono(sample_format sample, int32_t channels, const void *from, size_t size) {
    guarded g = guarded_copy(from, size);
    float out = 99;
    pcm_to_mono(&(pcm_format){ sample, 16000, channels }, g.bytes, 1, &out);
    guarded_free(&g);
    return out;
}

static void test_samples(test_state *t) {
    static const struct { sample_format sample; uint64_t bits; float value; } exact[] = {
        { SAMPLE_U8, 0, -1 },              { SAMPLE_U8, 128, 0 },         { SAMPLE_U8, 255, 127 / 128.0f },
        { SAMPLE_S16, 0x8000, -1 },        { SAMPLE_S16, 0x7FFF, 32767 / 32768.0f }, { SAMPLE_S16, 0xFFFF, -1 / 32768.0f },
        { SAMPLE_S24, 0x800000, -1 },      { SAMPLE_S24, 0x7FFFFF, 8388607 / 8388608.0f }, { SAMPLE_S24, 0xFFFFFF, -1 / 8388608.0f },
        { SAMPLE_S32, 0x80000000, -1 },    { SAMPLE_S32, 0x40000000, 0.5f },         { SAMPLE_S32, 1, 1 / 2147483648.0f },
        { SAMPLE_F32, 0x3DCCCCCD, 0.1f },  { SAMPLE_F32, 0xBF800000, -1 },           { SAMPLE_F32, 0x40000000, 1 } /* 2.0 is clipped */,
        { SAMPLE_F32, 0x7FC00000, 0 },     { SAMPLE_F32, 0xFF800000, 0 } /* NaN, -inf */, { SAMPLE_F32, 0x80000001, -1e-45f },
        { SAMPLE_F64, 0x3FB999999999999A, 0.1f }, { SAMPLE_F64, 0x7FF0000000000000, 0 }, { SAMPLE_F64, 0xC059000000000000, -1 } /* -100.0 */,
    };
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        bytes b = { .n = 0 };
        put(&b, exact[i].bits, 8);
        size_t size = (size_t)pcm_frame_bytes(&(pcm_format){ exact[i].sample, 16000, 1 });
        float got = mono(exact[i].sample, 1, b.at, size);
        CHECK(t, got == exact[i].value, "format %d, 0x%llX: %.9g, expected %.9g", exact[i].sample, (unsigned long long)exact[i].bits, got, exact[i].value);
    }
    int16_t stereo[] = { 1000, -3000 }, many[64];
    CHECK(t, mono(SAMPLE_S16, 2, stereo, sizeof stereo) == -1000 / 32768.0f, "the mean of two channels");
    for (int32_t i = 0; i < 64; i++) many[i] = (int16_t)(32767 - i);
    CHECK(t, mono(SAMPLE_S16, 64, many, sizeof many) == (32767 - 31.5f) / 32768, "the mean of 64 channels");
    int16_t all[65536];
    float out[65536];
    for (int32_t i = 0; i < 65536; i++) all[i] = (int16_t)(i - 32768);
    pcm_to_mono(&(pcm_format){ SAMPLE_S16, 16000, 1 }, (const uint8_t *)all, 65536, out);
    for (int32_t i = 0; i < 65536; i++) CHECK(t, out[i] == (float)(i - 32768) / 32768, "s16 %d gives %g", i - 32768, out[i]);
}

int main(void) {
    test_state t = { .random = 13 };
    test_formats(&t);
    test_chunks(&t);
    test_rf64(&t);
    test_refusals(&t);
    test_random_bytes(&t);
    test_samples(&t);
    return test_report(&t);
}
