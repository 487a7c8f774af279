/* Arithmetic is f64 from the window to the logarithm: at 0.4 ms per second of
 * audio the model does not notice it, and the values are the true ones rounded once. */
#include "mel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WINDOW = 1 << 16, MAX_FACTORS = 16, MAX_MELS = 1 << 12 };
static const double PI = 3.14159265358979323846, LEAST_POWER = 1e-10;

typedef struct filter {
    int32_t first, n; /* bins first .. first + n - 1 */
    int32_t weight;   /* of the first of them, in weights */
} filter;

/* A window of `window` real samples is a transform of half = window / 2 complex ones. */
struct mel_filterbank {
    int32_t window, hop, n_mels, half;
    int32_t n_factors, factors[MAX_FACTORS]; /* their product is half */
    double *hann;              /* [window] */
    double *cos, *sin;         /* [window]: exp(-2 pi i k / window) */
    filter *filters;           /* [n_mels] */
    double *weights;           /* of all filters, one after the other */
    double floor;              /* least log10 */
};

struct mel {
    const mel_filterbank *bank;
    int32_t held, started;     /* samples in `samples`; whether a frame was written */
    float *samples;            /* [window]: the next frame as far as it is known */
    double *work;              /* [4][half]: two complex arrays; then [half + 1] powers */
};

/* ---- Tables --------------------------------------------------------------*/

/* Slaney's scale: linear below 1000 Hz, logarithmic above. */
static double hz_to_mel(double hz) { return hz < 1000 ? hz * 3 / 200 : 15 + log(hz / 1000) * 27 / log(6.4); }
static double mel_to_hz(double x) { return x < 15 ? x * 200 / 3 : 1000 * exp((x - 15) * log(6.4) / 27); }

/* Triangles between neighbouring points of the mel scale, each of area 1 (in Hz / 2). */
static int32_t make_filters(mel_filterbank *f, double sample_rate, vox_error *e) {
    double top = hz_to_mel(sample_rate / 2);
    int64_t total = 0;
    for (int32_t pass = 0; pass < 2; pass++) { /* count, then fill */
        if (pass && !(f->weights = malloc((size_t)(total + 1) * sizeof(double))))
            return vox_fail(e, VOX_E_MEMORY, "mel filters: out of memory");
        total = 0;
        for (int32_t m = 0; m < f->n_mels; m++) {
            double low = mel_to_hz(top * m / (f->n_mels + 1)), middle = mel_to_hz(top * (m + 1) / (f->n_mels + 1));
            double high = mel_to_hz(top * (m + 2) / (f->n_mels + 1));
            filter *t = &f->filters[m];
            *t = (filter){ .weight = (int32_t)total };
            for (int32_t k = 0; k <= f->half; k++) {
                double hz = sample_rate * k / f->window;
                double slope = fmin((hz - low) / (middle - low), (high - hz) / (high - middle));
                if (slope <= 0) continue;
                if (t->n == 0) t->first = k;
                if (pass) f->weights[total] = slope * 2 / (high - low);
                t->n++;
                total++;
            }
        }
    }
    return 0;
}

/* 4 first, then the primes. */
static void factorise(mel_filterbank *f) {
    int32_t n = f->half;
    while (n % 4 == 0) f->factors[f->n_factors++] = 4, n /= 4;
    for (int32_t p = 2; n > 1; p++)
        while (n % p == 0) f->factors[f->n_factors++] = p, n /= p;
}

int32_t mel_filterbank_new(const vox_config *c, mel_filterbank **out, vox_error *e) {
    *out = NULL;
    if (c->window_size < 2 || c->window_size > MAX_WINDOW || c->window_size % 2)
        return vox_fail(e, VOX_E_UNSUPPORTED, "audio window_size is %d samples, expected an even number from 2 to %d", c->window_size, MAX_WINDOW);
    if (c->hop < 1 || c->hop > c->window_size)
        return vox_fail(e, VOX_E_UNSUPPORTED, "audio hop_length is %d samples, expected 1 to window_size (%d)", c->hop, c->window_size);
    if (c->n_mels < 1 || c->n_mels > MAX_MELS)
        return vox_fail(e, VOX_E_UNSUPPORTED, "num_mel_bins is %d, expected 1 to %d", c->n_mels, MAX_MELS);
    mel_filterbank *f = calloc(1, sizeof *f);
    if (!f) return vox_fail(e, VOX_E_MEMORY, "mel tables: out of memory");
    f->window = c->window_size;
    f->half = c->window_size / 2;
    f->hop = c->hop;
    f->n_mels = c->n_mels;
    f->floor = (double)c->log_mel_max - 8;
    factorise(f);
    f->hann = malloc((size_t)f->window * sizeof(double));
    f->cos = malloc((size_t)f->window * sizeof(double));
    f->sin = malloc((size_t)f->window * sizeof(double));
    f->filters = malloc((size_t)f->n_mels * sizeof(filter));
    int32_t status = f->hann && f->cos && f->sin && f->filters ? make_filters(f, c->sample_rate, e)
                                                               : vox_fail(e, VOX_E_MEMORY, "mel tables: out of memory");
    if (status < 0) {
        mel_filterbank_free(f);
        return status;
    }
    for (int32_t i = 0; i < f->window; i++) {
        double angle = 2 * PI * i / f->window;
        f->cos[i] = cos(angle);
        f->sin[i] = -sin(angle);
        f->hann[i] = 0.5 - 0.5 * cos(angle);
    }
    *out = f;
    return 0;
}

void mel_filterbank_free(mel_filterbank *f) {
    if (!f) return;
    free(f->hann);
    free(f->cos);
    free(f->sin);
    free(f->filters);
    free(f->weights);
    free(f);
}

int32_t mel_new(const mel_filterbank *f, mel **out, vox_error *e) {
    mel *m = calloc(1, sizeof *m);
    *out = m;
    if (m) {
        m->bank = f;
        m->samples = malloc((size_t)f->window * sizeof(float));
        m->work = malloc(((size_t)f->half * 5 + 1) * sizeof(double));
        if (m->samples && m->work) {
            mel_reset(m);
            return 0;
        }
    }
    mel_free(m);
    *out = NULL;
    return vox_fail(e, VOX_E_MEMORY, "mel stream: out of memory");
}

void mel_free(mel *m) {
    if (!m) return;
    free(m->samples);
    free(m->work);
    free(m);
}

void mel_reset(mel *m) {
    m->held = m->bank->half; /* room for the reflection */
    m->started = 0;
}

/* ---- Transform -----------------------------------------------------------*/

/* One pass of a self-sorting mixed-radix transform of n = r m s points: s
 * interleaved transforms of r m points become r s of m points. With
 * w = exp(-2 pi i / n),
 *   out[q + s (r p + k)] = sum over j of in[q + s (p + m j)] w^(s k (p + m j)) */
static inline void radix_pass(const mel_filterbank *f, int32_t r, int32_t m, int32_t s, const double *restrict in_re,
                              const double *restrict in_im, double *restrict out_re, double *restrict out_im) {
    int32_t n = r * m * s;
    for (int32_t p = 0; p < m; p++)
        for (int32_t k = 0; k < r; k++)
            for (int32_t q = 0; q < s; q++) {
                double re = 0, im = 0;
                for (int32_t j = 0, power = s * k * p; j < r; j++) {
                    double c = f->cos[2 * power], d = f->sin[2 * power]; /* the table is of n * 2 points */
                    double x_re = in_re[q + s * (p + m * j)], x_im = in_im[q + s * (p + m * j)];
                    re += x_re * c - x_im * d;
                    im += x_re * d + x_im * c;
                    power += s * k * m;
                    if (power >= n) power -= n;
                }
                out_re[q + s * (r * p + k)] = re;
                out_im[q + s * (r * p + k)] = im;
            }
}

/* With a constant radix the compiler unrolls the sums. */
static void transform_pass(const mel_filterbank *f, int32_t r, int32_t m, int32_t s, const double *restrict in_re,
                           const double *restrict in_im, double *restrict out_re, double *restrict out_im) {
    switch (r) {
    case 2: radix_pass(f, 2, m, s, in_re, in_im, out_re, out_im); break;
    case 4: radix_pass(f, 4, m, s, in_re, in_im, out_re, out_im); break;
    case 5: radix_pass(f, 5, m, s, in_re, in_im, out_re, out_im); break;
    default: radix_pass(f, r, m, s, in_re, in_im, out_re, out_im);
    }
}

/* power[k] = |X[k]|^2, k = 0 .. half, of the real window in work's first complex
 * array z[j] = x[2 j] + i x[2 j + 1]: X[k] = even part + exp(-2 pi i k / window) odd part. */
static void power_spectrum(const mel_filterbank *f, double *work, double *power) {
    int32_t n = f->half;
    double *re = work, *im = work + n, *next_re = work + 2 * n, *next_im = work + 3 * n, *swap;
    for (int32_t i = 0, s = 1; i < f->n_factors; s *= f->factors[i++]) {
        transform_pass(f, f->factors[i], n / s / f->factors[i], s, re, im, next_re, next_im);
        swap = re, re = next_re, next_re = swap;
        swap = im, im = next_im, next_im = swap;
    }
    for (int32_t k = 0; k <= n; k++) {
        int32_t a = k % n, b = (n - k) % n;
        double even_re = (re[a] + re[b]) / 2, even_im = (im[a] - im[b]) / 2;
        double odd_re = (im[a] + im[b]) / 2, odd_im = (re[b] - re[a]) / 2;
        double x_re = even_re + odd_re * f->cos[k] - odd_im * f->sin[k];
        double x_im = even_im + odd_re * f->sin[k] + odd_im * f->cos[k];
        power[k] = x_re * x_re + x_im * x_im;
    }
}

/* ---- Frames --------------------------------------------------------------*/

static void frame(mel *m, float *out) {
    const mel_filterbank *f = m->bank;
    double *re = m->work, *im = m->work + f->half, *power = m->work + 4 * f->half;
    for (int32_t j = 0; j < f->half; j++) {
        re[j] = m->samples[2 * j] * f->hann[2 * j];
        im[j] = m->samples[2 * j + 1] * f->hann[2 * j + 1];
    }
    power_spectrum(f, m->work, power);
    for (int32_t i = 0; i < f->n_mels; i++) {
        const filter *t = &f->filters[i];
        double sum = 0;
        for (int32_t k = 0; k < t->n; k++) sum += power[t->first + k] * f->weights[t->weight + k];
        out[i] = (float)((fmax(log10(fmax(sum, LEAST_POWER)), f->floor) + 4) / 4);
    }
}

/* The samples before the first: sample -k is sample k. The window gives sample
 * -half, whose mirror has not come yet, no weight. */
static void reflect(mel *m) {
    int32_t half = m->bank->half;
    m->samples[0] = 0;
    for (int32_t k = 1; k < half; k++) m->samples[half - k] = m->samples[half + k];
}

int32_t mel_push(mel *m, const float *samples, int32_t n, int32_t *taken, float *out, int32_t room) {
    const mel_filterbank *f = m->bank;
    int32_t frames = 0;
    *taken = 0;
    for (;;) {
        int32_t most = f->window - (frames == room) - m->held; /* without room no frame may become complete */
        int32_t take = n - *taken < most ? n - *taken : most;
        if (take > 0) memcpy(m->samples + m->held, samples + *taken, (size_t)take * sizeof(float));
        m->held += take;
        *taken += take;
        if (m->held < f->window) return frames;
        if (!m->started) reflect(m);
        m->started = 1;
        frame(m, out + (int64_t)frames++ * f->n_mels);
        m->held -= f->hop;
        memmove(m->samples, m->samples + f->hop, (size_t)m->held * sizeof(float));
    }
}
