/* lib/safetensors.c: a good index, hostile headers, and vox_inspect. */
#include "safetensors.h"
#include "test.h"

/* A file of this header and n bytes of data, against an unreadable page; length 0: the header's own. */
static int32_t parse(const char *header, size_t n, uint64_t length, guarded *g, safetensors *s, vox_error *e) {
    size_t size = strlen(header), total = 8 + size + n;
    uint8_t *file = calloc(total, 1);
    if (!length) length = size;
    for (int i = 0; i < 8; i++) file[i] = (uint8_t)(length >> 8 * i);
    memcpy(file + 8, header, size);
    for (size_t i = 0; i < n; i++) file[8 + size + i] = (uint8_t)i;
    *g = guarded_copy(file, total);
    free(file);
    *e = (vox_error){ 0 };
    return safetensors_parse(g->bytes, total, "f", s, e);
}

/* Padded so that the data begins at a multiple of 8 of the file. */
static const char good[] =
    "{\"b.weight\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[0,12]},\"__metadata__\":{\"format\":\"pt\"},"
    "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[12,16]},\"none\":{\"data_offsets\":[16,16],\"shape\":[0,7],\"dtype\":\"I64\"},"
    "\"c\":{\"dtype\":\"U8\",\"shape\":[1,2,2],\"data_offsets\":[20,24]}}    ";

static void test_good(test_state *t) {
    guarded g;
    safetensors s;
    vox_error e;
    char shape[SAFETENSOR_SHAPE_CHARS];
    CHECK(t, (sizeof good - 1) % 8 == 0, "padding: %zu", sizeof good - 1);
    CHECK(t, parse(good, 24, 0, &g, &s, &e) == 0, "%s", e.text);
    CHECK(t, s.n == 4, "%d tensors", s.n);
    const safetensor *a = safetensors_find(&s, "a"), *b = safetensors_find(&s, "b.weight"), *none = safetensors_find(&s, "none");
    CHECK(t, a && b && none && safetensors_find(&s, "c"), "all are found");
    if (!a || !b || !none) return;
    CHECK(t, !safetensors_find(&s, "b") && !safetensors_find(&s, "__metadata__") && !safetensors_find(&s, ""), "others are not");
    CHECK(t, !strcmp(b->dtype, "BF16") && b->n_dims == 2 && b->bytes == 12 && b->data[0] == 0 && b->data[11] == 11, "b.weight");
    CHECK(t, !strcmp(a->dtype, "F32") && a->n_dims == 0 && a->bytes == 4 && a->data[0] == 12, "a");
    CHECK(t, none->bytes == 0, "none");
    CHECK(t, !strcmp(safetensor_shape(b, shape), "[2, 3]") && !strcmp(safetensor_shape(a, shape), "[]"), "%s", shape);
    safetensors_free(&s);
    guarded_free(&g);
    CHECK(t, parse("{}", 0, 0, &g, &s, &e) == 0 && s.n == 0 && !safetensors_find(&s, "a"), "empty: %s", e.text);
    safetensors_free(&s);
    guarded_free(&g);
}

#define TENSOR(dtype, shape, offsets) "{\"x\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
static void test_bad_headers(test_state *t) {
    static const struct { const char *header, *message; } bad[] = {
        { "[]", "f: expected the header to be a JSON object" },
        { "{\"x\":5}", "f: tensor x: expected dtype to be a type of whole bytes such as \"BF16\", found nothing" },
        { TENSOR("\"Q4\"", "[4]", "[0,4]"), "expected dtype to be a type of whole bytes such as \"BF16\", found \"Q4\"" },
        { TENSOR("7", "[4]", "[0,4]"), "expected dtype to be a type of whole bytes such as \"BF16\", found 7" },
        { TENSOR("\"U8\"", "4", "[0,4]"), "expected shape to be an array of at most 8 sizes, found 4" },
        { TENSOR("\"U8\"", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), "expected shape to be an array of at most 8 sizes, found an array" },
        { TENSOR("\"U8\"", "[-4]", "[0,4]"), "expected every size of shape to be an integer of 0 or more, found -4" },
        { TENSOR("\"U8\"", "[4.0]", "[0,4]"), "expected every size of shape to be an integer of 0 or more, found 4" },
        { TENSOR("\"U8\"", "[[4]]", "[0,4]"), "integer of 0 or more, found an array" },
        { TENSOR("\"U8\"", "[9223372036854775807,3]", "[0,4]"), "expected shape to be a product below 2^64 bytes" },
        { TENSOR("\"F64\"", "[2305843009213693952]", "[0,0]"), "expected shape to be a product below 2^64 bytes" },
        { TENSOR("\"U8\"", "[4294967296,4294967296]", "[0,0]"), "expected shape to be a product below 2^64 bytes" },
        { TENSOR("\"U8\"", "[4]", "[0]"), "expected data_offsets to be two integers, 0 <= begin <= end, found an array" },
        { TENSOR("\"U8\"", "[4]", "[0,4,8]"), "expected data_offsets to be two integers" },
        { TENSOR("\"U8\"", "[4]", "[8,4]"), "expected data_offsets to be two integers" },
        { TENSOR("\"U8\"", "[4]", "[-4,0]"), "expected data_offsets to be two integers" },
        { TENSOR("\"U8\"", "[4]", "[0,4.5]"), "expected data_offsets to be two integers" },
        { TENSOR("\"U8\"", "[4]", "[[0],[4]]"), "expected data_offsets to be two integers" },
        { TENSOR("\"U8\"", "[4]", "{\"a\":0}"), "expected data_offsets to be two integers, 0 <= begin <= end, found an object" },
        { TENSOR("\"U8\"", "[4]", "[9223372036854775804,9223372036854775807]"), "ends at byte 9223372036854775807 of the data, but the file holds only 64" },
        { TENSOR("\"U8\"", "[4]", "[61,65]"), "tensor x ends at byte 65 of the data, but the file holds only 64: it is cut off, fetch it again" },
        { TENSOR("\"U8\"", "[4]", "[0,5]"), "expected 4 bytes for its dtype and shape, data_offsets span 5" },
        { TENSOR("\"BF16\"", "[4]", "[0,4]"), "expected 8 bytes for its dtype and shape, data_offsets span 4" },
        { "{\"x\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[1,3]}} ", "tensor x: expected data aligned to 2 bytes, it begins at byte " },
        { "{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "expected tensor names of 1 to 255 printable ASCII characters, found one of 0 bytes" },
        { "{\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "printable ASCII characters, found one of 3 bytes" },
        { "{\"a\\u001b[31m\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "printable ASCII" },
        { "{\"x\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"y\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[3,7]}}", "tensors x and y overlap" },
        { "{\"x\":{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[0,9]},\"y\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[4,5]},"
          "\"z\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[9,10]}}", "tensors x and y overlap" },
        { "{\"x\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"x\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}", "f: two tensors are named x" },
        { "{\"x\":{\"dtype\":\"U8\"", "f: byte 18: expected ',' or '}', found the end" },
        { "{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nested more than 64 deep" },
        { "{} x", "byte 3: expected the end of the text" },
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        guarded g;
        safetensors s;
        vox_error e;
        CHECK(t, parse(bad[k].header, 64, 0, &g, &s, &e) == VOX_E_FORMAT && !s.tensors && !s.n, "%s was accepted", bad[k].header);
        CHECK(t, strstr(e.text, bad[k].message), "\"%s\" lacks \"%s\"", e.text, bad[k].message);
        guarded_free(&g);
    }
}

static void test_bad_lengths(test_state *t) {
    static const struct { uint64_t length; const char *message; } bad[] = {
        { UINT64_MAX, "f: not a safetensors file: expected a header of at most 33554432 bytes, its length says 18446744073709551615" },
        { UINT64_MAX - 7, "not a safetensors file" }, { (uint64_t)1 << 63, "not a safetensors file" }, { 33554433, "not a safetensors file" },
        { 33554432, "the header of 33554432 bytes is cut off at " }, { sizeof good + 24, "is cut off at" }, { 5, "byte 5: expected" },
    };
    guarded g;
    safetensors s;
    vox_error e;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        CHECK(t, parse(good, 24, bad[k].length, &g, &s, &e) == VOX_E_FORMAT, "length %llu was accepted", (unsigned long long)bad[k].length);
        CHECK(t, strstr(e.text, bad[k].message), "\"%s\" lacks \"%s\"", e.text, bad[k].message);
        guarded_free(&g);
    }
    for (size_t size = 0; size < 8; size++) {
        g = guarded_copy("\0\0\0\0\0\0\0", size);
        e = (vox_error){ 0 };
        CHECK(t, safetensors_parse(g.bytes, size, "f", &s, &e) == VOX_E_FORMAT && strstr(e.text, "expected a safetensors file, found only"), "%zu: %s", size, e.text);
        guarded_free(&g);
    }
    for (size_t n = 0; n < 24; n++) { /* data cut off anywhere */
        CHECK(t, parse(good, n, 0, &g, &s, &e) == VOX_E_FORMAT && strstr(e.text, "it is cut off"), "%zu bytes: %s", n, e.text);
        guarded_free(&g);
    }
}

static void test_inspect(test_state *t) {
    static const char begin[] = "{\"file\": \"models/nano/consolidated.safetensors\", \"format\": \"safetensors\", \"bytes\": ";
    char error[200];
    int64_t n = vox_inspect("models/nano", NULL, 0, error, sizeof error);
    CHECK(t, n > 1000, "%lld: %s", (long long)n, error);
    char *text = malloc((size_t)n + 2);
    text[n] = text[n + 1] = '#';
    CHECK(t, vox_inspect("models/nano/consolidated.safetensors", text, n + 1, error, sizeof error) == n, "the same length");
    CHECK(t, !text[n] && text[n + 1] == '#' && strlen(text) == (size_t)n, "it fits exactly");
    CHECK(t, !strncmp(text, begin, sizeof begin - 1), "%.100s", text);
    CHECK(t, strstr(text, "{\"name\": \"norm.weight\", \"dtype\": \"BF16\", \"shape\": [256], \"bytes\": 512}"), "norm.weight");
    json doc;
    vox_error e = { 0 };
    CHECK(t, json_parse(text, (size_t)n, "inspect", &doc, &e) == 0, "%s", e.text);
    CHECK(t, json_is(json_get(doc.root, "tensors"), JSON_ARRAY) && json_get(doc.root, "tensors")->size == 94, "94 tensors");
    json_free(&doc);
    text[100] = '#';
    CHECK(t, vox_inspect("models/nano", text, 100, NULL, 0) == n && text[100] == '#' && !text[99], "a small buffer");
    free(text);

    CHECK(t, vox_inspect("lib/os.h", NULL, 0, error, sizeof error) == VOX_E_FORMAT && strstr(error, "lib/os.h: not a safetensors file"), "%s", error);
    CHECK(t, vox_inspect("lib", NULL, 0, error, sizeof error) == VOX_E_IO && strstr(error, "lib/consolidated.safetensors: cannot be opened"), "%s", error);
    CHECK(t, vox_inspect(NULL, NULL, 0, error, sizeof error) == VOX_E_ARGUMENT && error[0], "NULL");
    CHECK(t, vox_inspect("lib/os.h", NULL, 0, error, 10) == VOX_E_FORMAT && strlen(error) == 9, "cut to fit");
}

int main(void) {
    test_state t = { 0 };
    test_good(&t);
    test_bad_headers(&t);
    test_bad_lengths(&t);
    test_inspect(&t);
    return test_report(&t);
}
