/* lib/quant.c: every block type against the gguf package, bit for bit. */
#include "os.h"
#include "quant.h"
#include "safetensors.h"
#include "test.h"

static const char path[] = "test/goldens/blocks.safetensors";

int main(void) {
    test_state t = { 0 };
    os_file file;
    safetensors goldens;
    vox_error e = { 0 };
    CHECK(&t, !os_map(path, &file, &e) && !safetensors_parse(file.bytes, file.size, path, &goldens, &e), "%s", e.text);
    if (e.code) return test_report(&t);
    int32_t checked = 0;
    for (dtype type = 0; type < N_DTYPES; type++) {
        char name[32];
        snprintf(name, sizeof name, "%s.blocks", dtype_formats[type].name);
        const safetensor *blocks = safetensors_find(&goldens, name);
        snprintf(name, sizeof name, "%s.values", dtype_formats[type].name);
        const safetensor *values = safetensors_find(&goldens, name);
        if (!blocks || !values) continue;
        int32_t n = (int32_t)values->shape[0], wrong = 0;
        CHECK(&t, dtype_row_bytes(type, n) == blocks->bytes, "%s: %zu bytes", name, blocks->bytes);
        guarded from = guarded_copy(blocks->data, blocks->bytes);
        float *out = malloc((size_t)n * sizeof *out);
        dequantize(type, out, from.bytes, n);
        for (int32_t i = 0; i < n; i++) wrong += memcmp(&out[i], values->data + 4 * (size_t)i, 4) != 0;
        CHECK(&t, wrong == 0, "%s: %d of %d differ", name, wrong, n);
        free(out);
        guarded_free(&from);
        checked++;
    }
    CHECK(&t, checked == N_DTYPES - 1, "%d types: all but F32, which is copied", checked);
    safetensors_free(&goldens);
    os_unmap(&file);
    return test_report(&t);
}
