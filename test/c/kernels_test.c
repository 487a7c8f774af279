/* Every kernel of every ISA of this machine against plain C, in the manner of
 * checkasm: random shapes, operands that end at unreadable pages, stated error
 * bounds, and the promise that a row's bits do not depend on the call's shape.
 * kernels_test --bench times them. */
#include <time.h>

#include "../../lib/backend.h"
#include "../../lib/cpu/half.h"
#include "../../lib/cpu/kernels.h"
#include "test.h"

#define EPSILON 0x1p-24 /* half a unit in the last place of 1.0f */

static float *floats(test_state *t, int64_t n, float scale) {
    float *x = malloc((size_t)(n ? n : 1) * sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i] = test_float(t) * scale;
    return x;
}

static uint16_t to_bf16(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static uint16_t *bf16s(test_state *t, int64_t n) {
    uint16_t *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i] = to_bf16(test_float(t));
    return x;
}

static guarded guard_floats(const float *x, int64_t n) { return guarded_copy(x, (size_t)n * sizeof *x); }

/* ---- Matrix product ----------------------------------------------------------*/

/* Rows as the backend hands them over: packed where the level asks for it. */
typedef struct rows_in { guarded memory; const float *x; int64_t ldx; } rows_in;

static rows_in prepare(const kernels *k, const float *x, int32_t rows, int32_t depth) {
    rows_in in = { .ldx = depth };
    if (!k->pack) in.memory = guard_floats(x, (int64_t)rows * depth);
    else {
        in.ldx = (depth + PACK_STEP - 1) / PACK_STEP * PACK_STEP;
        float *packed = malloc((size_t)rows * (size_t)in.ldx * sizeof *packed);
        for (int32_t r = 0; r < rows; r++) {
            guarded row = guard_floats(x + (int64_t)r * depth, depth);
            k->pack(packed + r * in.ldx, (const float *)row.bytes, depth);
            guarded_free(&row);
        }
        in.memory = guard_floats(packed, rows * in.ldx);
        free(packed);
    }
    in.x = (const float *)in.memory.bytes;
    return in;
}

static void test_matmul(test_state *t, const kernels *k, float *scratch, int32_t rows, int32_t outputs, int32_t depth) {
    float *x = floats(t, (int64_t)rows * depth, 1);
    uint16_t *w = bf16s(t, (int64_t)outputs * depth);
    guarded weights = guarded_copy(w, (size_t)outputs * (size_t)depth * 2);
    rows_in in = prepare(k, x, rows, depth);
    float *out = floats(t, (int64_t)rows * outputs, 1), *alone = floats(t, (int64_t)rows * outputs, 1);
    product p = { .x = in.x, .ldx = in.ldx, .w = (const uint16_t *)weights.bytes, .ldw = depth, .rows = rows, .outputs = outputs, .k = depth };
    k->matmul(out, &p, scratch);

    /* the worst chain has depth + a few roundings; vectors share it among four or
     * more lanes; hi + lo of avx512bf16 adds 2^-16 */
    double chain = strcmp(k->name, "scalar") ? depth / 4 + 16 : depth + 1, split = k->pack ? 0x1p-16 : 0, worst = 0;
    for (int32_t r = 0; r < rows; r++)
        for (int32_t c = 0; c < outputs; c++) {
            double sum = 0, size = 0;
            for (int32_t i = 0; i < depth; i++) {
                double term = (double)x[(int64_t)r * depth + i] * bf16_to_f32(w + (int64_t)c * depth + i);
                sum += term;
                size += fabs(term);
            }
            double error = fabs(out[(int64_t)r * outputs + c] - sum) / (size * (chain * EPSILON + split) + 1e-30);
            if (!(error <= worst)) worst = error;
        }
    CHECK(t, worst <= 1, "%s matmul %d x %d -> %d: error %.2f of the bound", k->name, rows, depth, outputs, worst);

    /* a row alone, an output alone, and both behind other rows */
    for (int32_t r = 0; r < rows; r++) {
        product one = p;
        one.x = in.x + r * in.ldx;
        one.rows = 1;
        k->matmul(alone + (int64_t)r * outputs, &one, scratch);
    }
    CHECK(t, !memcmp(out, alone, (size_t)rows * (size_t)outputs * 4), "%s matmul %d x %d -> %d: rows alone", k->name, rows, depth, outputs);
    int32_t c = test_range(t, 0, outputs - 1), r = test_range(t, 0, rows - 1);
    product part = p;
    part.w += (int64_t)c * depth;
    part.outputs -= c;
    part.x += r * in.ldx;
    part.rows -= r;
    k->matmul(alone, &part, scratch);
    for (int32_t i = 0; i < part.rows; i++)
        CHECK(t, !memcmp(out + (int64_t)(r + i) * outputs + c, alone + (int64_t)i * part.outputs, (size_t)part.outputs * 4),
              "%s matmul %d x %d -> %d: from row %d, output %d", k->name, rows, depth, outputs, r, c);
    guarded_free(&weights);
    guarded_free(&in.memory);
    free(x); free(w); free(out); free(alone);
}

static void test_products(test_state *t, const kernels *k) {
    float *memory = malloc(MATMUL_SCRATCH * sizeof *memory + 64), *scratch = memory;
    while ((uintptr_t)scratch % 64) scratch++;
    for (int32_t rows = 1; rows <= 40; rows++)
        test_matmul(t, k, scratch, rows, test_range(t, 1, MATMUL_OUTPUTS), test_range(t, 1, 700));
    for (int32_t i = 0; i < 12; i++)
        test_matmul(t, k, scratch, test_range(t, 1, MATMUL_DIRECT_ROWS), test_range(t, 1, 130), test_range(t, 1, 400));
    for (int32_t depth = 1; depth <= 70; depth += 3) test_matmul(t, k, scratch, 9, 7, depth);
    static const int32_t depths[] = { 1023, 1024, 1025, 2047, 2049, 3100 }; /* around the panels' ends */
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++)
        test_matmul(t, k, scratch, test_range(t, 9, MATMUL_ROWS), MATMUL_OUTPUTS - (int32_t)i, depths[i]);
    test_matmul(t, k, scratch, MATMUL_ROWS, MATMUL_OUTPUTS, 1536);
    free(memory);
}

/* ---- Element-wise --------------------------------------------------------------*/

/* Every element must come out the same alone as among n: no lane, no tail differs. */
static void test_elementwise(test_state *t, const kernels *k) {
    for (int32_t n = 1; n <= 70; n++) {
        float *x = floats(t, n, n % 3 ? 4 : 30), *up = floats(t, n, 2);
        guarded g = guard_floats(x, n), u = guard_floats(up, n), s = guard_floats(x, n);
        float *gelu = (float *)g.bytes, *silu = (float *)s.bytes;
        k->gelu(gelu, n);
        k->silu_mul(silu, (float *)u.bytes, n);
        double gelu_error = 0, silu_error = 0;
        int same = 1;
        for (int32_t i = 0; i < n; i++) {
            gelu_error = fmax(gelu_error, fabs(gelu[i] - 0.5 * x[i] * erfc(-x[i] / sqrt(2))) / fmax(1, fabs(x[i])));
            double expected = x[i] / (1 + exp(-(double)x[i])) * up[i];
            silu_error = fmax(silu_error, fabs(silu[i] - expected) / (fabs(expected) + 1e-30));
            float one = x[i], gate = x[i];
            k->gelu(&one, 1);
            k->silu_mul(&gate, up + i, 1);
            same &= !memcmp(&one, &gelu[i], 4) && !memcmp(&gate, &silu[i], 4);
        }
        CHECK(t, gelu_error < 5e-7, "%s gelu: absolute error %.2e", k->name, gelu_error);
        CHECK(t, silu_error < 12 * EPSILON, "%s silu: relative error %.2e", k->name, silu_error);
        CHECK(t, same, "%s gelu, silu: an element of %d differs from itself alone", k->name, n);
        guarded_free(&g); guarded_free(&u); guarded_free(&s);
        free(x); free(up);
    }
    float far[] = { 0, -0.0f, 200, -200, 1e30f, -1e30f, INFINITY }, up[7] = { 1, 1, 1, 1, 1, 1, 1 };
    float silu[7];
    memcpy(silu, far, sizeof far);
    k->gelu(far, 7);
    k->silu_mul(silu, up, 7);
    CHECK(t, far[0] == 0 && far[2] == 200 && far[3] == 0 && far[4] == 1e30f && far[5] == 0 && far[6] == INFINITY, "%s gelu far out", k->name);
    CHECK(t, silu[0] == 0 && silu[2] == 200 && fabsf(silu[3]) < 1e-30f && silu[4] == 1e30f && silu[6] == INFINITY, "%s silu far out", k->name);
    float nan[2] = { NAN, 1 };
    k->gelu(nan, 2);
    CHECK(t, isnan(nan[0]) && !isnan(nan[1]), "%s gelu hides a NaN", k->name);
}

static void test_f16(test_state *t, const kernels *k) {
    enum { N = 4099 };
    float *x = floats(t, N, 1);
    for (int32_t i = 0; i < N; i++) {
        uint32_t bits = (uint32_t)test_random(t);
        if (i % 2) bits = (bits & 0x8fffffffu) | 0x38000000u; /* many near the f16 range */
        if (i % 5 == 0) bits &= ~0x1fffu;
        if (i % 10 == 0) bits |= 0x1000; /* ties */
        if ((bits & 0x7f800000u) == 0x7f800000u) bits &= 0xff7fffffu;
        memcpy(&x[i], &bits, 4);
    }
    x[0] = 65504; x[1] = 65520; x[2] = -1e9f; x[3] = 0x1p-24f; x[4] = 0x1p-25f; x[5] = 0x1.8p-24f; x[6] = INFINITY;
    guarded g = guard_floats(x, N);
    uint16_t *out = malloc(N * sizeof *out);
    k->to_f16(out, (float *)g.bytes, N);
    int32_t different = 0;
    for (int32_t i = 0; i < N; i++) different += out[i] != f32_to_f16(x[i]);
    CHECK(t, different == 0, "%s to_f16: %d of %d differ", k->name, different, N);
    double worst = 0;
    for (int32_t i = 0; i < N; i++)
        if (fabsf(x[i]) >= 0x1p-14f && fabsf(x[i]) <= 65504) worst = fmax(worst, fabs(f16_to_f32(out[i]) / (double)x[i] - 1));
    CHECK(t, worst <= 0x1p-11, "%s to_f16: relative error %.2e", k->name, worst);
    CHECK(t, out[1] == 0x7bff && out[2] == 0xfbff && out[3] == 1 && out[4] == 0 && out[5] == 2, "%s to_f16 corner cases", k->name);
    guarded_free(&g);
    free(x); free(out);
}

static void test_sums(test_state *t, const kernels *k) {
    static const int32_t sizes[] = { 1, 3, 8, 15, 16, 17, 63, 255, 256, 257, 1000, 3072 };
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int32_t n = sizes[s];
        float *x = floats(t, n, 3), *weight = floats(t, n, 1), *ada = floats(t, n, 0.5f), *out = floats(t, n, 1);
        guarded g = guard_floats(x, n), w = guard_floats(weight, n), a = guard_floats(ada, n);
        for (int with_ada = 0; with_ada < 2; with_ada++) {
            k->rms_norm(out, (float *)g.bytes, (float *)w.bytes, with_ada ? (float *)a.bytes : NULL, n, 1e-5f);
            double squares = 0, worst = 0;
            for (int32_t i = 0; i < n; i++) squares += (double)x[i] * x[i];
            double scale = 1 / sqrt(squares / n + 1e-5);
            for (int32_t i = 0; i < n; i++) {
                double expected = x[i] * scale * weight[i] * (with_ada ? 1.0 + ada[i] : 1.0);
                worst = fmax(worst, fabs(out[i] - expected) / (fabs(expected) + 1e-20));
            }
            CHECK(t, worst < 16 * EPSILON, "%s rms_norm of %d: relative error %.2e", k->name, n, worst);
        }
        double sum = 0, got = k->sum_exp((float *)g.bytes, n, 3);
        for (int32_t i = 0; i < n; i++) sum += exp((double)x[i] - 3);
        CHECK(t, fabs(got / sum - 1) < 16 * EPSILON, "%s sum_exp of %d: relative error %.2e", k->name, n, got / sum - 1);
        guarded_free(&g); guarded_free(&w); guarded_free(&a);
        free(x); free(weight); free(ada); free(out);
    }
}

/* ---- Attention ---------------------------------------------------------------------*/

static void test_exp(test_state *t, const kernels *k) {
    double worst = 0;
    for (int32_t i = 0; i < 2000; i++) {
        float s[KV_BLOCK], before[KV_BLOCK];
        for (int32_t j = 0; j < KV_BLOCK; j++) s[j] = before[j] = (test_float(t) - 1) * (i % 2 ? 43 : 1);
        s[i % KV_BLOCK] = before[i % KV_BLOCK] = 0;
        k->softmax(s, KV_BLOCK);
        for (int32_t j = 0; j < KV_BLOCK; j++) {
            double expected = exp((double)before[j]);
            worst = fmax(worst, fabs(s[j] - expected) / expected / (2 * EPSILON));
        }
    }
    CHECK(t, worst <= 2.5, "%s exp: %.2f ulp", k->name, worst);
    float s[2 * KV_BLOCK];
    for (int32_t j = 0; j < 2 * KV_BLOCK; j++) s[j] = j % 3 ? -INFINITY : -1e30f;
    s[5] = 7;
    float sum = k->softmax(s, 2 * KV_BLOCK);
    int exact = sum == 1;
    for (int32_t j = 0; j < 2 * KV_BLOCK; j++) exact &= s[j] == (j == 5);
    CHECK(t, exact, "%s softmax: masked positions must weigh exactly nothing", k->name);
}

static void test_attention(test_state *t, const kernels *k, int32_t n_q, int32_t n_blocks, int32_t dim, int half) {
    int32_t n = n_blocks * KV_BLOCK;
    int64_t lds = n + 16 * test_range(t, 0, 2), elements = (int64_t)n * dim;
    float *q = floats(t, (int64_t)n_q * dim, 1), *kv = floats(t, elements, 1), *s = floats(t, n_q * lds, 1);
    uint16_t *kv16 = malloc((size_t)elements * 2);
    kernels_scalar.to_f16(kv16, kv, (int32_t)elements);
    if (half)
        for (int64_t i = 0; i < elements; i++) kv[i] = f16_to_f32(kv16[i]);
    guarded data = half ? guarded_copy(kv16, (size_t)elements * 2) : guard_floats(kv, elements), qs = guard_floats(q, (int64_t)n_q * dim);

    k->scores[half](s, lds, (float *)qs.bytes, n_q, data.bytes, n_blocks, dim);
    double worst = 0;
    for (int32_t i = 0; i < n_q; i++)
        for (int32_t p = 0; p < n; p++) {
            double sum = 0, size = 0;
            for (int32_t d = 0; d < dim; d++) {
                double term = (double)q[(int64_t)i * dim + d] * kv[((int64_t)(p / KV_BLOCK) * dim + d) * KV_BLOCK + p % KV_BLOCK];
                sum += term;
                size += fabs(term);
            }
            worst = fmax(worst, fabs(s[i * lds + p] - sum) / (size * (dim + 1) * EPSILON + 1e-30));
        }
    CHECK(t, worst <= 1, "%s scores of %d queries, %d blocks, dim %d: error %.2f of the bound", k->name, n_q, n_blocks, dim, worst);

    float *one = floats(t, lds, 1), *total = malloc((size_t)n_q * 4);
    for (int32_t i = 0; i < n_q; i++) { /* a query alone, block by block, softmax included */
        for (int32_t b = 0; b < n_blocks; b++)
            k->scores[half](one + b * KV_BLOCK, lds, q + (int64_t)i * dim, 1, data.bytes + (size_t)b * KV_BLOCK * (size_t)dim * (half ? 2 : 4), 1, dim);
        CHECK(t, !memcmp(one, s + i * lds, (size_t)n * 4), "%s scores: query %d of %d alone differs", k->name, i, n_q);
        double sum = 0, top = -INFINITY, error = 0;
        for (int32_t p = 0; p < n; p++) top = fmax(top, one[p]);
        for (int32_t p = 0; p < n; p++) sum += exp(one[p] - top);
        total[i] = k->softmax(s + i * lds, n);
        for (int32_t p = 0; p < n; p++) error = fmax(error, fabs(s[i * lds + p] - exp(one[p] - top)));
        CHECK(t, error < 1e-6 && fabs(total[i] / sum - 1) < 16 * EPSILON, "%s softmax: error %.2e", k->name, error);
    }

    /* values: from a position inside the first block to one inside the last */
    int32_t from = test_range(t, 0, KV_BLOCK - 1), m = n - from - test_range(t, 0, KV_BLOCK - 1);
    if (m < 1) m = 1;
    const uint8_t *values = data.bytes + (size_t)from * (size_t)dim * (half ? 2 : 4);
    float *acc = floats(t, (int64_t)n_q * dim, 1), *before = malloc((size_t)n_q * (size_t)dim * 4), *alone = malloc((size_t)dim * 4);
    memcpy(before, acc, (size_t)n_q * (size_t)dim * 4);
    guarded acc_guard = guard_floats(acc, (int64_t)n_q * dim);
    float *result = (float *)acc_guard.bytes;
    k->weigh[half](result, s + from, lds, n_q, values, m, dim);
    worst = 0;
    for (int32_t i = 0; i < n_q; i++) {
        for (int32_t d = 0; d < dim; d++) {
            double sum = before[(int64_t)i * dim + d], size = fabs(sum);
            for (int32_t p = 0; p < m; p++) {
                double term = (double)s[i * lds + from + p] * kv[(int64_t)(from + p) * dim + d];
                sum += term;
                size += fabs(term);
            }
            worst = fmax(worst, fabs(result[(int64_t)i * dim + d] - sum) / (size * (m + 1) * EPSILON + 1e-30));
        }
        int32_t cut = test_range(t, 0, m); /* a query alone, its positions in two runs */
        memcpy(alone, before + (int64_t)i * dim, (size_t)dim * 4);
        k->weigh[half](alone, s + i * lds + from, lds, 1, values, cut, dim);
        k->weigh[half](alone, s + i * lds + from + cut, lds, 1, values + (size_t)cut * (size_t)dim * (half ? 2 : 4), m - cut, dim);
        CHECK(t, !memcmp(alone, result + (int64_t)i * dim, (size_t)dim * 4), "%s weigh: query %d of %d alone differs", k->name, i, n_q);
    }
    CHECK(t, worst <= 1, "%s weigh of %d queries, %d positions, dim %d: error %.2f of the bound", k->name, n_q, m, dim, worst);
    guarded_free(&data); guarded_free(&qs); guarded_free(&acc_guard);
    free(q); free(kv); free(kv16); free(s); free(one); free(total); free(acc); free(before); free(alone);
}

static void test_isa(test_state *t, const kernels *k) {
    static const char *const expected[][2] = {
        { "scalar", "" }, { "avx2", "avx2 fma f16c" }, { "avx512", "avx512f avx512bw avx512vl avx512dq" },
        { "avx512bf16", "avx512f avx512bw avx512vl avx512dq avx512bf16" }, { "neon", "neon" },
    };
    int known = 0;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        known |= !strcmp(k->name, expected[i][0]) && !strcmp(k->features, expected[i][1]);
    CHECK(t, known, "table %s was compiled for \"%s\"", k->name, k->features);
    CHECK(t, strcmp(k->name, "scalar") == 0 || k->matmul != kernels_scalar.matmul, "table %s holds the scalar kernels", k->name);
    float sink[2] = { 0.5f, 0.25f };
    double done = k->fma_peak(1000, sink);
    CHECK(t, done >= 4000 && isfinite(sink[0]), "%s fma_peak", k->name);
    test_products(t, k);
    test_elementwise(t, k);
    test_f16(t, k);
    test_sums(t, k);
    test_exp(t, k);
    for (int32_t i = 0; i < 24; i++)
        test_attention(t, k, test_range(t, 1, 17), test_range(t, 1, 7), i % 4 ? test_range(t, 1, 40) * 2 : 64 << i / 12, i % 2);
}

/* ---- Timing --------------------------------------------------------------------------*/

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

typedef struct bench {
    const kernels *k;
    float *x, *y, *out, *scratch;
    uint16_t *w;
    int32_t rows, outputs, depth;
} bench;

static void bench_matmul(bench *b) {
    product p = { .x = b->x, .ldx = b->depth, .w = b->w, .ldw = b->depth, .rows = b->rows, .outputs = b->outputs, .k = b->depth };
    b->k->matmul(b->out, &p, b->scratch);
}
static void bench_rms(bench *b) { b->k->rms_norm(b->out, b->x, b->y, NULL, b->depth, 1e-5f); }
static void bench_gelu(bench *b) { memcpy(b->out, b->x, (size_t)b->depth * 4); b->k->gelu(b->out, b->depth); }
static void bench_silu(bench *b) { memcpy(b->out, b->x, (size_t)b->depth * 4); b->k->silu_mul(b->out, b->y, b->depth); }
static void bench_f16(bench *b) { b->k->to_f16((uint16_t *)(void *)b->out, b->x, b->depth); }
static void bench_scores32(bench *b) { b->k->scores[0](b->out, b->outputs, b->x, b->rows, b->y, b->outputs / KV_BLOCK, b->depth); }
static void bench_scores16(bench *b) { b->k->scores[1](b->out, b->outputs, b->x, b->rows, b->y, b->outputs / KV_BLOCK, b->depth); }
static void bench_softmax(bench *b) { memcpy(b->out, b->x, (size_t)b->depth * 4); b->k->softmax(b->out, b->depth); }
static void bench_weigh32(bench *b) { b->k->weigh[0](b->out, b->x, b->outputs, b->rows, b->y, b->outputs, b->depth); }
static void bench_weigh16(bench *b) { b->k->weigh[1](b->out, b->x, b->outputs, b->rows, b->y, b->outputs, b->depth); }
static void bench_sum_exp(bench *b) { b->out[0] = (float)b->k->sum_exp(b->x, b->depth, 3); }

static double time_of(void (*run)(bench *), bench *b) {
    double best = 1e9;
    for (int64_t repeats = 1; repeats < 1 << 20;) {
        double start = cpu_seconds();
        for (int64_t i = 0; i < repeats; i++) run(b);
        double seconds = cpu_seconds() - start;
        if (seconds / (double)repeats < best) best = seconds / (double)repeats;
        if (seconds > 0.05) break;
        repeats *= 2;
    }
    return best;
}

static void bench_all(test_state *t) {
    static const struct { const char *name; void (*run)(bench *); int32_t rows, outputs, depth; } cases[] = {
        { "matmul 1 x 1280 -> 96", bench_matmul, 1, 96, 1280 },
        { "matmul 4 x 1280 -> 96", bench_matmul, 4, 96, 1280 },
        { "matmul 8 x 1280 -> 96", bench_matmul, 8, 96, 1280 },
        { "matmul 64 x 1280 -> 24", bench_matmul, 64, 24, 1280 },
        { "matmul 64 x 5120 -> 24", bench_matmul, 64, 24, 5120 },
        { "rms_norm 3072", bench_rms, 1, 1, 3072 },
        { "gelu 5120", bench_gelu, 1, 1, 5120 },
        { "silu_mul 9216", bench_silu, 1, 1, 9216 },
        { "to_f16 1024", bench_f16, 1, 1, 1024 },
        { "scores f32 16 x 64, 768 keys", bench_scores32, 16, 768, 64 },
        { "scores f16 4 x 128, 2048 keys", bench_scores16, 4, 2048, 128 },
        { "softmax 768", bench_softmax, 1, 1, 768 },
        { "weigh f32 16 x 64, 768 values", bench_weigh32, 16, 768, 64 },
        { "weigh f16 4 x 128, 2048 values", bench_weigh16, 4, 2048, 128 },
        { "sum_exp 4096", bench_sum_exp, 1, 1, 4096 },
    };
    enum { N = 64 * 5120 };
    bench b = { .x = floats(t, N, 1), .y = floats(t, N, 0.01f), .out = floats(t, N, 1), .w = bf16s(t, N), .scratch = floats(t, MATMUL_SCRATCH, 1) };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double scalar = 0;
        printf("%-32s", cases[c].name);
        for (const char *const *isa = cpu_isa_available(); *isa; isa++) {
            b.k = kernels_find(*isa, NULL);
            b.rows = cases[c].rows;
            b.outputs = cases[c].outputs;
            b.depth = cases[c].depth;
            double seconds = time_of(cases[c].run, &b);
            if (!scalar) scalar = seconds;
            printf("  %s %.2f us (%.1fx)", *isa, seconds * 1e6, scalar / seconds);
        }
        printf("\n");
    }
    free(b.x); free(b.y); free(b.out); free(b.w); free(b.scratch);
}

int main(int argc, char **argv) {
    test_state t = { .random = 20240607 };
    if (argc > 1 && !strcmp(argv[1], "--bench")) {
        bench_all(&t);
        return 0;
    }
    vox_error e = { 0 };
    CHECK(&t, !kernels_find("sse9", &e) && e.code == VOX_E_UNSUPPORTED, "an unknown ISA: %s", e.text);
    CHECK(&t, !strcmp(cpu_isa_available()[0], "scalar"), "scalar comes first");
    CHECK(&t, kernels_find("auto", NULL) == kernels_find(cpu_isa_default(), NULL), "auto is the default");
    for (const char *const *isa = cpu_isa_available(); *isa; isa++) {
        const kernels *k = kernels_find(*isa, NULL);
        CHECK(&t, k && !strcmp(k->name, *isa), "table of %s", *isa);
        if (k) test_isa(&t, k);
    }
    return test_report(&t);
}
