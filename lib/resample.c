/* Design. Let low be the smaller of the two rates and its Nyquist low / 2.
 *
 *   h(d) = c sinc(c d) kaiser(d / H),  d in input samples
 *
 * c puts the -6 dB point at 0.95 of the lower Nyquist and H spans 64 samples of
 * the lower rate to each side. With beta = 10.06 (Kaiser's formula for 100 dB):
 *
 *   pass band   0 .. 0.9 of the lower Nyquist, ripple below 0.001 dB
 *   stop band   from the lower Nyquist on, images and aliases 100 dB down
 *
 * Output i stands at input time i * from / to = n + p / L (L = to / gcd) and needs
 * the `taps` input samples around it. A table holds the coefficients of phases
 * 0, 1/P, .. 1. If L phases fit, P = L and every phase is exact (44.1 kHz: 160
 * phases of 368 taps). Otherwise P >= 768 phases per sample of the lower rate are
 * linearly interpolated, with an error below (0.95 pi)^2 / 24 / P^2, -123 dB.
 * Each output is one dot product over its own samples in a fixed order, so it does
 * not depend on how the input was cut. */
#include "resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 4096,            /* input samples taken at a time */
    SPAN = 64,               /* H in samples of the lower rate */
    LANES = 16,              /* parallel sums of a dot product; taps is a multiple */
    TABLE_LIMIT = 1 << 17,   /* coefficients */
};
static const double PI = 3.14159265358979323846, CUTOFF = 0.95, BETA = 10.06;

struct resampler {
    int64_t from, to;       /* reduced by their gcd */
    int32_t half, taps;     /* taps = 2 half: input samples n - half + 1 .. n + half */
    int32_t phases;         /* P */
    float *table;           /* [phases + 1][taps] */
    float *history;         /* [taps + BLOCK] input samples, the last of them number seen - 1 */
    int64_t held;           /* samples in history */
    int64_t seen, received; /* input samples with and without the zeros of the drain */
    int64_t n, p, produced; /* next output's place n + p / to, and its number */
};

static double bessel_i0(double x) {
    double sum = 1, term = 1, square = x * x / 4;
    for (int32_t k = 1; term > 1e-16 * sum; k++) {
        term *= square / ((double)k * k);
        sum += term;
    }
    return sum;
}

/* Coefficient j of phase x multiplies the sample half - 1 - j before n. */
static void fill_phase(const resampler *r, double x, float *row, double *work) {
    double scale = r->to < r->from ? (double)r->to / (double)r->from : 1;
    double width = SPAN / scale, sum = 0;
    for (int32_t j = 0; j < r->taps; j++) {
        double d = x + r->half - 1 - j, u = d / width, angle = PI * CUTOFF * scale * d;
        double sinc = fabs(angle) < 1e-9 ? 1 : sin(angle) / angle;
        work[j] = fabs(u) < 1 ? sinc * bessel_i0(BETA * sqrt(1 - u * u)) : 0;
        sum += work[j];
    }
    for (int32_t j = 0; j < r->taps; j++) row[j] = (float)(work[j] / sum); /* a constant stays itself */
}

static int64_t gcd(int64_t a, int64_t b) { return b ? gcd(b, a % b) : a; }

int32_t resampler_new(int32_t from_rate, int32_t to_rate, resampler **out, vox_error *e) {
    enum { LEAST = 1000, MOST = 768000 };
    *out = NULL;
    if (from_rate < LEAST || from_rate > MOST || to_rate < LEAST || to_rate > MOST)
        return vox_fail(e, VOX_E_ARGUMENT, "cannot resample %d Hz to %d Hz: rates must lie between %d and %d Hz",
                        from_rate, to_rate, LEAST, MOST);
    resampler *r = calloc(1, sizeof *r);
    if (!r) return vox_fail(e, VOX_E_MEMORY, "resampler: out of memory");
    int64_t g = gcd(from_rate, to_rate);
    r->from = from_rate / g;
    r->to = to_rate / g;
    if (r->from == r->to) {
        *out = r;
        return 0;
    }

    double stretch = from_rate > to_rate ? (double)from_rate / to_rate : 1;
    r->half = ((int32_t)ceil(SPAN * stretch) + LANES / 2 - 1) / (LANES / 2) * (LANES / 2);
    r->taps = 2 * r->half;
    r->phases = r->to * r->taps <= TABLE_LIMIT ? (int32_t)r->to : TABLE_LIMIT / r->taps;
    r->table = malloc((size_t)(r->phases + 1) * (size_t)r->taps * sizeof(float));
    r->history = calloc((size_t)r->taps + BLOCK, sizeof(float));
    double *work = malloc((size_t)r->taps * sizeof(double));
    if (!r->table || !r->history || !work) {
        free(work);
        resampler_free(r);
        return vox_fail(e, VOX_E_MEMORY, "resampler %d -> %d Hz: out of memory", from_rate, to_rate);
    }
    for (int32_t k = 0; k <= r->phases; k++) fill_phase(r, (double)k / r->phases, r->table + (int64_t)k * r->taps, work);
    free(work);
    r->held = r->half - 1; /* zeros before the first sample */
    *out = r;
    return 0;
}

void resampler_free(resampler *r) {
    if (!r) return;
    free(r->table);
    free(r->history);
    free(r);
}

int64_t resampler_bound(const resampler *r, int64_t n) { return (n * r->to + r->from - 1) / r->from; }

int64_t resampler_accepts(const resampler *r, int64_t room) { return room * r->from / r->to; }

static float dot(const float *a, const float *b, int32_t n) {
    float sum[LANES] = { 0 };
    for (int32_t i = 0; i < n; i += LANES)
        for (int32_t j = 0; j < LANES; j++) sum[j] += a[i + j] * b[i + j];
    for (int32_t width = LANES / 2; width; width /= 2)
        for (int32_t j = 0; j < width; j++) sum[j] += sum[j + width];
    return sum[0];
}

/* Outputs whose last sample is there. */
static int64_t emit(resampler *r, float *out, int64_t room) {
    int64_t made = 0;
    while (made < room && r->n + r->half < r->seen) {
        const float *x = r->history + r->held - (r->seen - r->n) - r->half + 1;
        int64_t place = r->p * r->phases, k = place / r->to, rest = place % r->to;
        const float *row = r->table + k * r->taps;
        float y = dot(row, x, r->taps);
        if (rest) y += (float)((double)rest / (double)r->to) * (dot(row + r->taps, x, r->taps) - y);
        out[made++] = y;
        r->p += r->from;
        r->n += r->p / r->to;
        r->p %= r->to;
    }
    r->produced += made;
    return made;
}

/* Appends n <= BLOCK samples (zeros if in is NULL) after forgetting what no output needs any more. */
static void append(resampler *r, const float *in, int64_t n) {
    int64_t needed = r->seen - r->n + r->half - 1; /* samples from the next output's first on */
    if (needed < r->held) {
        memmove(r->history, r->history + r->held - needed, (size_t)needed * sizeof(float));
        r->held = needed;
    }
    if (in) memcpy(r->history + r->held, in, (size_t)n * sizeof(float));
    else memset(r->history + r->held, 0, (size_t)n * sizeof(float));
    r->held += n;
    r->seen += n;
}

int64_t resampler_push(resampler *r, const float *in, int64_t n, float *out) {
    if (r->from == r->to) {
        if (n) memcpy(out, in, (size_t)n * sizeof(float));
        return n;
    }
    int64_t made = 0;
    r->received += n;
    while (n > 0) {
        int64_t take = n < BLOCK ? n : BLOCK;
        append(r, in, take);
        in += take;
        n -= take;
        made += emit(r, out + made, INT64_MAX);
    }
    return made;
}

int64_t resampler_drain(resampler *r, float *out, int64_t room) {
    if (r->from == r->to) return 0;
    int64_t due = resampler_bound(r, r->received) - r->produced, made = 0;
    if (room < due) due = room;
    while (made < due) {
        if (r->n + r->half >= r->seen) append(r, NULL, BLOCK);
        made += emit(r, out + made, due - made);
    }
    return made;
}
