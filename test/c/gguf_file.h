/* Writing small GGUF files by hand. */
#ifndef VOX_TEST_GGUF_FILE_H
#define VOX_TEST_GGUF_FILE_H

#include <stdint.h>
#include <string.h>

typedef struct gguf_file { uint8_t bytes[1 << 14]; size_t size; } gguf_file;

static inline void put(gguf_file *f, uint64_t value, int n) {
    for (int i = 0; i < n; i++) f->bytes[f->size++] = i < 8 ? (uint8_t)(value >> 8 * i) : 0;
}

static inline void put_bytes(gguf_file *f, const char *text, size_t n) {
    put(f, n, 8);
    memcpy(f->bytes + f->size, text, n);
    f->size += n;
}

static inline void put_text(gguf_file *f, const char *text) { put_bytes(f, text, strlen(text)); }

static inline void put_begin(gguf_file *f, uint32_t version, uint64_t tensors, uint64_t keys) {
    memcpy(f->bytes, "GGUF", 4);
    f->size = 4;
    put(f, version, 4);
    put(f, tensors, 8);
    put(f, keys, 8);
}

/* A key of a number type whose value takes n bytes. */
static inline void put_number(gguf_file *f, const char *key, uint32_t type, uint64_t value, int n) {
    put_text(f, key);
    put(f, type, 4);
    put(f, value, n);
}

static inline void put_string(gguf_file *f, const char *key, const char *text) {
    put_text(f, key);
    put(f, 8, 4);
    put_text(f, text);
}

/* The beginning of a key with an array. */
static inline void put_array(gguf_file *f, const char *key, uint32_t element, uint64_t count) {
    put_text(f, key);
    put(f, 9, 4);
    put(f, element, 4);
    put(f, count, 8);
}

/* Sizes innermost first; b 0: one dimension. */
static inline void put_tensor(gguf_file *f, const char *name, uint64_t a, uint64_t b, uint32_t type, uint64_t offset) {
    put_text(f, name);
    put(f, b ? 2 : 1, 4);
    put(f, a, 8);
    if (b) put(f, b, 8);
    put(f, type, 4);
    put(f, offset, 8);
}

/* Padding to the alignment and n bytes 0, 1 .. of data. */
static inline void put_data(gguf_file *f, size_t alignment, size_t n) {
    while (f->size % alignment) put(f, 0, 1);
    for (size_t i = 0; i < n; i++) put(f, i, 1);
}

/* All types of values, and three tensors. */
static inline void put_good(gguf_file *f, uint32_t version) {
    put_begin(f, version, 3, 9);
    put_string(f, "general.architecture", "test");
    put_number(f, "general.alignment", 4, 64, 4);
    put_number(f, "i8", 1, (uint64_t)-5, 1);
    put_number(f, "f32", 6, 0x3fc00000, 4);
    put_number(f, "f64", 12, 0x3ff8000000000000, 8);
    put_number(f, "bool", 7, 1, 1);
    put_array(f, "strings", 8, 3);
    put_text(f, "one");
    put_text(f, "");
    put_text(f, "three");
    put_array(f, "numbers", 5, 2);
    put(f, 1, 4);
    put(f, 2, 4);
    put_number(f, "u64", 10, (uint64_t)1 << 40, 8);
    put_tensor(f, "b.weight", 32, 2, 8, 64);
    put_tensor(f, "a", 3, 0, 0, 0);
    put_tensor(f, "c", 2, 3, 30, 192);
    put_data(f, 64, 204);
}

#endif
