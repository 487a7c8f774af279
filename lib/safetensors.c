/* File: u64 header size, JSON header {name: {dtype, shape, data_offsets}}, data. */
#include "safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADER_BYTES ((uint64_t)1 << 25)
#define MAX_TENSORS 65536
#define MAX_NAME_BYTES 255

static const struct { const char *name; size_t bytes; } dtypes[] = {
    { "BF16", 2 }, { "F16", 2 }, { "F32", 4 }, { "F64", 8 }, { "F8_E4M3", 1 }, { "F8_E5M2", 1 }, { "BOOL", 1 },
    { "I8", 1 }, { "I16", 2 }, { "I32", 4 }, { "I64", 8 }, { "U8", 1 }, { "U16", 2 }, { "U32", 4 }, { "U64", 8 },
};

typedef struct file_view {
    const char *name;
    const uint8_t *bytes;
    uint64_t data, size; /* where the data begins, and the end of the file */
    vox_error *e;
} file_view;

static int32_t wrong(const file_view *f, const safetensor *t, const char *key, const char *expected, const json_node *found) {
    char text[48];
    return vox_fail(f->e, VOX_E_FORMAT, "%s: tensor %s: expected %s to be %s, found %s",
                    f->name, t->name, key, expected, json_describe(found, text));
}

static int32_t read_name(const file_view *f, const json_node *key, safetensor *t) {
    t->name = key->text;
    bool printable = key->size > 0 && key->size <= MAX_NAME_BYTES;
    for (uint32_t i = 0; printable && i < key->size; i++) printable = key->text[i] > 0x20 && key->text[i] < 0x7f;
    if (printable) return VOX_OK;
    return vox_fail(f->e, VOX_E_FORMAT, "%s: expected tensor names of 1 to %d printable ASCII characters, found one of %u bytes",
                    f->name, MAX_NAME_BYTES, (unsigned)key->size);
}

/* Name, dtype, shape and place of one tensor. */
static int32_t read_tensor(const file_view *f, const json_node *key, safetensor *t) {
    if (read_name(f, key, t)) return VOX_E_FORMAT;
    const json_node *dtype = json_get(key + 1, "dtype"), *shape = json_get(key + 1, "shape");
    const json_node *offsets = json_get(key + 1, "data_offsets");
    size_t size = 0;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (json_is(dtype, JSON_STRING) && !strcmp(dtype->text, dtypes[i].name)) {
            t->dtype = dtypes[i].name;
            size = dtypes[i].bytes;
        }
    if (!size) return wrong(f, t, "dtype", "a type of whole bytes such as \"BF16\"", dtype);
    if (!json_is(shape, JSON_ARRAY) || shape->size > SAFETENSORS_MAX_DIMS)
        return wrong(f, t, "shape", "an array of at most 8 sizes", shape);
    uint64_t bytes = size;
    const json_node *item = json_first(shape);
    for (t->n_dims = 0; t->n_dims < (int32_t)shape->size; t->n_dims++, item = json_next(item)) {
        int64_t dim;
        if (!json_integer(item, &dim) || dim < 0) return wrong(f, t, "every size of shape", "an integer of 0 or more", item);
        if (__builtin_mul_overflow(bytes, (uint64_t)dim, &bytes)) return wrong(f, t, "shape", "a product below 2^64 bytes", item);
        t->shape[t->n_dims] = dim;
    }
    int64_t begin, end;
    if (!json_is(offsets, JSON_ARRAY) || offsets->size != 2 || !json_integer(json_first(offsets), &begin) ||
        !json_integer(json_first(offsets) + 1, &end) || begin < 0 || begin > end)
        return wrong(f, t, "data_offsets", "two integers, 0 <= begin <= end", offsets);
    if ((uint64_t)end > f->size - f->data)
        return vox_fail(f->e, VOX_E_FORMAT, "%s: tensor %s ends at byte %llu of the data, but the file holds only %llu: it is cut off, fetch it again",
                        f->name, t->name, (unsigned long long)end, (unsigned long long)(f->size - f->data));
    if ((uint64_t)(end - begin) != bytes)
        return vox_fail(f->e, VOX_E_FORMAT, "%s: tensor %s: expected %llu bytes for its dtype and shape, data_offsets span %llu",
                        f->name, t->name, (unsigned long long)bytes, (unsigned long long)(end - begin));
    if ((f->data + (uint64_t)begin) % size)
        return vox_fail(f->e, VOX_E_FORMAT, "%s: tensor %s: expected data aligned to %zu bytes, it begins at byte %llu of the file",
                        f->name, t->name, size, (unsigned long long)(f->data + (uint64_t)begin));
    t->data = f->bytes + f->data + begin;
    t->bytes = (size_t)bytes;
    return VOX_OK;
}

static int by_place(const void *a, const void *b) {
    const safetensor *s = a, *t = b;
    if (s->data != t->data) return s->data < t->data ? -1 : 1;
    return (s->bytes > t->bytes) - (s->bytes < t->bytes); /* an empty one first */
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const safetensor *)a)->name, ((const safetensor *)b)->name);
}

int32_t safetensors_sort(safetensors *s, const char *name, vox_error *e) {
    qsort(s->tensors, (size_t)s->n, sizeof *s->tensors, by_place);
    for (int32_t i = 1; i < s->n; i++) {
        const safetensor *a = &s->tensors[i - 1], *b = &s->tensors[i];
        if (a->data + a->bytes > b->data)
            return vox_fail(e, VOX_E_FORMAT, "%s: tensors %s and %s overlap", name, a->name, b->name);
    }
    qsort(s->tensors, (size_t)s->n, sizeof *s->tensors, by_name);
    for (int32_t i = 1; i < s->n; i++)
        if (!by_name(&s->tensors[i - 1], &s->tensors[i]))
            return vox_fail(e, VOX_E_FORMAT, "%s: two tensors are named %s", name, s->tensors[i].name);
    return VOX_OK;
}

static int32_t read_header(const file_view *f, safetensors *out) {
    const json_node *root = out->header.root;
    if (!json_is(root, JSON_OBJECT)) return vox_fail(f->e, VOX_E_FORMAT, "%s: expected the header to be a JSON object", f->name);
    if (root->size > MAX_TENSORS)
        return vox_fail(f->e, VOX_E_FORMAT, "%s: expected at most %d tensors, found %u", f->name, MAX_TENSORS, (unsigned)root->size);
    out->tensors = calloc((size_t)root->size + 1, sizeof *out->tensors);
    if (!out->tensors) return vox_fail(f->e, VOX_E_MEMORY, "%s: out of memory for its index", f->name);
    const json_node *key = json_first(root);
    for (uint32_t i = 0; i < root->size; i++, key = json_next(key + 1)) {
        if (!strcmp(key->text, "__metadata__")) continue;
        if (read_tensor(f, key, &out->tensors[out->n])) return VOX_E_FORMAT;
        out->n++;
    }
    return safetensors_sort(out, f->name, f->e);
}

int32_t safetensors_parse(const uint8_t *bytes, size_t size, const char *name, safetensors *out, vox_error *e) {
    *out = (safetensors){ 0 };
    if (size < 8) return vox_fail(e, VOX_E_FORMAT, "%s: expected a safetensors file, found only %zu bytes", name, size);
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--) length = length << 8 | bytes[i];
    if (length > MAX_HEADER_BYTES)
        return vox_fail(e, VOX_E_FORMAT, "%s: not a safetensors file: expected a header of at most %llu bytes, its length says %llu",
                        name, (unsigned long long)MAX_HEADER_BYTES, (unsigned long long)length);
    if (length > size - 8)
        return vox_fail(e, VOX_E_FORMAT, "%s: the header of %llu bytes is cut off at %zu: fetch the file again",
                        name, (unsigned long long)length, size - 8);
    int32_t status = json_parse(bytes + 8, (size_t)length, name, &out->header, e);
    if (!status) status = read_header(&(file_view){ .name = name, .bytes = bytes, .data = 8 + length, .size = size, .e = e }, out);
    if (status) safetensors_free(out);
    return status;
}

void safetensors_free(safetensors *s) {
    free(s->tensors);
    json_free(&s->header);
    *s = (safetensors){ 0 };
}

const safetensor *safetensors_find(const safetensors *s, const char *name) {
    safetensor key = { .name = name };
    return s->n ? bsearch(&key, s->tensors, (size_t)s->n, sizeof key, by_name) : NULL;
}

const char *safetensor_shape(const safetensor *t, char text[static SAFETENSOR_SHAPE_CHARS]) {
    int n = snprintf(text, SAFETENSOR_SHAPE_CHARS, "[");
    for (int32_t i = 0; i < t->n_dims; i++)
        n += snprintf(text + n, SAFETENSOR_SHAPE_CHARS - (size_t)n, "%s%lld", i ? ", " : "", (long long)t->shape[i]);
    snprintf(text + n, SAFETENSOR_SHAPE_CHARS - (size_t)n, "]");
    return text;
}
