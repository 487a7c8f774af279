/* Products with weights of every type, at every ISA of this machine: against the
 * widened weights in double, and a row's bits alone and in a batch.
 * wide_test --bench times one row. */
#include <time.h>

#include "../../lib/backend.h"
#include "../../lib/cpu/half.h"
#include "../../lib/cpu/kernels.h"
#include "../../lib/quant.h"
#include "test.h"

#define EPSILON 0x1p-24 /* half a unit in the last place of 1.0f */

static float *floats(test_state *t, int64_t n, float scale) {
    float *x = malloc((size_t)(n ? n : 1) * sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i] = test_float(t) * scale;
    return x;
}

/* Random blocks with finite scales: F16 words of a block are made small numbers. */
static uint8_t *random_weights(test_state *t, dtype type, int64_t n) {
    static const struct { dtype type; int32_t at[2]; } scales[] = {
        { DTYPE_Q4_0, { 0, 0 } }, { DTYPE_Q4_1, { 0, 2 } }, { DTYPE_Q5_0, { 0, 0 } }, { DTYPE_Q5_1, { 0, 2 } }, { DTYPE_Q8_0, { 0, 0 } },
        { DTYPE_Q2_K, { 80, 82 } }, { DTYPE_Q3_K, { 108, 108 } }, { DTYPE_Q4_K, { 0, 2 } }, { DTYPE_Q5_K, { 0, 2 } }, { DTYPE_Q6_K, { 208, 208 } },
    };
    size_t block = (size_t)dtype_formats[type].bytes, blocks = (size_t)(n / dtype_formats[type].block);
    uint8_t *w = malloc(blocks * block);
    for (size_t i = 0; i < blocks * block; i++) w[i] = (uint8_t)test_random(t);
    for (size_t b = 0; b < blocks; b++) {
        float f = test_float(t);
        uint16_t half = f32_to_f16(f * 0.01f);
        if (type == DTYPE_F32) memcpy(w + b * block, &f, 4);
        if (type == DTYPE_F16) memcpy(w + b * block, &half, 2);
        if (type == DTYPE_BF16) memcpy(w + b * block, (char *)&f + 2, 2);
        for (size_t s = 0; s < sizeof scales / sizeof *scales; s++)
            for (int i = 0; i < 2; i++)
                if (scales[s].type == type) memcpy(w + b * block + scales[s].at[i], &half, 2);
    }
    return w;
}

static void test_wide(test_state *t, const kernels *k, float *scratch, dtype type, int32_t rows, int32_t outputs, int32_t depth) {
    const char *name = dtype_formats[type].name;
    depth = (depth + dtype_formats[type].block - 1) / dtype_formats[type].block * dtype_formats[type].block;
    size_t row_bytes = dtype_row_bytes(type, depth);
    float *x = floats(t, (int64_t)rows * depth, 1), *row = malloc((size_t)depth * sizeof *row);
    uint8_t *w = random_weights(t, type, (int64_t)outputs * depth);
    guarded weights = guarded_copy(w, (size_t)outputs * row_bytes), xs = guarded_copy(x, (size_t)rows * (size_t)depth * sizeof *x);
    float *out = floats(t, (int64_t)rows * outputs, 1), *alone = floats(t, (int64_t)rows * outputs, 1);
    wide_product p = { .x = (float *)xs.bytes, .ldx = depth, .w = weights.bytes, .row_bytes = row_bytes, .rows = rows, .outputs = outputs, .k = depth, .type = type };
    k->matmul_wide(out, &p, scratch);

    double chain = strcmp(k->name, "scalar") ? depth / 4 + 16 : depth + 1, worst = 0;
    for (int32_t c = 0; c < outputs; c++) {
        dequantize(type, row, w + (size_t)c * row_bytes, depth);
        for (int32_t r = 0; r < rows; r++) {
            double sum = 0, size = 0;
            for (int32_t i = 0; i < depth; i++) {
                double term = (double)x[(int64_t)r * depth + i] * row[i];
                sum += term;
                size += fabs(term);
            }
            double error = fabs(out[(int64_t)r * outputs + c] - sum) / (size * chain * EPSILON + 1e-30);
            if (!(error <= worst)) worst = error;
        }
    }
    CHECK(t, worst <= 1, "%s %s matmul %d x %d -> %d: error %.2f of the bound", k->name, name, rows, depth, outputs, worst);

    for (int32_t r = 0; r < rows; r++) {
        wide_product one = p;
        one.x += (int64_t)r * depth;
        one.rows = 1;
        k->matmul_wide(alone + (int64_t)r * outputs, &one, scratch);
    }
    CHECK(t, !memcmp(out, alone, (size_t)rows * (size_t)outputs * 4), "%s %s matmul %d x %d -> %d: rows alone", k->name, name, rows, depth, outputs);
    int32_t c = test_range(t, 0, outputs - 1), r = test_range(t, 0, rows - 1);
    wide_product part = p;
    part.w += (size_t)c * row_bytes;
    part.outputs -= c;
    part.x += (int64_t)r * depth;
    part.rows -= r;
    k->matmul_wide(alone, &part, scratch);
    for (int32_t i = 0; i < part.rows; i++)
        CHECK(t, !memcmp(out + (int64_t)(r + i) * outputs + c, alone + (int64_t)i * part.outputs, (size_t)part.outputs * 4),
              "%s %s matmul %d x %d -> %d: from row %d, output %d", k->name, name, rows, depth, outputs, r, c);
    guarded_free(&weights);
    guarded_free(&xs);
    free(x); free(w); free(row); free(out); free(alone);
}

static void test_products(test_state *t, const kernels *k) {
    float *memory = malloc(MATMUL_SCRATCH * sizeof *memory + 64), *scratch = memory;
    while ((uintptr_t)scratch % 64) scratch++;
    for (dtype type = 0; type < N_DTYPES; type++) {
        test_wide(t, k, scratch, type, 1, test_range(t, 1, 130), test_range(t, 1, 2100));
        test_wide(t, k, scratch, type, test_range(t, 2, MATMUL_DIRECT_ROWS), test_range(t, 1, 60), test_range(t, 1, 1100));
        test_wide(t, k, scratch, type, test_range(t, MATMUL_DIRECT_ROWS + 1, MATMUL_ROWS), test_range(t, 1, MATMUL_OUTPUTS), test_range(t, 1, 1600));
        test_wide(t, k, scratch, type, test_range(t, 1, 20), test_range(t, 1, MATMUL_OUTPUTS), 1280);
    }
    free(memory);
}

/* Weights from memory, one row: GB/s of one core. */
static void bench(test_state *t) {
    enum { OUTPUTS = 9216, DEPTH = 3072 };
    float *x = floats(t, DEPTH, 1), *out = floats(t, OUTPUTS, 1), *scratch = floats(t, MATMUL_SCRATCH, 1);
    for (dtype type = 0; type < N_DTYPES; type++) {
        uint8_t *w = random_weights(t, type, (int64_t)OUTPUTS * DEPTH);
        size_t row_bytes = dtype_row_bytes(type, DEPTH);
        printf("%s", dtype_formats[type].name);
        for (const char *const *isa = cpu_isa_available(); *isa; isa++) {
            wide_product p = { .x = x, .ldx = DEPTH, .w = w, .row_bytes = row_bytes, .rows = 1, .outputs = OUTPUTS, .k = DEPTH, .type = type };
            double best = 1e9;
            for (int i = 0; i < 5; i++) {
                struct timespec from, to;
                clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
                kernels_find(*isa, NULL)->matmul_wide(out, &p, scratch);
                clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
                best = fmin(best, (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9);
            }
            printf("  %s %.2f ms, %.1f GB/s", *isa, best * 1e3, (double)row_bytes * OUTPUTS / best / 1e9);
        }
        printf("\n");
        free(w);
    }
    free(x); free(out); free(scratch);
}

int main(int argc, char **argv) {
    test_state t = { .random = 20261122 };
    if (argc > 1 && !strcmp(argv[1], "--bench")) {
        bench(&t);
        return 0;
    }
    for (const char *const *isa = cpu_isa_available(); *isa; isa++) test_products(&t, kernels_find(*isa, NULL));
    return test_report(&t);
}
