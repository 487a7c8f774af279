/* Any bytes as a GGUF file: an index that is accepted keeps its promises, and sizes
 * and vocabulary are read from its keys or refused. */
#include <stdlib.h>
#include <string.h>

#include "../c/gguf_file.h"
#include "fuzz.h"
#include "gguf.h"
#include "metadata.h"
#include "tokenizer.h"

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

static void check_model(const gguf *g) {
    vox_config c;
    vox_error e = { 0 };
    tokenizer *words = NULL;
    if (metadata_has_config(g) && (metadata_config(g, "fuzz", &c, &e) != e.code || (e.code && !e.text[0]))) abort();
    e = (vox_error){ 0 };
    if (!tokenizer_in_gguf(g)) return;
    if (tokenizer_from_gguf(g, "fuzz", TOKEN_FIRST_TEXT + 3, &words, &e) != e.code || !words != (e.code != VOX_OK)) abort();
    for (int32_t i = 0; words && i < 3; i++) {
        int32_t size;
        const char *text = tokenizer_bytes(words, TOKEN_FIRST_TEXT + i, &size);
        if (size < 1 || size > TOKEN_MAX_BYTES || text[size]) abort();
    }
    tokenizer_free(words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gguf g;
    vox_error e = { 0 };
    int32_t status = gguf_parse(data, size, "fuzz", &g, &e);
    if (status != e.code || (status && (!e.text[0] || g.values || g.names || g.index.tensors))) abort();
    if (!status) {
        check_values(&g, data, size);
        check_tensors(&g.index, data, size);
        check_model(&g);
    }
    gguf_free(&g);
    return 0;
}

/* A vocabulary in each way, and some sizes. */
static void put_keys(gguf_file *f, int way) {
    static const char *const base64[] = { "AA==", "YWI=", "4oKs" };
    static const char *const characters[] = { "\xc4\x80", "a\xc4\xa0", "\xc3\xa2\xc4\xa4\xc2\xac" };
    put_begin(f, 3, 0, 4);
    put_number(f, way ? "stt.voxtral_realtime.decoder.hidden_size" : "voxtral.decoder.dim", 4, 64, 4);
    put_number(f, way ? "stt.voxtral_realtime.decoder.rope_theta" : "voxtral.decoder.rope_theta", 6, 0x49742400, 4);
    put_string(f, "general.architecture", "voxtral_realtime");
    put_array(f, way ? "tokenizer.ggml.tokens" : "voxtral.tokenizer.vocab_token_bytes_b64", 8, way ? TOKEN_FIRST_TEXT + 3 : 3);
    for (int i = 0; way && i < TOKEN_FIRST_TEXT; i++) put_text(f, "");
    for (int i = 0; i < 3; i++) put_text(f, way ? characters[i] : base64[i]);
}

size_t fuzz_seed(int index, uint8_t *out, size_t capacity) {
    gguf_file f;
    if (index > 4) return 0;
    if (index > 2) put_keys(&f, index - 3);
    else if (index) put_good(&f, (uint32_t)index + 1);
    else put_begin(&f, 3, 0, 0);
    if (f.size > capacity) return 0;
    memcpy(out, f.bytes, f.size);
    return f.size;
}
