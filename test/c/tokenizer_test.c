/* lib/tokenizer.c: the bundled vocabulary, synthetic ones, and wrong files. */
#include <stdbool.h>

#include "test.h"
#include "tokenizer.h"

static int32_t parse(const char *text, int32_t vocab_size, tokenizer **out, vox_error *e) {
    guarded g = guarded_copy(text, strlen(text));
    *e = (vox_error){ 0 };
    int32_t status = tokenizer_parse(g.bytes, strlen(text), "t", vocab_size, out, e);
    guarded_free(&g);
    return status;
}

static bool token_is(const tokenizer *t, int32_t id, const char *bytes, int32_t size) {
    int32_t n;
    const char *found = tokenizer_bytes(t, id, &n);
    return n == size && (!bytes ? !found : found && !memcmp(found, bytes, (size_t)size) && !found[size]);
}

/* Ranks out of order, one more than is used, with NUL and partial UTF-8. */
static void test_good(test_state *t) {
    static const char text[] = "{\"config\": {\"default_num_special_tokens\": 1000, \"version\": \"v11\"}, \"vocab\": ["
        "{\"rank\": 2, \"token_bytes\": \"IFZveHRyYWw=\", \"token_str\": \" Voxtral\"}, {\"rank\": 0, \"token_bytes\": \"AA==\", \"token_str\": \"\\u0000\"},"
        "{\"rank\": 4, \"token_bytes\": 5}, {\"rank\": 1, \"token_bytes\": \"4oI=\", \"token_str\": null}, {\"token_bytes\": \"+/+/\", \"rank\": 3}]}";
    tokenizer *k;
    vox_error e;
    CHECK(t, parse(text, 1004, &k, &e) == 0, "%s", e.text);
    CHECK(t, token_is(k, 1000, "\0", 1) && token_is(k, 1001, "\xe2\x82", 2) && token_is(k, 1002, " Voxtral", 8) && token_is(k, 1003, "\xfb\xff\xbf", 3), "tokens");
    static const int32_t none[] = { INT32_MIN, -1, 0, TOKEN_BOS, TOKEN_EOS, TOKEN_PAD, TOKEN_WORD, 999, 1004, INT32_MAX };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) CHECK(t, token_is(k, none[i], NULL, 0), "id %d has bytes", none[i]);
    tokenizer_free(k);
    CHECK(t, parse("{\"vocab\": [{\"rank\": 0, \"token_bytes\": \"YQ==\"}]}", 1001, &k, &e) == 0 && token_is(k, 1000, "a", 1), "no config: %s", e.text);
    tokenizer_free(k);
}

static void test_synthetic(test_state *t) {
    tokenizer *k;
    vox_error e = { 0 };
    CHECK(t, tokenizer_synthesize(131072, &k, &e) == 0, "%s", e.text);
    CHECK(t, token_is(k, 1000, "\0", 1) && token_is(k, 1255, "\xff", 1) && token_is(k, 1256, "256", 3) && token_is(k, 131071, "130071", 6), "tokens");
    CHECK(t, token_is(k, 131072, NULL, 0) && token_is(k, 999, NULL, 0), "none beyond");
    tokenizer_free(k);
    CHECK(t, tokenizer_synthesize(1001, &k, &e) == 0 && token_is(k, 1000, "\0", 1) && token_is(k, 1001, NULL, 0), "the smallest");
    tokenizer_free(k);
    tokenizer_free(NULL);
}

static void test_nano(test_state *t) {
    tokenizer *k;
    vox_error e = { 0 };
    CHECK(t, tokenizer_load("models/nano/tekken.json", 4096, &k, &e) == 0, "%s", e.text);
    for (int32_t rank = 0; k && rank < 256; rank++) {
        char byte = (char)rank;
        CHECK(t, token_is(k, TOKEN_FIRST_TEXT + rank, &byte, 1), "rank %d", rank);
    }
    for (int32_t id = 1256; k && id < 4096; id++) {
        int32_t n;
        CHECK(t, tokenizer_bytes(k, id, &n) && n >= 2 && n <= TOKEN_MAX_BYTES, "id %d: %d bytes", id, n);
    }
    tokenizer_free(k);
    CHECK(t, tokenizer_load("models/nano/tekken.json", 131072, &k, &e) == VOX_E_FORMAT && !k &&
                 strstr(e.text, "models/nano/tekken.json: key vocab: expected at least 130072 entries (vocab_size of params.json), found 3096"), "%s", e.text);
    e = (vox_error){ 0 };
    CHECK(t, tokenizer_load("/no/such/tekken.json", 4096, &k, &e) == VOX_E_IO && !k && strstr(e.text, "cannot be opened"), "%s", e.text);
}

#define VOCAB(...) "{\"vocab\": [" __VA_ARGS__ "]}"
#define ENTRY(rank, bytes) "{\"rank\": " rank ", \"token_bytes\": " bytes "}"
#define BASE64 "t: rank 0: expected \"token_bytes\" to be base64 of 1 to 256 bytes"
static void test_bad(test_state *t) {
    static const struct { const char *text, *message; } bad[] = { /* two ranks are wanted */
        { "[]", "t: key vocab: expected an array, found nothing" }, { "{\"vocab\": {}}", "key vocab: expected an array, found an object" },
        { VOCAB(), "key vocab: expected at least 2 entries (vocab_size of params.json), found 0" },
        { VOCAB("1, 2"), "t: vocab[0]: expected \"rank\" to be an integer of 0 or more, found nothing" },
        { VOCAB(ENTRY("0", "\"YQ==\"") "," ENTRY("-1", "\"YQ==\"")), "t: vocab[1]: expected \"rank\" to be an integer of 0 or more, found -1" },
        { VOCAB(ENTRY("0", "\"YQ==\"") "," ENTRY("1.0", "\"YQ==\"")), "t: vocab[1]: expected \"rank\" to be an integer of 0 or more, found 1" },
        { VOCAB(ENTRY("0", "\"YQ==\"") "," ENTRY("1e99", "\"YQ==\"")), "vocab[1]: expected \"rank\" to be an integer" },
        { VOCAB(ENTRY("0", "\"YQ==\"") "," ENTRY("0", "\"YQ==\"")), "t: vocab[1]: rank 0 occurs twice" },
        { VOCAB(ENTRY("0", "\"YQ==\"") "," ENTRY("2", "\"YQ==\"")), "t: rank 1 is missing from \"vocab\" (vocab_size of params.json asks for 2 ranks)" },
        { VOCAB(ENTRY("0", "7") "," ENTRY("1", "\"YQ==\"")), "t: vocab[0]: expected \"token_bytes\" to be a base64 string, found 7" },
        { VOCAB(ENTRY("0", "\"\"") "," ENTRY("1", "\"YQ==\"")), BASE64 }, { VOCAB(ENTRY("0", "\"YQ\"") "," ENTRY("1", "\"YQ==\"")), BASE64 },
        { VOCAB(ENTRY("0", "\"YQ=\"") "," ENTRY("1", "\"YQ==\"")), BASE64 }, { VOCAB(ENTRY("0", "\"Y===\"") "," ENTRY("1", "\"YQ==\"")), BASE64 },
        { VOCAB(ENTRY("0", "\"====\"") "," ENTRY("1", "\"YQ==\"")), BASE64 }, { VOCAB(ENTRY("0", "\"YR==\"") "," ENTRY("1", "\"YQ==\"")), BASE64 },
        { VOCAB(ENTRY("0", "\"YWJ=\"") "," ENTRY("1", "\"YQ==\"")), BASE64 }, { VOCAB(ENTRY("0", "\"YQ==YQ==\"") "," ENTRY("1", "\"YQ==\"")), BASE64 },
        { VOCAB(ENTRY("0", "\"Y-Q=\"") "," ENTRY("1", "\"YQ==\"")), BASE64 }, { VOCAB(ENTRY("0", "\"YQ=a\"") "," ENTRY("1", "\"YQ==\"")), BASE64 },
        { VOCAB(ENTRY("0", "\"\\u0000\\u0000\\u0000\\u0000\"") "," ENTRY("1", "\"YQ==\"")), BASE64 },
        { "{\"config\": {\"default_num_special_tokens\": 100}, \"vocab\": []}", "t: key config.default_num_special_tokens: expected 1000, found 100" },
        { "{\"vocab\": [", "t: byte 11: expected a value, found the end" },
    };
    tokenizer *k;
    vox_error e;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(t, parse(bad[i].text, 1002, &k, &e) == VOX_E_FORMAT && !k, "%s was accepted", bad[i].text);
        CHECK(t, strstr(e.text, bad[i].message), "\"%s\" lacks \"%s\"", e.text, bad[i].message);
    }
    for (int32_t size = 252; size <= 260; size += 4) { /* the longest token */
        char text[1024];
        int32_t encoded = (size + 2) / 3 * 4;
        int n = snprintf(text, sizeof text, "{\"vocab\": [{\"rank\": 0, \"token_bytes\": \"");
        for (int32_t i = 0; i < encoded; i++) text[n++] = i < (size * 4 + 2) / 3 ? 'A' : '=';
        snprintf(text + n, sizeof text - (size_t)n, "\"}]}");
        int32_t status = parse(text, 1001, &k, &e);
        CHECK(t, status == (size <= TOKEN_MAX_BYTES ? VOX_OK : VOX_E_FORMAT), "%d bytes: %s", size, e.text);
        if (!status) CHECK(t, tokenizer_bytes(k, 1000, &n) && n == size, "%d bytes", n);
        tokenizer_free(k);
    }
    static const int32_t sizes[] = { INT32_MIN, 0, 1000, INT32_MAX };
    for (int i = 0; i < 4; i++)
        CHECK(t, parse(VOCAB(), sizes[i], &k, &e) == VOX_E_ARGUMENT && strstr(e.text, "expected a vocab_size above 1000"), "%s", e.text);
}

int main(void) {
    test_state t = { 0 };
    test_good(&t);
    test_synthetic(&t);
    test_nano(&t);
    test_bad(&t);
    return test_report(&t);
}
