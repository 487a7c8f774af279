/* lib/resample.c: the filter measured with sines, and the exact promises about
 * length, place in time and cuts. */
#include "resample.h"
#include "test.h"

static const double PI = 3.14159265358979323846;

typedef struct pair { int32_t from, to; } pair;

/* The whole signal through a resampler in pushes of at most `most`, 0 = one push. */
static int64_t run(test_state *t, pair rates, const float *x, int64_t n, int32_t most, float **out) {
    resampler *r;
    vox_error e = { 0 };
    CHECK(t, resampler_new(rates.from, rates.to, &r, &e) == 0, "%s", e.text);
    int64_t room = (n * rates.to + rates.from - 1) / rates.from, made = 0;
    float *y = *out = malloc((size_t)(room + 1) * sizeof(float));
    for (int64_t at = 0; at < n;) {
        int64_t size = most ? test_range(t, 1, most) : n;
        if (size > n - at) size = n - at;
        int64_t bound = resampler_bound(r, size);
        guarded piece = guarded_copy(x + at, (size_t)size * sizeof(float));
        int64_t k = resampler_push(r, (const float *)(const void *)piece.bytes, size, y + made);
        guarded_free(&piece);
        CHECK(t, k >= 0 && k <= bound && made + k <= room, "%d -> %d: %lld samples gave %lld", rates.from, rates.to, (long long)size, (long long)k);
        made += k;
        at += size;
    }
    for (int64_t k = 1; k > 0; made += k) k = resampler_drain(r, y + made, most ? test_range(t, 1, most) : room);
    CHECK(t, made == room, "%d -> %d: %lld samples gave %lld, expected %lld", rates.from, rates.to, (long long)n, (long long)made, (long long)room);
    resampler_free(r);
    return made;
}

/* ---- Frequency response --------------------------------------------------*/

typedef struct response {
    double gain;     /* dB */
    double phase;    /* radians against a sine at output time i / to */
    double residual; /* dB of everything that is not the sine: images, aliases, rounding */
    double level;    /* dB of the whole output */
} response;

/* A full-scale sine of hz through the resampler; only the middle is judged, away
 * from the sine's beginning and end. */
static response measure(test_state *t, pair rates, double hz) {
    int32_t low = rates.from < rates.to ? rates.from : rates.to;
    int64_t n = (int64_t)rates.from * 700 / low;
    float *x = malloc((size_t)n * sizeof(float)), *y;
    for (int64_t i = 0; i < n; i++) x[i] = (float)sin(2 * PI * fmod(hz * (double)i / rates.from, 1));
    int64_t made = run(t, rates, x, n, 0, &y), skip = (int64_t)rates.to * 80 / low;
    double ss = 0, sc = 0, cc = 0, ys = 0, yc = 0, yy = 0;
    for (int64_t i = skip; i < made - skip; i++) {
        double angle = 2 * PI * fmod(hz * (double)i / rates.to, 1), s = sin(angle), c = cos(angle);
        ss += s * s, sc += s * c, cc += c * c, ys += y[i] * s, yc += y[i] * c, yy += (double)y[i] * y[i];
    }
    double det = ss * cc - sc * sc, a = (ys * cc - yc * sc) / det, b = (yc * ss - ys * sc) / det;
    double rest = fmax(yy - a * ys - b * yc, 0), count = (double)(made - 2 * skip);
    free(x);
    free(y);
    return (response){ 20 * log10(hypot(a, b)), atan2(b, a), 10 * log10(rest / count * 2 + 1e-30), 10 * log10(yy / count * 2 + 1e-30) };
}

static void test_response(test_state *t) {
    static const pair rates[] = {
        { 8000, 16000 }, { 11025, 16000 }, { 22050, 16000 }, { 24000, 16000 }, { 32000, 16000 }, { 44100, 16000 }, { 48000, 16000 },
        { 96000, 16000 }, { 192000, 16000 }, { 44099, 16000 }, { 16001, 16000 }, { 15999, 16000 }, { 7919, 16000 }, { 16000, 24000 },
    };
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        pair p = rates[i];
        double nyquist = (p.from < p.to ? p.from : p.to) / 2.0, ripple = 0, phase = 0, residual = -300, stop = -300;
        for (double part = 0.013; part < 0.9; part += 0.0443) {
            response m = measure(t, p, part * nyquist);
            ripple = fmax(ripple, fabs(m.gain));
            phase = fmax(phase, fabs(m.phase));
            residual = fmax(residual, m.residual);
        }
        response edge = measure(t, p, 0.9 * nyquist);
        ripple = fmax(ripple, fabs(edge.gain));
        for (double part = 0.91; part < 0.99; part += 0.02) residual = fmax(residual, measure(t, p, part * nyquist).residual);
        if (p.from > p.to) /* beyond the output's Nyquist: nothing may come through, folded or not */
            for (double part = 1; part < (double)p.from / p.to; part += 0.001 + 0.03 * ((double)p.from / p.to - 1))
                stop = fmax(stop, measure(t, p, part * nyquist).level);
        printf("%6d -> %d: ripple %.5f dB, phase %.1g rad, residual %.1f dB, stop band %.1f dB\n", p.from, p.to, ripple, phase, residual, stop);
        CHECK(t, ripple < 0.001, "%d -> %d: ripple %g dB", p.from, p.to, ripple);
        CHECK(t, phase < 1e-5, "%d -> %d: phase %g", p.from, p.to, phase);
        CHECK(t, residual < -100, "%d -> %d: residual %g dB", p.from, p.to, residual);
        CHECK(t, stop < -100, "%d -> %d: stop band %g dB", p.from, p.to, stop);
    }
}

/* ---- Promises ------------------------------------------------------------*/

static void test_cuts(test_state *t) {
    static const pair rates[] = { { 44100, 16000 }, { 8000, 16000 }, { 48000, 16000 }, { 44099, 16000 }, { 16001, 16000 },
                                  { 768000, 16000 }, { 1000, 16000 }, { 16000, 16000 } };
    static const int32_t most[] = { 1, 2, 97, 5000 };
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        int64_t n = 10000 + test_range(t, 0, 3000);
        float *x = malloc((size_t)n * sizeof(float)), *whole, *cut;
        for (int64_t k = 0; k < n; k++) x[k] = test_float(t);
        int64_t made = run(t, rates[i], x, n, 0, &whole);
        for (int32_t k = 0; k < 4; k++) {
            run(t, rates[i], x, n, most[k], &cut);
            CHECK(t, memcmp(whole, cut, (size_t)made * sizeof(float)) == 0, "%d Hz in cuts of %d differs", rates[i].from, most[k]);
            free(cut);
        }
        if (rates[i].from == rates[i].to) CHECK(t, memcmp(whole, x, (size_t)n * sizeof(float)) == 0, "equal rates change samples");
        free(whole);
        free(x);
    }
}

/* ceil(n * to / from) samples for every n, awkward rates included. */
static void test_lengths(test_state *t) {
    float x[64] = { 0 }, *y;
    for (int32_t i = 0; i < 60; i++) {
        pair p = { test_range(t, 1000, i % 2 ? 50000 : 768000), i % 3 ? 16000 : test_range(t, 1000, 48000) };
        run(t, p, x, test_range(t, 0, 64), 7, &y); /* checks */
        free(y);
    }
}

/* A constant stays itself, and what is pushed comes out without further delay than
 * the filter's half: 64 samples of the lower rate and a little. */
static void test_latency(test_state *t) {
    static const pair rates[] = { { 48000, 16000 }, { 8000, 16000 }, { 44100, 16000 }, { 44099, 16000 }, { 768000, 16000 } };
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        pair p = rates[i];
        int64_t n = p.from / 2;
        resampler *r;
        resampler_new(p.from, p.to, &r, NULL);
        float *x = malloc((size_t)n * sizeof(float)), *y = malloc((size_t)resampler_bound(r, n) * sizeof(float));
        for (int64_t k = 0; k < n; k++) x[k] = 0.5f;
        int64_t made = resampler_push(r, x, n, y);
        double low = p.from < p.to ? p.from : p.to, late = 0.5 - (double)made / p.to, worst = 0;
        CHECK(t, late <= 73 / low, "%d Hz is %g s late", p.from, late);
        for (int64_t k = (int64_t)(75 * p.to / low); k < made; k++) worst = fmax(worst, fabs(y[k] - 0.5));
        CHECK(t, worst < 1e-6, "%d Hz: a constant is off by %g", p.from, worst);
        resampler_free(r);
        free(x);
        free(y);
    }
}

static void test_room(test_state *t) {
    for (int32_t i = 0; i < 200; i++) {
        resampler *r;
        pair p = { test_range(t, 1000, 768000), test_range(t, 1000, 768000) };
        if (i % 8 == 0) p.to = p.from;
        CHECK(t, resampler_new(p.from, p.to, &r, NULL) == 0, "%d -> %d", p.from, p.to);
        int64_t room = test_range(t, 0, 5000), n = resampler_accepts(r, room);
        CHECK(t, resampler_bound(r, n) <= room && resampler_bound(r, n + 1) > room, "%d -> %d: room %lld", p.from, p.to, (long long)room);
        resampler_free(r);
    }
}

static void test_refusals(test_state *t) {
    static const pair bad[] = { { 999, 16000 }, { 768001, 16000 }, { 16000, 999 }, { 16000, 768001 }, { 0, 16000 }, { -1, 16000 } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        resampler *r = NULL;
        vox_error e = { 0 };
        CHECK(t, resampler_new(bad[i].from, bad[i].to, &r, &e) == VOX_E_ARGUMENT && r == NULL, "case %zu", i);
        CHECK(t, strstr(e.text, "1000") && strstr(e.text, "768000"), "\"%s\" names no range", e.text);
    }
    resampler_free(NULL);
}

int main(void) {
    test_state t = { .random = 12 };
    test_response(&t);
    test_cuts(&t);
    test_lengths(&t);
    test_latency(&t);
    test_room(&t);
    test_refusals(&t);
    return test_report(&t);
}
