/* tekken.json, or keys of a GGUF file -> bytes of every text token. */
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

/* ---- bytes as characters ---- */

/* GPT-2's way of writing any byte as a character: printable ones of Latin-1 as they
 * are, the others in order from U+0100 on. Returns the size, or -1. */
static int32_t decode_characters(const char *text, uint32_t n, char *out) {
    char others[256];
    int32_t n_others = 0, size = 0;
    bool itself[256];
    for (int32_t b = 0; b < 256; b++) {
        itself[b] = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        if (!itself[b]) others[n_others++] = (char)b;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t c = (uint8_t)text[i];
        if (c >= 0x80) { /* two bytes of UTF-8 */
            if (c < 0xc2 || c > 0xdf || i + 1 >= n || ((uint8_t)text[i + 1] & 0xc0) != 0x80) return -1;
            c = (c & 31) << 6 | ((uint8_t)text[++i] & 63);
        }
        if (c < 256 ? !itself[c] : c - 256 >= (uint32_t)n_others) return -1;
        out[size++] = c < 256 ? (char)c : others[c - 256];
    }
    return size;
}

/* ---- tekken.json ---- */

/* How a file spells the bytes of tokens. */
typedef struct spelling {
    const char *what; /* for messages */
    int32_t (*decode)(const char *text, uint32_t n, char *out); /* to at most n bytes; the size or -1 */
} spelling;
static const spelling base64 = { "\"token_bytes\" to be base64", decode_base64 };
static const spelling characters = { "its bytes to be written as GPT-2 characters:", decode_characters };

/* The entries of "vocab" by rank: n base64 strings, of *encoded bytes in all. */
static int32_t sort_vocab(const json_node *vocab, const char *name, int32_t n, gguf_text *by_rank,
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
        if (by_rank[rank].bytes) return vox_fail(e, VOX_E_FORMAT, "%s: vocab[%u]: rank %d occurs twice", name, (unsigned)i, (int)rank);
        by_rank[rank] = (gguf_text){ bytes->text, bytes->size };
        *encoded += bytes->size;
    }
    for (int32_t rank = 0; rank < n; rank++)
        if (!by_rank[rank].bytes)
            return vox_fail(e, VOX_E_FORMAT, "%s: rank %d is missing from \"vocab\" (vocab_size of params.json asks for %d ranks)", name, rank, n);
    return VOX_OK;
}

static int32_t decode_vocab(const gguf_text *by_rank, const spelling *spelled, const char *name, tokenizer *t, vox_error *e) {
    for (int32_t rank = 0; rank < t->n; rank++) {
        int32_t size = -1;
        if (by_rank[rank].size <= TOKEN_MAX_BYTES * 2) /* base64 is a third longer, characters have up to two bytes */
            size = spelled->decode(by_rank[rank].bytes, (uint32_t)by_rank[rank].size, t->text + t->at[rank]);
        if (size < 1 || size > TOKEN_MAX_BYTES)
            return vox_fail(e, VOX_E_FORMAT, "%s: rank %d: expected %s of 1 to %d bytes", name, rank, spelled->what, TOKEN_MAX_BYTES);
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
    gguf_text *by_rank = calloc((size_t)n, sizeof *by_rank);
    size_t encoded = 0;
    int32_t status = by_rank ? VOX_OK : vox_fail(e, VOX_E_MEMORY, "%s: out of memory for the vocabulary", name);
    if (!status) status = sort_vocab(vocab, name, n, by_rank, &encoded, e);
    if (!status) status = new_tokenizer(n, encoded + (size_t)n, out, e);
    if (!status) status = decode_vocab(by_rank, &base64, name, *out, e);
    free(by_rank);
    return status;
}

/* ---- GGUF ---- */

/* Where the vocabulary is, how it is spelled, and how many tokens come before its first text. */
static const struct { const char *key; const spelling *spelled; int32_t first; } in_gguf[] = {
    { "voxtral.tokenizer.vocab_token_bytes_b64", &base64, 0 }, { "tokenizer.ggml.tokens", &characters, TOKEN_FIRST_TEXT },
};

static int32_t gguf_vocabulary(const gguf *g) {
    for (int32_t i = 0; i < 2; i++)
        if (gguf_is_array(gguf_find(g, in_gguf[i].key), GGUF_STRING)) return i;
    return -1;
}

bool tokenizer_in_gguf(const gguf *g) { return gguf_vocabulary(g) >= 0; }

int32_t tokenizer_from_gguf(const gguf *g, const char *name, int32_t vocab_size, tokenizer **out, vox_error *e) {
    int32_t way = gguf_vocabulary(g), n = vocab_size - TOKEN_FIRST_TEXT, first = in_gguf[way].first;
    const gguf_value *vocab = gguf_find(g, in_gguf[way].key);
    *out = NULL;
    if (vocab->count < (uint64_t)(first + n))
        return vox_fail(e, VOX_E_FORMAT, "%s: key %s: expected at least %d entries for vocab_size, found %llu", name, in_gguf[way].key,
                        first + n, (unsigned long long)vocab->count);
    gguf_text *by_rank = calloc((size_t)n, sizeof *by_rank);
    size_t encoded = 0, cursor = 0;
    int32_t status = by_rank ? VOX_OK : vox_fail(e, VOX_E_MEMORY, "%s: out of memory for the vocabulary", name);
    for (int32_t i = 0; !status && i < first + n; i++) {
        gguf_text text = gguf_next_string(vocab, &cursor);
        if (i < first) continue;
        by_rank[i - first] = text;
        encoded += text.size;
    }
    if (!status) status = new_tokenizer(n, encoded + (size_t)n, out, e);
    if (!status) status = decode_vocab(by_rank, in_gguf[way].spelled, name, *out, e);
    free(by_rank);
    if (status) {
        tokenizer_free(*out);
        *out = NULL;
    }
    return status;
}

/* ---- a file ---- */

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
