/* Every op of the CPU backend, through its table, against plain double-precision
 * formulas; and what the model relies on: a row's bits are the same whatever the
 * batch, the chunking of a stream and the number of threads. */
#include <stdbool.h>

#include "../../lib/backend.h"
#include "../../lib/cpu/half.h"
#include "test.h"

typedef struct ctx { /* one backend under test */
    test_state *t;
    backend *b;
    const backend_ops *ops;
    const char *name;
} ctx;

static tensor make(ctx *c, dtype type, int32_t rows, int32_t cols) {
    tensor t;
    vox_error e = { 0 };
    CHECK(c->t, c->ops->alloc(c->b, type, rows, cols, &t, &e) == VOX_OK, "%s", e.text);
    CHECK(c->t, (uintptr_t)t.data % 64 == 0, "alignment");
    float *f = tensor_host(&t);
    uint16_t *h = tensor_host(&t);
    for (int64_t i = 0; i < (int64_t)rows * cols; i++) {
        float value = test_float(c->t);
        uint32_t bits;
        memcpy(&bits, &value, 4);
        if (type == DTYPE_F32) f[i] = value;
        else h[i] = (uint16_t)(bits >> 16);
    }
    return t;
}

static void drop(ctx *c, tensor *t) { c->ops->release(c->b, t); }
static float at(const tensor *t, int32_t r, int32_t i) { return ((const float *)tensor_host(t))[(int64_t)r * t->cols + i]; }
static double weight(const tensor *t, int32_t r, int32_t i) { return bf16_to_f32((const uint16_t *)tensor_host(t) + (int64_t)r * t->cols + i); }

static void done(ctx *c, const char *what) {
    vox_error e = { 0 };
    CHECK(c->t, c->ops->submit(c->b, &e) == VOX_OK, "%s %s: %s", c->name, what, e.text);
}

/* avx512bf16 splits activations in two BF16 numbers: 2^-16 of the size of the sum */
static double tolerance(const ctx *c) { return strstr(c->name, "bf16") ? 3e-5 : 3e-6; }

static double dot(const tensor *x, int32_t r, const tensor *w, int32_t o, double *size) {
    double sum = 0;
    for (int32_t i = 0; i < x->cols; i++) {
        double term = at(x, r, i) * weight(w, o, i);
        sum += term;
        *size += fabs(term);
    }
    return sum;
}

static void test_linear(ctx *c, int32_t rows, int32_t k, int32_t n) {
    tensor x = make(c, DTYPE_F32, rows, k), w = make(c, DTYPE_BF16, n, k), up = make(c, DTYPE_BF16, n, k), none = { 0 };
    tensor bias = make(c, DTYPE_F32, 1, n), residual = make(c, DTYPE_F32, rows, n), out = make(c, DTYPE_F32, rows, n);
    tensor plain = make(c, DTYPE_F32, rows, n), swiglu = make(c, DTYPE_F32, rows, n), one = make(c, DTYPE_F32, 1, n);
    c->ops->begin(c->b, 1);
    c->ops->linear(c->b, plain, x, w, none, none);
    c->ops->linear(c->b, out, x, w, bias, residual);
    c->ops->linear_swiglu(c->b, swiglu, x, w, up);
    done(c, "linear");
    double worst = 0, worst_swiglu = 0;
    for (int32_t r = 0; r < rows; r++)
        for (int32_t o = 0; o < n; o++) {
            double size = 1, up_size = 1, sum = dot(&x, r, &w, o, &size), up_sum = dot(&x, r, &up, o, &up_size);
            worst = fmax(worst, fabs(at(&plain, r, o) - sum) / size);
            worst = fmax(worst, fabs(at(&out, r, o) - (sum + at(&bias, 0, o) + at(&residual, r, o))) / size);
            double silu = sum / (1 + exp(-sum));
            worst_swiglu = fmax(worst_swiglu, fabs(at(&swiglu, r, o) - silu * up_sum) / (size * (1 + fabs(up_sum)) + up_size * (1 + fabs(silu))));
        }
    CHECK(c->t, worst < tolerance(c), "%s linear %d x %d -> %d: %.2e", c->name, rows, k, n, worst);
    CHECK(c->t, worst_swiglu < tolerance(c), "%s swiglu %d x %d -> %d: %.2e", c->name, rows, k, n, worst_swiglu);
    c->ops->begin(c->b, 2);
    for (int32_t r = 0; r < rows; r++) {
        c->ops->linear_swiglu(c->b, one, tensor_rows(x, r, 1), w, up);
        CHECK(c->t, !memcmp(tensor_host(&one), (char *)tensor_host(&swiglu) + (size_t)r * (size_t)n * 4, (size_t)n * 4), "%s swiglu: row %d of %d alone", c->name, r, rows);
    }
    c->ops->linear(c->b, residual, x, w, bias, residual); /* in place */
    done(c, "linear in place");
    CHECK(c->t, !memcmp(tensor_host(&residual), tensor_host(&out), tensor_bytes(&out)), "%s linear: residual in place", c->name);
    drop(c, &x); drop(c, &w); drop(c, &up); drop(c, &bias); drop(c, &residual);
    drop(c, &out); drop(c, &plain); drop(c, &swiglu); drop(c, &one);
}

static void test_conv1d(ctx *c, int32_t frames, int32_t channels, int32_t dim, int32_t stride) {
    tensor x = make(c, DTYPE_F32, stride * (frames - 1) + 3, channels), w = make(c, DTYPE_BF16, dim, 3 * channels);
    tensor bias = make(c, DTYPE_F32, 1, dim), out = make(c, DTYPE_F32, frames, dim);
    c->ops->begin(c->b, 3);
    c->ops->conv1d(c->b, out, x, w, bias, stride);
    done(c, "conv1d");
    double worst = 0;
    for (int32_t j = 0; j < frames; j++)
        for (int32_t o = 0; o < dim; o++) {
            double sum = at(&bias, 0, o), size = 1;
            for (int32_t tap = 0; tap < 3; tap++)
                for (int32_t i = 0; i < channels; i++) {
                    double term = at(&x, stride * j + tap, i) * weight(&w, o, tap * channels + i);
                    sum += term;
                    size += fabs(term);
                }
            worst = fmax(worst, fabs(at(&out, j, o) - 0.5 * sum * erfc(-sum / sqrt(2))) / size);
        }
    CHECK(c->t, worst < tolerance(c), "%s conv1d: %.2e", c->name, worst);
    drop(c, &x); drop(c, &w); drop(c, &bias); drop(c, &out);
}

static void test_rows(ctx *c) { /* embed, rms_norm, gelu, upload, download, copy, zero */
    enum { ROWS = 5, DIM = 150, VOCAB = 40 };
    tensor table = make(c, DTYPE_BF16, VOCAB, DIM), add = make(c, DTYPE_F32, ROWS, DIM), out = make(c, DTYPE_F32, ROWS, DIM);
    tensor norm = make(c, DTYPE_F32, ROWS, DIM), weights = make(c, DTYPE_F32, 1, DIM), ada = make(c, DTYPE_F32, 3, DIM), none = { 0 };
    int32_t ids[ROWS] = { 0, 39, 7, 7, 21 }, condition[ROWS] = { 2, 0, 1, 1, 2 };
    tensor adds[ROWS];
    for (int32_t r = 0; r < ROWS; r++) adds[r] = tensor_rows(add, ROWS - 1 - r, 1);
    batch rows = { .n = ROWS, .condition = condition };
    c->ops->begin(c->b, 4);
    c->ops->embed(c->b, out, table, ids, adds);
    done(c, "embed");
    for (int pass = 0; pass < 2; pass++) {
        c->ops->begin(c->b, 5);
        c->ops->rms_norm(c->b, norm, out, weights, 1e-5f, pass ? ada : none, &rows);
        done(c, "rms_norm");
        double worst = 0;
        for (int32_t r = 0; r < ROWS; r++) {
            double squares = 0;
            for (int32_t i = 0; i < DIM; i++) squares += (double)at(&out, r, i) * at(&out, r, i);
            for (int32_t i = 0; i < DIM; i++) {
                float sum = (float)weight(&table, ids[r], i) + at(&add, ROWS - 1 - r, i);
                CHECK(c->t, at(&out, r, i) == sum, "%s embed row %d", c->name, r);
                double expected = at(&out, r, i) / sqrt(squares / DIM + 1e-5) * at(&weights, 0, i) * (pass ? 1 + at(&ada, condition[r], i) : 1);
                worst = fmax(worst, fabs(at(&norm, r, i) - expected));
            }
        }
        CHECK(c->t, worst < 2e-6, "%s rms_norm: %.2e", c->name, worst);
    }
    float host[ROWS * DIM], back[ROWS * DIM];
    for (int32_t i = 0; i < ROWS * DIM; i++) host[i] = 4 * test_float(c->t);
    c->ops->begin(c->b, 6);
    c->ops->upload(c->b, out, host);
    c->ops->copy(c->b, norm, out);
    c->ops->gelu(c->b, norm);
    c->ops->download(c->b, back, norm);
    c->ops->zero(c->b, tensor_rows(out, 1, 2));
    done(c, "copies");
    double worst = 0;
    for (int32_t i = 0; i < ROWS * DIM; i++) worst = fmax(worst, fabs(back[i] - 0.5 * host[i] * erfc(-host[i] / sqrt(2))));
    CHECK(c->t, worst < 2e-6, "%s gelu: %.2e", c->name, worst);
    CHECK(c->t, at(&out, 1, 0) == 0 && at(&out, 2, DIM - 1) == 0 && at(&out, 0, 0) == host[0] && at(&out, 3, 0) == host[3 * DIM], "%s zero", c->name);
    drop(c, &table); drop(c, &add); drop(c, &out); drop(c, &norm); drop(c, &weights); drop(c, &ada);
}

/* ---- Attention --------------------------------------------------------------*/

typedef struct sequence { /* one stream: inputs [n, heads * head_dim], and the output as first computed */
    int32_t n;
    int64_t first;
    float *q, *k, *v, *out;
} sequence;

static sequence sequence_new(ctx *c, const transformer_config *m, int32_t n, int64_t first) {
    size_t wide = (size_t)(m->n_heads * m->head_dim), narrow = (size_t)(m->n_kv_heads * m->head_dim);
    sequence s = { n, first, malloc((size_t)n * wide * 4), malloc((size_t)n * narrow * 4), malloc((size_t)n * narrow * 4), malloc((size_t)n * wide * 4) };
    for (size_t i = 0; i < (size_t)n * wide; i++) s.q[i] = 2 * test_float(c->t);
    for (size_t i = 0; i < (size_t)n * narrow; i++) {
        s.k[i] = 2 * test_float(c->t);
        s.v[i] = test_float(c->t);
    }
    return s;
}

static void sequence_free(sequence *s) { free(s->q); free(s->k); free(s->v); free(s->out); }

/* Rows `done` .. done + n of several streams as one batch, on layer 1; results go to out[s]. */
static void forward(ctx *c, const transformer_config *m, sequence *const *s, kv_cache *const *kv, const int32_t *from, const int32_t *n, int32_t streams, float *const *out) {
    int32_t total = 0, row = 0, wide = m->n_heads * m->head_dim, narrow = m->n_kv_heads * m->head_dim;
    for (int32_t i = 0; i < streams; i++) total += n[i];
    tensor q = make(c, DTYPE_F32, total, wide), k = make(c, DTYPE_F32, total, narrow), v = make(c, DTYPE_F32, total, narrow), o = make(c, DTYPE_F32, total, wide);
    kv_cache **caches = malloc((size_t)total * sizeof *caches);
    int64_t *positions = malloc((size_t)total * sizeof *positions);
    c->ops->begin(c->b, 7);
    for (int32_t i = 0; i < streams; row += n[i++]) {
        c->ops->upload(c->b, tensor_rows(q, row, n[i]), s[i]->q + (int64_t)from[i] * wide);
        c->ops->upload(c->b, tensor_rows(k, row, n[i]), s[i]->k + (int64_t)from[i] * narrow);
        c->ops->upload(c->b, tensor_rows(v, row, n[i]), s[i]->v + (int64_t)from[i] * narrow);
        for (int32_t r = 0; r < n[i]; r++) {
            caches[row + r] = kv[i];
            positions[row + r] = s[i]->first + from[i] + r;
        }
    }
    batch rows = { .n = total, .cache = caches, .position = positions };
    c->ops->rope_kv(c->b, q, k, v, &rows, m, 1);
    c->ops->attention(c->b, o, q, &rows, m, 1);
    row = 0;
    for (int32_t i = 0; i < streams; row += n[i++]) c->ops->download(c->b, out[i] + (int64_t)from[i] * wide, tensor_rows(o, row, n[i]));
    done(c, "attention");
    drop(c, &q); drop(c, &k); drop(c, &v); drop(c, &o);
    free(caches); free(positions);
}

static void rotate(double *x, int32_t dim, int64_t position, double theta) {
    for (int32_t i = 0; i < dim; i += 2) {
        double angle = (double)position * pow(theta, -(double)i / dim), even = x[i], odd = x[i + 1];
        x[i] = even * cos(angle) - odd * sin(angle);
        x[i + 1] = even * sin(angle) + odd * cos(angle);
    }
}

/* The largest error of s->out against softmax(q k^T / sqrt d) v, everything in doubles. */
static double attention_error(const transformer_config *m, const sequence *s, dtype type) {
    int32_t dim = m->head_dim, narrow = m->n_kv_heads * dim, wide = m->n_heads * dim;
    double *keys = malloc((size_t)s->n * (size_t)narrow * sizeof *keys), *p = malloc((size_t)s->n * sizeof *p), worst = 0;
    for (int32_t r = 0; r < s->n; r++)
        for (int32_t h = 0; h < m->n_kv_heads; h++) {
            double *key = keys + (int64_t)r * narrow + h * dim;
            for (int32_t d = 0; d < dim; d++) key[d] = s->k[(int64_t)r * narrow + h * dim + d];
            rotate(key, dim, s->first + r, m->rope_theta);
            for (int32_t d = 0; d < dim && type == DTYPE_F16; d++) key[d] = f16_to_f32(f32_to_f16((float)key[d]));
        }
    for (int32_t r = 0; r < s->n; r++)
        for (int32_t h = 0; h < m->n_heads; h++) {
            double q[256], sum = 0;
            int32_t kv_head = h / (m->n_heads / m->n_kv_heads), begin = r < m->window ? 0 : r - m->window + 1;
            for (int32_t d = 0; d < dim; d++) q[d] = s->q[(int64_t)r * wide + h * dim + d];
            rotate(q, dim, s->first + r, m->rope_theta);
            for (int32_t j = begin; j <= r; j++) {
                double score = 0;
                for (int32_t d = 0; d < dim; d++) score += q[d] * keys[(int64_t)j * narrow + kv_head * dim + d];
                sum += p[j] = exp(score / sqrt(dim));
            }
            for (int32_t d = 0; d < dim; d++) {
                double o = 0;
                for (int32_t j = begin; j <= r; j++) {
                    float v = s->v[(int64_t)j * narrow + kv_head * dim + d];
                    o += p[j] / sum * (type == DTYPE_F16 ? f16_to_f32(f32_to_f16(v)) : v);
                }
                worst = fmax(worst, fabs(o - s->out[(int64_t)r * wide + h * dim + d]));
            }
        }
    free(keys); free(p);
    return worst;
}

static kv_cache *cache_new(ctx *c, const transformer_config *m, dtype type, int32_t max_rows) {
    kv_cache *kv;
    vox_error e = { 0 };
    CHECK(c->t, c->ops->kv_new(c->b, m, type, max_rows, &kv, &e) == VOX_OK, "%s", e.text);
    return kv;
}

/* One row at a time, as the truth; then the same in random chunks and in company.
 * Streams are several times as long as the ring of the cache. The last one begins
 * far from zero: only its bits are compared. */
static void test_attention(ctx *c, transformer_config m, dtype type) {
    enum { STREAMS = 3, MAX_ROWS = 23 };
    const int32_t one = 1;
    int32_t wide = m.n_heads * m.head_dim, from[STREAMS] = { 0 };
    sequence s[STREAMS];
    kv_cache *kv[STREAMS];
    float *again[STREAMS];
    for (int32_t i = 0; i < STREAMS; i++) {
        sequence *p = &s[i];
        s[i] = sequence_new(c, &m, 2 * m.window + 70 - 17 * i, i < 2 ? 0 : 1234567);
        kv[i] = cache_new(c, &m, type, MAX_ROWS);
        for (int32_t r = 0; r < s[i].n; r++) forward(c, &m, &p, &kv[i], &r, &one, 1, &s[i].out);
        double error = i < 2 ? attention_error(&m, &s[i], type) : 0;
        CHECK(c->t, error < (type == DTYPE_F16 ? 2e-3 : 5e-6), "%s attention, window %d, dim %d: %.2e", c->name, m.window, m.head_dim, error);
        again[i] = malloc((size_t)s[i].n * (size_t)wide * 4);
        c->ops->kv_free(c->b, kv[i]);
        kv[i] = cache_new(c, &m, type, MAX_ROWS);
    }
    for (int32_t left = STREAMS; left;) {
        sequence *some[STREAMS];
        kv_cache *some_kv[STREAMS];
        float *some_out[STREAMS];
        int32_t some_from[STREAMS], some_n[STREAMS], n = 0;
        for (int32_t i = 0; i < STREAMS; i++) {
            int32_t rest = s[i].n - from[i], take = test_range(c->t, 0, rest < MAX_ROWS ? rest : MAX_ROWS);
            if (!take) continue;
            some[n] = &s[i];
            some_kv[n] = kv[i];
            some_out[n] = again[i];
            some_from[n] = from[i];
            some_n[n++] = take;
            from[i] += take;
        }
        if (n) forward(c, &m, some, some_kv, some_from, some_n, n, some_out);
        left = 0;
        for (int32_t i = 0; i < STREAMS; i++) left += from[i] < s[i].n;
    }
    for (int32_t i = 0; i < STREAMS; i++) {
        CHECK(c->t, !memcmp(s[i].out, again[i], (size_t)s[i].n * (size_t)wide * 4), "%s attention, window %d: stream %d in chunks and company", c->name, m.window, i);
        c->ops->kv_free(c->b, kv[i]);
        free(again[i]);
        sequence_free(&s[i]);
    }
}

static void test_rope(ctx *c) {
    enum { ROWS = 3 };
    transformer_config m = { .n_layers = 2, .n_heads = 2, .n_kv_heads = 1, .head_dim = 64, .window = 9, .rope_theta = 1e6 };
    tensor q = make(c, DTYPE_F32, ROWS, 128), k = make(c, DTYPE_F32, ROWS, 64), v = make(c, DTYPE_F32, ROWS, 64), q0 = make(c, DTYPE_F32, ROWS, 128);
    kv_cache *kv = cache_new(c, &m, DTYPE_F32, ROWS), *caches[ROWS] = { kv, kv, kv };
    int64_t positions[ROWS] = { 7654321, 7654322, 7654323 };
    batch rows = { .n = ROWS, .cache = caches, .position = positions };
    for (int32_t layer = 0; layer < 2; layer++) { /* the second layer takes the kept angles */
        c->ops->begin(c->b, 8);
        c->ops->copy(c->b, q0, q);
        c->ops->rope_kv(c->b, q, k, v, &rows, &m, layer);
        done(c, "rope_kv");
        double worst = 0;
        for (int32_t r = 0; r < ROWS; r++)
            for (int32_t h = 0; h < 2; h++) {
                double x[64];
                for (int32_t d = 0; d < 64; d++) x[d] = at(&q0, r, h * 64 + d);
                rotate(x, 64, positions[r], 1e6);
                for (int32_t d = 0; d < 64; d++) worst = fmax(worst, fabs(x[d] - at(&q, r, h * 64 + d)));
            }
        CHECK(c->t, worst < 5e-7, "%s rope at position 7654321: %.2e", c->name, worst);
    }
    c->ops->kv_free(c->b, kv);
    drop(c, &q); drop(c, &k); drop(c, &v); drop(c, &q0);
}

/* ---- Tokens ---------------------------------------------------------------------*/

static void test_top_k(ctx *c, int32_t vocab) {
    enum { ROWS = 3 };
    tensor logits = make(c, DTYPE_F32, ROWS, vocab);
    float *x = tensor_host(&logits);
    for (int64_t i = 0; i < (int64_t)ROWS * vocab; i++) x[i] = roundf(x[i] * 40) / 4; /* many ties */
    for (int32_t i = 1; i < 9 && vocab > 9; i += 3) x[2 * (int64_t)vocab + vocab / 9 * i] = 12; /* a few, far apart */
    top_tokens top[ROWS], alone;
    c->ops->begin(c->b, 9);
    c->ops->top_k(c->b, top, logits);
    c->ops->top_k(c->b, &alone, tensor_rows(logits, 1, 1));
    done(c, "top_k");
    CHECK(c->t, !memcmp(&alone, &top[1], sizeof alone), "%s top_k: a row alone", c->name);
    for (int32_t r = 0; r < ROWS; r++) {
        double sum = 0;
        for (int32_t i = 0; i < vocab; i++) sum += exp((double)at(&logits, r, i));
        for (int32_t k = 0, previous = -1; k < TOP_K; k++) {
            int32_t best = -1;
            for (int32_t i = 0; i < vocab; i++) {
                float value = at(&logits, r, i);
                bool taken = k && (value > at(&logits, r, previous) || (value == at(&logits, r, previous) && i <= previous));
                if (!taken && (best < 0 || value > at(&logits, r, best))) best = i;
            }
            CHECK(c->t, top[r].id[k] == best, "%s top_k of %d: place %d is %d, not %d", c->name, vocab, k, top[r].id[k], best);
            double expected = best < 0 ? -INFINITY : at(&logits, r, best) - log(sum);
            CHECK(c->t, best < 0 ? isinf(top[r].logprob[k]) : fabs(top[r].logprob[k] - expected) < 3e-6, "%s logprob %f, not %f", c->name, top[r].logprob[k], expected);
            if (best < 0) break;
            previous = best;
        }
    }
    for (int32_t i = 0; i < vocab; i++) x[i] = i % 3 ? NAN : -INFINITY;
    for (int32_t i = 0; i < vocab; i++) x[vocab + i] = NAN;
    for (int32_t i = 0; i < vocab; i++) x[2 * vocab + i] = i == vocab - 1 ? INFINITY : NAN;
    c->ops->begin(c->b, 10);
    c->ops->top_k(c->b, top, logits);
    done(c, "top_k of NaN");
    for (int32_t r = 0; r < ROWS; r++)
        for (int32_t k = 0; k < TOP_K; k++)
            CHECK(c->t, k < vocab ? top[r].id[k] >= 0 && top[r].id[k] < vocab : top[r].id[k] == -1, "%s NaN logits: id %d of %d", c->name, top[r].id[k], vocab);
    CHECK(c->t, top[2].id[0] == vocab - 1, "%s infinity beats NaN", c->name);
    drop(c, &logits);
}

/* ---- Failures -----------------------------------------------------------------------*/

static void refused(ctx *c, const char *what) {
    vox_error e = { 0 };
    int32_t status = c->ops->submit(c->b, &e);
    CHECK(c->t, status == VOX_E_ARGUMENT && strstr(e.text, what), "%s: \"%s\"", what, e.text);
}

static void test_failures(ctx *c) {
    tensor a = make(c, DTYPE_F32, 2, 8), w = make(c, DTYPE_BF16, 4, 8), out = make(c, DTYPE_F32, 2, 4), none = { 0 };
    transformer_config m = { .n_layers = 1, .n_heads = 2, .n_kv_heads = 2, .head_dim = 4, .window = 5, .rope_theta = 1e4 };
    kv_cache *kv = cache_new(c, &m, DTYPE_F32, 1), *caches[2] = { kv, kv };
    int64_t positions[2] = { 3, 4 };
    batch rows = { .n = 2, .cache = caches, .position = positions };
    c->ops->begin(c->b, 11);
    c->ops->linear(c->b, out, a, a, none, none);
    c->ops->gelu(c->b, w); /* the first failure is kept */
    refused(c, "linear");
    c->ops->begin(c->b, 11);
    c->ops->rope_kv(c->b, a, a, a, &rows, &m, 0); /* two rows, max_rows 1 */
    refused(c, "rope_kv");
    c->ops->begin(c->b, 11);
    rows.n = 1;
    c->ops->attention(c->b, tensor_rows(a, 0, 1), tensor_rows(a, 1, 1), &rows, &m, 1); /* no such layer */
    refused(c, "attention");
    int32_t ids[2] = { 0, 4 };
    tensor adds[2] = { tensor_rows(a, 0, 1), tensor_rows(a, 1, 1) };
    tensor embedded = make(c, DTYPE_F32, 2, 8);
    c->ops->begin(c->b, 11);
    c->ops->embed(c->b, embedded, w, ids, adds); /* id 4 of 4 */
    refused(c, "embed");
    c->ops->begin(c->b, 11);
    c->ops->linear(c->b, out, a, w, none, none);
    c->ops->linear(c->b, tensor_rows(out, 0, 0), tensor_rows(a, 0, 0), w, none, none); /* nothing to do */
    done(c, "after failures");
    kv_cache *bad;
    vox_error e = { 0 };
    m.head_dim = 5;
    CHECK(c->t, c->ops->kv_new(c->b, &m, DTYPE_F32, 1, &bad, &e) == VOX_E_ARGUMENT && !bad, "odd head_dim");
    c->ops->kv_free(c->b, kv);
    c->ops->kv_free(c->b, NULL);
    drop(c, &a); drop(c, &w); drop(c, &out); drop(c, &embedded);
}

static void test_memory(ctx *c) {
    transformer_config m = { .n_layers = 3, .n_heads = 8, .n_kv_heads = 2, .head_dim = 64, .window = 100 };
    int64_t half = c->ops->kv_bytes(c->b, &m, DTYPE_F16, 20), whole = c->ops->kv_bytes(c->b, &m, DTYPE_F32, 20);
    int64_t least = (int64_t)120 * 64 * 2 * 3 * 2; /* positions, dims, heads, layers, k and v */
    CHECK(c->t, half > least * 2 && half < least * 3 && whole > half, "kv_bytes %lld", (long long)half);
    char text[64];
    c->ops->describe(c->b, text, sizeof text);
    CHECK(c->t, strstr(text, cpu_backend_isa(c->b)) && cpu_backend_threads(c->b) >= 1, "describe: %s", text);
}

/* One digest of a linear and an attention per thread count: all must be the same. */
static void test_threads(test_state *t, const char *isa) {
    enum { ROWS = 70, DIM = 256, OUT = 500 };
    transformer_config m = { .n_layers = 1, .n_heads = 8, .n_kv_heads = 4, .head_dim = 32, .window = 50, .rope_theta = 1e6 };
    static float first[ROWS * OUT], first_attention[ROWS * DIM];
    top_tokens first_top = { 0 };
    for (int32_t threads = 1; threads <= 4; threads++) {
        test_state same = { .random = 99 };
        vox_error e = { 0 };
        ctx c = { .t = &same, .name = isa };
        CHECK(t, cpu_backend_new(isa, threads, &c.b, &e) == VOX_OK && cpu_backend_threads(c.b) == threads, "%s", e.text);
        c.ops = c.b->ops;
        tensor x = make(&c, DTYPE_F32, ROWS, DIM), w = make(&c, DTYPE_BF16, OUT, DIM), out = make(&c, DTYPE_F32, ROWS, OUT), none = { 0 };
        tensor k = make(&c, DTYPE_F32, ROWS, DIM / 2), o = make(&c, DTYPE_F32, ROWS, DIM), logits = make(&c, DTYPE_F32, 1, 20000);
        kv_cache *kv = cache_new(&c, &m, DTYPE_F16, ROWS), *caches[ROWS];
        int64_t positions[ROWS];
        top_tokens top;
        for (int32_t r = 0; r < ROWS; r++) caches[r] = kv, positions[r] = r;
        batch rows = { .n = ROWS, .cache = caches, .position = positions };
        c.ops->begin(c.b, 12);
        c.ops->linear(c.b, out, x, w, none, none);
        c.ops->rope_kv(c.b, x, k, k, &rows, &m, 0);
        c.ops->attention(c.b, o, x, &rows, &m, 0);
        c.ops->top_k(c.b, &top, logits);
        done(&c, "threads");
        if (threads == 1) {
            memcpy(first, tensor_host(&out), sizeof first);
            memcpy(first_attention, tensor_host(&o), sizeof first_attention);
            first_top = top;
        }
        CHECK(t, !memcmp(first, tensor_host(&out), sizeof first), "%s: linear with %d threads differs", isa, threads);
        CHECK(t, !memcmp(first_attention, tensor_host(&o), sizeof first_attention), "%s: attention with %d threads differs", isa, threads);
        CHECK(t, !memcmp(&first_top, &top, sizeof top), "%s: top_k with %d threads differs", isa, threads);
        CHECK(t, !same.failed, "%s: %d threads", isa, threads);
        c.ops->kv_free(c.b, kv);
        drop(&c, &x); drop(&c, &w); drop(&c, &out); drop(&c, &k); drop(&c, &o); drop(&c, &logits);
        c.ops->free(c.b);
    }
}

static void test_isa(test_state *t, const char *isa, int32_t threads) {
    vox_error e = { 0 };
    ctx c = { .t = t, .name = isa };
    CHECK(t, cpu_backend_new(isa, threads, &c.b, &e) == VOX_OK, "%s", e.text);
    if (!c.b) return;
    c.ops = c.b->ops;
    test_linear(&c, 1, 33, 50);
    test_linear(&c, 1, 600, 257);
    test_linear(&c, 7, 129, 200);
    test_linear(&c, 38, 100, 130);
    test_linear(&c, 131, 65, 49);
    test_conv1d(&c, 1, 5, 7, 1);
    test_conv1d(&c, 33, 20, 24, 1);
    test_conv1d(&c, 70, 16, 40, 2);
    test_rows(&c);
    test_rope(&c);
    transformer_config mha = { .n_layers = 2, .n_heads = 3, .n_kv_heads = 3, .head_dim = 20, .window = 75, .rope_theta = 1e6 };
    transformer_config gqa = { .n_layers = 2, .n_heads = 8, .n_kv_heads = 2, .head_dim = 32, .window = 40, .rope_theta = 1e6 };
    transformer_config narrow = { .n_layers = 2, .n_heads = 20, .n_kv_heads = 1, .head_dim = 6, .window = 3, .rope_theta = 1e4 };
    transformer_config self = { .n_layers = 2, .n_heads = 2, .n_kv_heads = 2, .head_dim = 64, .window = 1, .rope_theta = 1e6 };
    test_attention(&c, mha, DTYPE_F32);
    test_attention(&c, gqa, DTYPE_F32);
    test_attention(&c, gqa, DTYPE_F16);
    test_attention(&c, narrow, DTYPE_F32);
    test_attention(&c, self, DTYPE_F16);
    test_top_k(&c, 1);
    test_top_k(&c, 3);
    test_top_k(&c, 4096);
    test_top_k(&c, 9001);
    test_failures(&c);
    test_memory(&c);
    c.ops->free(c.b);
}

int main(void) {
    test_state t = { .random = 7 };
    vox_error e = { 0 };
    backend *none;
    CHECK(&t, cpu_backend_new("sse9", 1, &none, &e) == VOX_E_UNSUPPORTED && !none && strstr(e.text, "sse9"), "%s", e.text);
    CHECK(&t, cpu_backend_new("auto", -1, &none, NULL) == VOX_E_ARGUMENT, "-1 threads");
    for (const char *const *isa = cpu_isa_available(); *isa; isa++) {
        test_isa(&t, *isa, 2);
        test_threads(&t, *isa);
    }
    test_isa(&t, "auto", 0);
    return test_report(&t);
}
