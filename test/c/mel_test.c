/* lib/mel.c against a plain double-precision DFT of the whole padded signal, and
 * against the goldens of test/goldens/. */
#include "mel.h"
#include "input.h"
#include "test.h"

static const double PI = 3.14159265358979323846;

static vox_config config(int32_t rate, int32_t window, int32_t hop, int32_t n_mels) {
    return (vox_config){ .sample_rate = rate, .window_size = window, .hop = hop, .n_mels = n_mels, .log_mel_max = 1.5f };
}

/* ---- Reference -----------------------------------------------------------*/

static double slaney(double hz) { return hz < 1000 ? hz / (200.0 / 3) : 15 + log(hz / 1000) / (log(6.4) / 27); }
static double slaney_inverse(double x) { return x < 15 ? x * (200.0 / 3) : 1000 * exp((log(6.4) / 27) * (x - 15)); }

/* Frame t of x: reflected at both ends, every bin by its definition. */
static void reference(const vox_config *c, const float *x, int64_t n, int64_t t, double *out) {
    int32_t window = c->window_size, bins = window / 2 + 1;
    double *power = malloc((size_t)bins * sizeof(double));
    for (int32_t k = 0; k < bins; k++) {
        double re = 0, im = 0;
        for (int32_t i = 0; i < window; i++) {
            int64_t at = t * c->hop - window / 2 + i;
            if (at < 0) at = -at;
            if (at >= n) at = 2 * (n - 1) - at;
            double v = x[at] * (0.5 - 0.5 * cos(2 * PI * i / window));
            re += v * cos(2 * PI * k * (double)i / window);
            im -= v * sin(2 * PI * k * (double)i / window);
        }
        power[k] = re * re + im * im;
    }
    double nyquist = c->sample_rate / 2.0, top = slaney(nyquist);
    for (int32_t m = 0; m < c->n_mels; m++) {
        double point[3], sum = 0;
        for (int32_t i = 0; i < 3; i++) point[i] = slaney_inverse(top / (c->n_mels + 1) * (m + i));
        for (int32_t k = 0; k < bins; k++) {
            double hz = nyquist * k / (bins - 1);
            double up = (hz - point[0]) / (point[1] - point[0]), down = (point[2] - hz) / (point[2] - point[1]);
            sum += power[k] * fmax(0, fmin(up, down)) * 2 / (point[2] - point[0]);
        }
        out[m] = (fmax(log10(fmax(sum, 1e-10)), (double)c->log_mel_max - 8) + 4) / 4;
    }
    free(power);
}

/* ---- Helpers -------------------------------------------------------------*/

/* All frames, from random pushes of 1 .. most samples with random room for 0 .. room frames. */
static int64_t run(test_state *t, mel *m, const float *x, int32_t n, int32_t most, int32_t room,
                   int32_t n_mels, float *out) {
    int64_t frames = 0;
    for (int32_t at = 0; at < n;) {
        int32_t size = test_range(t, 1, most), taken;
        if (size > n - at) size = n - at;
        int32_t k = test_range(t, 0, room);
        guarded piece = guarded_copy(x + at, (size_t)size * sizeof(float));
        int32_t made = mel_push(m, (const float *)(const void *)piece.bytes, size, &taken, out + frames * n_mels, k);
        guarded_free(&piece);
        CHECK(t, made >= 0 && made <= k && taken >= 0 && taken <= size, "made %d of %d, took %d of %d", made, k, taken, size);
        CHECK(t, taken == size || made == k, "took %d of %d with room for %d, made %d", taken, size, k, made);
        at += taken;
        frames += made;
    }
    return frames;
}

static float *noise(test_state *t, int32_t n) {
    float *x = malloc((size_t)n * sizeof(float));
    for (int32_t i = 0; i < n; i++) x[i] = test_float(t) * (float)pow(10, -4.0 * i / n); /* 0 .. -80 dB: meets the floor */
    return x;
}

/* ---- Tests ---------------------------------------------------------------*/

static void test_reference(test_state *t) {
    static const int32_t shapes[][4] = {
        { 16000, 400, 160, 128 }, { 16000, 400, 160, 80 }, { 16000, 512, 128, 64 }, { 8000, 200, 80, 40 },
        { 16000, 398, 160, 20 } /* half is prime */, { 16000, 2, 1, 3 }, { 22050, 36, 36, 5 }, { 16000, 462, 20, 12 },
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        vox_config c = config(shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3]);
        int32_t n = c.window_size * 4 + test_range(t, 0, 200), room = n / c.hop + 2;
        float *x = noise(t, n), *out = malloc((size_t)room * (size_t)c.n_mels * sizeof(float));
        double *want = malloc((size_t)c.n_mels * sizeof(double)), worst = 0;
        mel_filterbank *bank;
        mel *m;
        vox_error e = { 0 };
        CHECK(t, mel_filterbank_new(&c, &bank, &e) == 0, "%s", e.text);
        CHECK(t, mel_new(bank, &m, &e) == 0, "%s", e.text);
        int32_t taken, frames = mel_push(m, x, n, &taken, out, room);
        int32_t due = (n - c.window_size / 2) / c.hop + 1;
        CHECK(t, taken == n && frames == due, "window %d: %d frames, expected %d", c.window_size, frames, due);
        for (int32_t k = 0; k < frames; k++) {
            reference(&c, x, n, k, want);
            for (int32_t b = 0; b < c.n_mels; b++) worst = fmax(worst, fabs(out[(int64_t)k * c.n_mels + b] - want[b]));
        }
        CHECK(t, worst < 2e-7, "window %d hop %d: off by %g", c.window_size, c.hop, worst);
        mel_free(m);
        mel_filterbank_free(bank);
        free(want);
        free(out);
        free(x);
    }
}

static void test_cuts(test_state *t) {
    vox_config c = config(16000, 400, 160, 128);
    enum { N = 9000, ROOM = N / 160 + 2 };
    float *x = noise(t, N), *whole = calloc(ROOM * 128, sizeof(float)), *cut = calloc(ROOM * 128, sizeof(float));
    mel_filterbank *bank;
    mel *m;
    mel_filterbank_new(&c, &bank, NULL);
    mel_new(bank, &m, NULL);
    int32_t taken, frames = mel_push(m, x, N, &taken, whole, ROOM);
    static const int32_t most[] = { 1, 3, 160, 161, 700, N };
    for (int32_t i = 0; i < 6; i++)
        for (int32_t room = 1; room <= 7; room += 3) {
            mel_reset(m);
            memset(cut, 0, ROOM * 128 * sizeof(float));
            int64_t got = run(t, m, x, N, most[i], room, 128, cut);
            CHECK(t, got == frames, "cuts of %d, room %d: %lld frames, expected %d", most[i], room, (long long)got, frames);
            CHECK(t, memcmp(whole, cut, (size_t)frames * 128 * sizeof(float)) == 0, "cuts of %d, room %d: other values", most[i], room);
        }
    mel_free(m);
    mel_filterbank_free(bank);
    free(x);
    free(whole);
    free(cut);
}

static void test_extremes(test_state *t) {
    vox_config c = config(16000, 400, 160, 128);
    mel_filterbank *bank;
    mel *m;
    mel_filterbank_new(&c, &bank, NULL);
    mel_new(bank, &m, NULL);
    float x[360] = { 0 }, out[2 * 128];
    int32_t taken;
    CHECK(t, mel_push(m, x, 360, &taken, out, 2) == 2, "two frames in 360 samples");
    for (int32_t b = 0; b < 256; b++) CHECK(t, out[b] == (1.5f - 8 + 4) / 4, "silence is the floor, not %g", out[b]);
    mel_reset(m);
    x[200] = NAN;
    mel_push(m, x, 360, &taken, out, 2);
    for (int32_t b = 0; b < 256; b++) CHECK(t, isfinite(out[b]), "a NaN sample gives %g", out[b]);
    mel_reset(m);
    CHECK(t, mel_push(m, x, 0, &taken, out, 2) == 0 && taken == 0, "an empty push");
    CHECK(t, mel_push(m, x, 199, &taken, out, 2) == 0 && taken == 199, "one sample short of the first frame");
    CHECK(t, mel_push(m, x, 1, &taken, out, 0) == 0 && taken == 0, "no room for the first frame");
    CHECK(t, mel_push(m, x, 1, &taken, out, 1) == 1 && taken == 1, "the first frame");
    mel_free(m);
    mel_filterbank_free(bank);
}

static void test_refusals(test_state *t) {
    static const struct { int32_t window, hop, n_mels; const char *key; } bad[] = {
        { 401, 160, 128, "window_size" }, { 0, 160, 128, "window_size" }, { 1 << 20, 160, 128, "window_size" },
        { 400, 0, 128, "hop_length" }, { 400, 401, 128, "hop_length" }, { 400, 160, 0, "num_mel_bins" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vox_config c = config(16000, bad[i].window, bad[i].hop, bad[i].n_mels);
        vox_error e = { 0 };
        mel_filterbank *bank;
        CHECK(t, mel_filterbank_new(&c, &bank, &e) == VOX_E_UNSUPPORTED && bank == NULL, "case %zu", i);
        CHECK(t, strstr(e.text, bad[i].key), "\"%s\" lacks %s", e.text, bad[i].key);
    }
}

/* A file with one F32 tensor: u64 size of the JSON header, header, data. */
static float *read_tensor(const char *path, int64_t *n) {
    FILE *file = fopen(path, "rb");
    uint64_t header;
    if (!file || fread(&header, 8, 1, file) != 1) { perror(path); exit(2); }
    fseek(file, 0, SEEK_END);
    int64_t bytes = ftell(file) - 8 - (int64_t)header;
    float *data = malloc((size_t)bytes);
    fseek(file, 8 + (long)header, SEEK_SET);
    *n = (int64_t)fread(data, sizeof(float), (size_t)bytes / sizeof(float), file);
    fclose(file);
    return data;
}

/* Goldens are f32 transforms: their own rounding shows where a loud frame has a quiet bin. */
static void test_goldens(test_state *t) {
    static const int32_t mels[] = { 80, 128 };
    float *audio;
    int64_t n;
    vox_error e = { 0 };
    CHECK(t, wav_load("test/goldens/audio/short.wav", 16000, &audio, &n, &e) == 0, "%s", e.text);
    CHECK(t, n == 40123, "%lld samples", (long long)n);
    for (int32_t i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof path, "test/goldens/audio/short-mel%d.safetensors", mels[i]);
        int64_t values;
        float *want = read_tensor(path, &values);
        int32_t frames = (int32_t)(values / mels[i]), samples = frames * 160 + 200, taken;
        float *x = calloc((size_t)samples, sizeof(float)), *got = malloc((size_t)(frames + 2) * (size_t)mels[i] * sizeof(float));
        memcpy(x + 32 * 1280, audio, (size_t)n * sizeof(float));
        vox_config c = config(16000, 400, 160, mels[i]);
        mel_filterbank *bank;
        mel *m;
        mel_filterbank_new(&c, &bank, NULL);
        mel_new(bank, &m, NULL);
        CHECK(t, mel_push(m, x, samples, &taken, got, frames + 2) >= frames, "%s: too few frames", path);
        double worst = 0, sum = 0;
        for (int64_t k = 0; k < values; k++) {
            double off = fabs((double)got[k] - want[k]);
            worst = fmax(worst, off);
            sum += off;
        }
        printf("%s: %d frames, max error %.2g, mean %.2g\n", path, frames, worst, sum / (double)values);
        CHECK(t, frames > 600 && worst < 1e-4 && sum / (double)values < 1e-6, "%s: max error %g", path, worst);
        mel_free(m);
        mel_filterbank_free(bank);
        free(x);
        free(got);
        free(want);
    }
    free(audio);
}

int main(void) {
    test_state t = { .random = 11 };
    test_reference(&t);
    test_cuts(&t);
    test_extremes(&t);
    test_refusals(&t);
    test_goldens(&t);
    return test_report(&t);
}
