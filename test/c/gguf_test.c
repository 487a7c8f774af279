/* lib/gguf.c: a good file, hostile ones, and one that is cut off anywhere. */
#include "gguf.h"
#include "gguf_file.h"
#include "test.h"

static int32_t parse(const gguf_file *f, guarded *g, gguf *out, vox_error *e) {
    *g = guarded_copy(f->bytes, f->size);
    *e = (vox_error){ 0 };
    return gguf_parse(g->bytes, f->size, "f", out, e);
}

static void check_number(test_state *t, const gguf *g, const char *key, double expected) {
    double found = NAN;
    CHECK(t, gguf_number(gguf_find(g, key), &found) && found == expected, "%s: %g", key, found);
}

static void test_good(test_state *t, uint32_t version) {
    gguf_file f;
    guarded bytes;
    gguf g;
    vox_error e;
    char shape[SAFETENSOR_SHAPE_CHARS];
    put_good(&f, version);
    CHECK(t, parse(&f, &bytes, &g, &e) == 0 && g.n_values == 9 && g.index.n == 3, "%s", e.text);
    if (e.code) return;
    check_number(t, &g, "i8", -5);
    check_number(t, &g, "f32", 1.5);
    check_number(t, &g, "f64", 1.5);
    check_number(t, &g, "bool", 1);
    check_number(t, &g, "u64", 1099511627776.0);
    check_number(t, &g, "general.alignment", 64);
    gguf_text text;
    double number;
    CHECK(t, gguf_string(gguf_find(&g, "general.architecture"), &text) && text.size == 4 && !memcmp(text.bytes, "test", 4), "architecture");
    CHECK(t, !gguf_find(&g, "general") && !gguf_find(&g, "") && !gguf_number(NULL, &number) && !gguf_string(NULL, &text), "nothing");
    CHECK(t, !gguf_number(gguf_find(&g, "strings"), &number) && !gguf_string(gguf_find(&g, "i8"), &text), "other types");
    const gguf_value *strings = gguf_find(&g, "strings");
    CHECK(t, gguf_is_array(strings, GGUF_STRING) && !gguf_is_array(strings, GGUF_INT32) && strings->count == 3, "strings");
    size_t cursor = 0, sizes[3];
    for (int i = 0; i < 3; i++) sizes[i] = gguf_next_string(strings, &cursor).size;
    CHECK(t, sizes[0] == 3 && sizes[1] == 0 && sizes[2] == 5, "%zu %zu %zu", sizes[0], sizes[1], sizes[2]);
    const safetensor *a = safetensors_find(&g.index, "a"), *b = safetensors_find(&g.index, "b.weight"), *c = safetensors_find(&g.index, "c");
    CHECK(t, a && b && c, "tensors");
    if (!a || !b || !c) return;
    CHECK(t, !strcmp(b->dtype, "Q8_0") && b->bytes == 68 && b->data[0] == 64, "b: %s %zu", b->dtype, b->bytes);
    CHECK(t, !strcmp(safetensor_shape(b, shape), "[2, 32]"), "%s", shape);
    CHECK(t, !strcmp(a->dtype, "F32") && a->bytes == 12 && a->data[11] == 11, "a");
    CHECK(t, !strcmp(c->dtype, "BF16") && c->bytes == 12 && !strcmp(safetensor_shape(c, shape), "[3, 2]"), "c: %s", shape);
    gguf_free(&g);
    guarded_free(&bytes);
    for (size_t size = 0; size < f.size; size++) {
        gguf_file cut = f;
        cut.size = size;
        CHECK(t, parse(&cut, &bytes, &g, &e) && e.text[0] && !g.values && !g.names, "%zu bytes were accepted", size);
        guarded_free(&bytes);
    }
}

/* A file that `write` spoils, and what is said of it. */
typedef struct bad { void (*write)(gguf_file *f); const char *message; } bad;

static void one(gguf_file *f) { put_begin(f, 3, 1, 0); }
static void version_1(gguf_file *f) { put_begin(f, 1, 0, 0); }
static void big_endian(gguf_file *f) { put_begin(f, 3u << 24, 0, 0); }
static void many_keys(gguf_file *f) { put_begin(f, 3, 0, 65537); }
static void many_tensors(gguf_file *f) { put_begin(f, 3, 65537, 0); }
static void long_string(gguf_file *f) { put_begin(f, 3, 0, 1); put(f, UINT64_MAX, 8); put(f, 0, 8); }
static void bad_key(gguf_file *f) { put_begin(f, 3, 0, 1); put_number(f, "a\nb", 0, 0, 1); }
static void bad_type(gguf_file *f) { put_begin(f, 3, 0, 1); put_number(f, "key", 13, 0, 8); }
static void nested(gguf_file *f) { put_begin(f, 3, 0, 1); put_array(f, "key", 9, 1); put(f, 0, 8); }
static void huge_array(gguf_file *f) { put_begin(f, 3, 0, 1); put_array(f, "key", 10, (uint64_t)1 << 61); }
static void long_array(gguf_file *f) { put_begin(f, 3, 0, 1); put_array(f, "key", 8, (uint64_t)1 << 40); }
static void twice(gguf_file *f) { put_begin(f, 3, 0, 2); put_number(f, "key", 0, 0, 1); put_number(f, "key", 0, 1, 1); }
static void alignment(gguf_file *f) { put_begin(f, 3, 0, 1); put_number(f, "general.alignment", 4, 24, 4); }
static void alignment_0(gguf_file *f) { put_begin(f, 3, 0, 1); put_number(f, "general.alignment", 4, 0, 4); }
static void no_dims(gguf_file *f) { one(f); put_text(f, "x"); put(f, 0, 4); put(f, 0, 12); }
static void dims(gguf_file *f) { one(f); put_text(f, "x"); put(f, 5, 4); put(f, 0, 60); }
static void overflow(gguf_file *f) { one(f); put_tensor(f, "x", (uint64_t)1 << 33, (uint64_t)1 << 33, 0, 0); }
static void unknown(gguf_file *f) { one(f); put_tensor(f, "x", 256, 0, 16, 0); }
static void part(gguf_file *f) { one(f); put_tensor(f, "x", 40, 2, 2, 0); put_data(f, 32, 64); }
static void odd(gguf_file *f) { one(f); put_tensor(f, "x", 4, 0, 0, 8); put_data(f, 32, 64); }
static void beyond(gguf_file *f) { one(f); put_tensor(f, "x", 4, 0, 0, 64); put_data(f, 32, 64); }
static void far(gguf_file *f) { one(f); put_tensor(f, "x", 4, 0, 0, UINT64_MAX - 31); put_data(f, 32, 64); }
static void overlap(gguf_file *f) {
    put_begin(f, 3, 2, 0);
    put_tensor(f, "x", 16, 0, 0, 0);
    put_tensor(f, "y", 16, 0, 0, 32);
    put_data(f, 32, 128);
}
static void same_name(gguf_file *f) {
    put_begin(f, 3, 2, 0);
    put_tensor(f, "x", 4, 0, 0, 0);
    put_tensor(f, "x", 4, 0, 0, 32);
    put_data(f, 32, 128);
}

static void test_bad(test_state *t) {
    static const bad files[] = {
        { version_1, "f: expected GGUF version 2 or 3, little-endian, found 1" }, { big_endian, "little-endian, found 50331648" },
        { many_keys, "f: expected at most 65536 keys, found 65537" }, { many_tensors, "f: expected at most 65536 tensors, found 65537" },
        { long_string, "f: the header is cut off: expected 18446744073709551615 bytes at byte 32" },
        { bad_key, "f: expected keys of 1 to 255 printable ASCII characters, found one of 3 bytes" },
        { bad_type, "f: key key: expected a type of 0 to 12, found 13" }, { nested, "f: key key: expected an array of numbers or strings" },
        { huge_array, "f: key key: expected fewer elements" }, { long_array, "the header is cut off" }, { twice, "f: key key occurs twice" },
        { alignment, "f: key general.alignment: expected a u32 that is a power of two up to 2^20, found 24" }, { alignment_0, "found 0" },
        { no_dims, "f: tensor x: expected 1 to 4 dimensions, found 0" }, { dims, "dimensions, found 5" },
        { overflow, "f: tensor x: expected fewer than 2^60 elements" }, { unknown, "f: tensor x: expected one of the types F32" },
        { part, "f: tensor x: expected rows of a multiple of 32 elements for Q4_0, found 40" },
        { odd, "f: tensor x: expected data aligned to 32 bytes, its offset is 8" },
        { beyond, "f: tensor x: expected 16 bytes at byte 64 of the data, the file holds 64: it is cut off" },
        { far, "of the data, the file holds 64" }, { overlap, "f: tensors x and y overlap" }, { same_name, "f: two tensors are named x" },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        gguf_file f;
        guarded bytes;
        gguf g;
        vox_error e;
        files[i].write(&f);
        CHECK(t, parse(&f, &bytes, &g, &e) && strstr(e.text, files[i].message) && !g.values, "\"%s\" lacks \"%s\"", e.text, files[i].message);
        guarded_free(&bytes);
    }
}

int main(void) {
    test_state t = { 0 };
    test_good(&t, 2);
    test_good(&t, 3);
    test_bad(&t);
    return test_report(&t);
}
