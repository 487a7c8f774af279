/* tekken.json -> bytes of every text token. */
#include "tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "os.h"

#define TEKKEN_MAX_BYTES ((size_t)1 << 26)

struct tokenizer {
    int32_t n;      /* ranks; id = rank + TOKEN_FIRST_TEXT */
    uint32_t *at;   /* [n + 1] where in text a token begins, in rank order; its NUL stands before the next */
    char *text;
};

/* A tokenizer with room for n ranks and `capacity` bytes, NULs included. */
static int32_t new_tokenizer(int32_t n, size_t capacity, tokenizer **out, vox_error *e) {
    tokenizer *t = *out = calloc(1, sizeof *t);
    if (t) {
        t->n = n;
        t->at = calloc((size_t)n + 1, sizeof *t->at);
        t->text = calloc(capacity + 1, 1);
    }
    if (t && t->at && t->text) return VOX_OK;
    tokenizer_free(t);
    *out = NULL;
    return vox_fail(e, VOX_E_MEMORY, "out of memory for the vocabulary");
}

void tokenizer_free(tokenizer *t) {
    if (!t) return;
    free(t->at);
    free(t->text);
    free(t);
}

const char *tokenizer_bytes(const tokenizer *t, int32_t id, int32_t *size) {
    *size = 0;
    if (id < TOKEN_FIRST_TEXT || id - TOKEN_FIRST_TEXT >= t->n) return NULL;
    const uint32_t *at = t->at + (id - TOKEN_FIRST_TEXT);
    *size = (int32_t)(at[1] - at[0]) - 1;
    return t->text + at[0];
}

int32_t tokenizer_synthesize(int32_t vocab_size, tokenizer **out, vox_error *e) {
    int32_t n = vocab_size - TOKEN_FIRST_TEXT;
    if (new_tokenizer(n, (size_t)n * 12, out, e)) return VOX_E_MEMORY;
    tokenizer *t = *out;
    for (int32_t rank = 0; rank < n; rank++) {
        char *text = t->text + t->at[rank];
        int size = 1;
        if (rank < 256) text[0] = (char)rank;
        else size = snprintf(text, 12, "%d", rank);
        t->at[rank + 1] = t->at[rank] + (uint32_t)size + 1;
    }
    return VOX_OK;
}

/* ---- base64 ---- */

static int32_t sextet(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes padded base64 of n bytes to out (n / 4 * 3 bytes); returns the size, or
 * -1 if it is not canonical base64. */
static int32_t decode_base64(const char *text, uint32_t n, char *out) {
    if (n % 4) return -1;
    int32_t size = 0;
    for (uint32_t i = 0; i < n; i += 4) {
        const char *quad = text + i;
        int32_t padding = i + 4 < n || quad[3] != '=' ? 0 : quad[2] != '=' ? 1 : 2;
        uint32_t bits = 0;
        for (int32_t k = 0; k < 4 - padding; k++) {
            int32_t six = sextet(quad[k]);
            if (six < 0) return -1;
            bits |= (uint32_t)six << (18 - 6 * k);
        }
        if (bits & 0xffffffu >> (24 - 8 * padding)) return -1; /* bits beyond the last byte */
        for (int32_t k = 0; k < 3 - padding; k++) out[size++] = (char)(bits >> (16 - 8 * k));
    }
    return size;
}

/* ---- tekken.json ---- */

/* The entries of "vocab" by rank: n pointers to their base64 strings, of which
 * *encoded bytes in all. */
static int32_t sort_vocab(const json_node *vocab, const char *name, int32_t n, const json_node **by_rank,
                          size_t *encoded, vox_error *e) {
    const json_node *entry = json_first(vocab);
    char found[48];
    for (uint32_t i = 0; i < vocab->size; i++, entry = json_next(entry)) {
        const json_node *rank_node = json_get(entry, "rank"), *bytes = json_get(entry, "token_bytes");
        int64_t rank;
        if (!json_integer(rank_node, &rank) || rank < 0)
            return vox_fail(e, VOX_E_FORMAT, "%s: vocab[%u]: expected \"rank\" to be an integer of 0 or more, found %s",
                            name, (unsigned)i, json_describe(rank_node, found));
        if (rank >= n) continue;
        if (!json_is(bytes, JSON_STRING))
            return vox_fail(e, VOX_E_FORMAT, "%s: vocab[%u]: expected \"token_bytes\" to be a base64 string, found %s",
                            name, (unsigned)i, json_describe(bytes, found));
        if (by_rank[rank]) return vox_fail(e, VOX_E_FORMAT, "%s: vocab[%u]: rank %d occurs twice", name, (unsigned)i, (int)rank);
        by_rank[rank] = bytes;
        *encoded += bytes->size;
    }
    for (int32_t rank = 0; rank < n; rank++)
        if (!by_rank[rank])
            return vox_fail(e, VOX_E_FORMAT, "%s: rank %d is missing from \"vocab\" (vocab_size of params.json asks for %d ranks)", name, rank, n);
    return VOX_OK;
}

static int32_t decode_vocab(const json_node *const *by_rank, const char *name, tokenizer *t, vox_error *e) {
    for (int32_t rank = 0; rank < t->n; rank++) {
        int32_t size = -1;
        if (by_rank[rank]->size <= TOKEN_MAX_BYTES * 2) /* base64 is a third longer */
            size = decode_base64(by_rank[rank]->text, by_rank[rank]->size, t->text + t->at[rank]);
        if (size < 1 || size > TOKEN_MAX_BYTES)
            return vox_fail(e, VOX_E_FORMAT, "%s: rank %d: expected \"token_bytes\" to be base64 of 1 to %d bytes", name, rank, TOKEN_MAX_BYTES);
        t->text[t->at[rank] + (uint32_t)size] = 0;
        t->at[rank + 1] = t->at[rank] + (uint32_t)size + 1;
    }
    return VOX_OK;
}

static int32_t read_vocab(const json_node *root, const char *name, int32_t n, tokenizer **out, vox_error *e) {
    const json_node *vocab = json_get(root, "vocab"), *special = json_get(json_get(root, "config"), "default_num_special_tokens");
    int64_t n_special;
    char found[48];
    if (special && (!json_integer(special, &n_special) || n_special != TOKEN_FIRST_TEXT))
        return vox_fail(e, VOX_E_FORMAT, "%s: key config.default_num_special_tokens: expected %d, found %s",
                        name, TOKEN_FIRST_TEXT, json_describe(special, found));
    if (!json_is(vocab, JSON_ARRAY))
        return vox_fail(e, VOX_E_FORMAT, "%s: key vocab: expected an array, found %s", name, json_describe(vocab, found));
    if (vocab->size < (uint32_t)n)
        return vox_fail(e, VOX_E_FORMAT, "%s: key vocab: expected at least %d entries (vocab_size of params.json), found %u",
                        name, n, (unsigned)vocab->size);
    const json_node **by_rank = calloc((size_t)n, sizeof *by_rank);
    size_t encoded = 0;
    int32_t status = by_rank ? VOX_OK : vox_fail(e, VOX_E_MEMORY, "%s: out of memory for the vocabulary", name);
    if (!status) status = sort_vocab(vocab, name, n, by_rank, &encoded, e);
    if (!status) status = new_tokenizer(n, encoded + (size_t)n, out, e);
    if (!status) status = decode_vocab(by_rank, name, *out, e);
    free(by_rank);
    return status;
}

int32_t tokenizer_parse(const void *bytes, size_t n, const char *name, int32_t vocab_size, tokenizer **out, vox_error *e) {
    *out = NULL;
    if (vocab_size <= TOKEN_FIRST_TEXT || vocab_size > 1 << 24)
        return vox_fail(e, VOX_E_ARGUMENT, "%s: expected a vocab_size above %d, found %d", name, TOKEN_FIRST_TEXT, vocab_size);
    json doc;
    int32_t status = json_parse(bytes, n, name, &doc, e);
    if (status) return status;
    status = read_vocab(doc.root, name, vocab_size - TOKEN_FIRST_TEXT, out, e);
    json_free(&doc);
    if (status) {
        tokenizer_free(*out);
        *out = NULL;
    }
    return status;
}

int32_t tokenizer_load(const char *path, int32_t vocab_size, tokenizer **out, vox_error *e) {
    char *bytes;
    size_t n;
    *out = NULL;
    int32_t status = os_read_file(path, TEKKEN_MAX_BYTES, &bytes, &n, e);
    if (status) return status;
    status = tokenizer_parse(bytes, n, path, vocab_size, out, e);
    free(bytes);
    return status;
}
