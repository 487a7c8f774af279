/* Any bytes as tekken.json: a vocabulary that is accepted has every token. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "tokenizer.h"

static void parse(const uint8_t *data, size_t size, int32_t vocab_size) {
    tokenizer *t;
    vox_error e = { 0 };
    int32_t status = tokenizer_parse(data, size, "fuzz", vocab_size, &t, &e);
    if (status != e.code || (status && (!e.text[0] || t)) || (!status && !t)) abort();
    for (int32_t id = -1; t && id <= vocab_size; id++) {
        int32_t n;
        const char *bytes = tokenizer_bytes(t, id, &n);
        bool text = id >= TOKEN_FIRST_TEXT && id < vocab_size;
        if (text != (bytes != NULL) || text != (n > 0) || n > TOKEN_MAX_BYTES) abort();
        if (text && bytes[n] != 0) abort();
    }
    tokenizer_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    parse(data, size, TOKEN_FIRST_TEXT + 4);
    parse(data, size, TOKEN_FIRST_TEXT + 256);
    return 0;
}

/* 4 and 256 ranks, in order and backwards. */
size_t fuzz_seed(int index, uint8_t *out, size_t capacity) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (index >= 4) return 0;
    int ranks = index & 1 ? 256 : 4;
    char *text = (char *)out;
    size_t n = (size_t)snprintf(text, capacity, "{\"config\": {\"version\": \"v3\", \"default_num_special_tokens\": 1000}, \"vocab\": [");
    for (int i = 0; i < ranks; i++) {
        int rank = index & 2 ? ranks - 1 - i : i;
        n += (size_t)snprintf(text + n, capacity - n, "%s{\"rank\": %d, \"token_bytes\": \"%c%c==\", \"token_str\": \"\\u%04x\"}",
                              i ? "," : "", rank, alphabet[rank >> 2], alphabet[rank << 4 & 63], (unsigned)rank);
    }
    n += (size_t)snprintf(text + n, capacity - n, "], \"special_tokens\": [{\"rank\": 0, \"token_str\": \"<unk>\", \"is_control\": true}]}");
    return n;
}
