/* Any bytes as a GGUF file: an index that is accepted keeps its promises. */
#include <stdlib.h>
#include <string.h>

#include "../c/gguf_file.h"
#include "fuzz.h"
#include "gguf.h"

static void check_values(const gguf *g, const uint8_t *data, size_t size) {
    for (int32_t i = 0; i < g->n_values; i++) {
        const gguf_value *v = &g->values[i];
        gguf_text text;
        double number;
        size_t cursor = 0;
        if (v->data < data || v->data > data + size) abort();
        gguf_number(v, &number);
        if (gguf_string(v, &text) && (text.bytes < (const char *)data || text.size > size)) abort();
        if (!gguf_is_array(v, GGUF_STRING)) continue;
        for (uint64_t k = 0; k < v->count; k++) {
            text = gguf_next_string(v, &cursor);
            if ((const uint8_t *)text.bytes + text.size > data + size) abort();
        }
    }
}

static void check_tensors(const safetensors *s, const uint8_t *data, size_t size) {
    for (int32_t i = 0; i < s->n; i++) {
        const safetensor *t = &s->tensors[i];
        if (t->data < data || t->bytes > size || t->data > data + size - t->bytes) abort();
        if (t->bytes && t->data[0] + t->data[t->bytes - 1] < 0) abort(); /* faults if out of bounds */
        if (safetensors_find(s, t->name) != t) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gguf g;
    vox_error e = { 0 };
    int32_t status = gguf_parse(data, size, "fuzz", &g, &e);
    if (status != e.code || (status && (!e.text[0] || g.values || g.names || g.index.tensors))) abort();
    if (!status) {
        check_values(&g, data, size);
        check_tensors(&g.index, data, size);
    }
    gguf_free(&g);
    return 0;
}

size_t fuzz_seed(int index, uint8_t *out, size_t capacity) {
    gguf_file f;
    if (index > 2) return 0;
    if (index) put_good(&f, (uint32_t)index + 1);
    else put_begin(&f, 3, 0, 0);
    if (f.size > capacity) return 0;
    memcpy(out, f.bytes, f.size);
    return f.size;
}
