/* File: "GGUF", u32 version, u64 tensors, u64 keys; keys: string, u32 type, value;
 * tensors: string, u32 dimensions, u64 sizes (innermost first), u32 type, u64 offset;
 * padding; data. A string is its u64 length and bytes. Little-endian. */
#include "gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor.h"

#define MAX_VALUES 65536
#define MAX_TENSORS 65536
#define MAX_NAME_BYTES 255
#define MAX_DIMS 4
#define MAX_ALIGNMENT ((uint64_t)1 << 20)
#define DEFAULT_ALIGNMENT 32

static const uint8_t value_bytes[N_GGUF_TYPES] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

/* The file's numbers of tensor types; others are unknown. */
static const struct { uint32_t number; dtype type; } tensor_types[] = {
    { 0, DTYPE_F32 },   { 1, DTYPE_F16 },   { 2, DTYPE_Q4_0 },  { 3, DTYPE_Q4_1 },  { 6, DTYPE_Q5_0 },
    { 7, DTYPE_Q5_1 },  { 8, DTYPE_Q8_0 },  { 10, DTYPE_Q2_K }, { 11, DTYPE_Q3_K }, { 12, DTYPE_Q4_K },
    { 13, DTYPE_Q5_K }, { 14, DTYPE_Q6_K }, { 30, DTYPE_BF16 },
};

typedef struct reader {
    const char *name;
    const uint8_t *bytes;
    size_t size, at;
    vox_error *e;
} reader;

static uint64_t little_endian(const uint8_t *p, int32_t n) {
    uint64_t value = 0;
    while (n--) value = value << 8 | p[n];
    return value;
}

/* The next n bytes, or NULL and an error. */
static const uint8_t *take(reader *r, uint64_t n) {
    if (n > r->size - r->at) {
        vox_fail(r->e, VOX_E_FORMAT, "%s: the header is cut off: expected %llu bytes at byte %zu, the file holds %zu",
                 r->name, (unsigned long long)n, r->at, r->size);
        return NULL;
    }
    const uint8_t *p = r->bytes + r->at;
    r->at += (size_t)n;
    return p;
}

static bool take_integer(reader *r, int32_t bytes, uint64_t *out) {
    const uint8_t *p = take(r, (uint64_t)bytes);
    if (p) *out = little_endian(p, bytes);
    return p;
}

static bool take_text(reader *r, gguf_text *out) {
    uint64_t size;
    if (!take_integer(r, 8, &size)) return false;
    out->bytes = (const char *)take(r, size);
    out->size = (size_t)size;
    return out->bytes;
}

/* Names of tensors and keys go into messages and JSON. */
static bool take_name(reader *r, const char *what, gguf_text *out) {
    if (!take_text(r, out)) return false;
    bool printable = out->size > 0 && out->size <= MAX_NAME_BYTES;
    for (size_t i = 0; printable && i < out->size; i++) printable = out->bytes[i] > 0x20 && out->bytes[i] < 0x7f;
    if (!printable)
        vox_fail(r->e, VOX_E_FORMAT, "%s: expected %s of 1 to %d printable ASCII characters, found one of %zu bytes",
                 r->name, what, MAX_NAME_BYTES, out->size);
    return printable;
}

static bool wrong_type(const reader *r, const gguf_value *v, const char *expected, uint64_t found) {
    vox_fail(r->e, VOX_E_FORMAT, "%s: key %.*s: expected %s, found %llu", r->name, (int)v->key.size, v->key.bytes, expected,
             (unsigned long long)found);
    return false;
}

static bool take_array(reader *r, gguf_value *v) {
    uint64_t element;
    if (!take_integer(r, 4, &element) || !take_integer(r, 8, &v->count)) return false;
    if (element >= N_GGUF_TYPES || element == GGUF_ARRAY) return wrong_type(r, v, "an array of numbers or strings, types 0 to 12 but 9", element);
    v->element = (gguf_type)element;
    v->data = r->bytes + r->at;
    if (v->element == GGUF_STRING) {
        gguf_text text;
        for (uint64_t i = 0; i < v->count; i++)
            if (!take_text(r, &text)) return false;
        return true;
    }
    uint64_t bytes;
    if (__builtin_mul_overflow(v->count, (uint64_t)value_bytes[v->element], &bytes)) return wrong_type(r, v, "fewer elements", v->count);
    return take(r, bytes);
}

static bool take_value(reader *r, gguf_value *v) {
    uint64_t type;
    gguf_text text;
    if (!take_name(r, "keys", &v->key) || !take_integer(r, 4, &type)) return false;
    if (type >= N_GGUF_TYPES) return wrong_type(r, v, "a type of 0 to 12", type);
    v->type = (gguf_type)type;
    v->data = r->bytes + r->at;
    if (v->type == GGUF_ARRAY) return take_array(r, v);
    if (v->type == GGUF_STRING) return take_text(r, &text);
    return take(r, value_bytes[v->type]);
}

static int by_key(const void *a, const void *b) {
    const gguf_text *s = &((const gguf_value *)a)->key, *t = &((const gguf_value *)b)->key;
    int order = memcmp(s->bytes, t->bytes, s->size < t->size ? s->size : t->size);
    return order ? order : (s->size > t->size) - (s->size < t->size);
}

static bool read_values(reader *r, uint64_t n, gguf *out) {
    if (n > MAX_VALUES) {
        vox_fail(r->e, VOX_E_FORMAT, "%s: expected at most %d keys, found %llu", r->name, MAX_VALUES, (unsigned long long)n);
        return false;
    }
    out->values = calloc((size_t)n + 1, sizeof *out->values);
    if (!out->values) return vox_fail(r->e, VOX_E_MEMORY, "%s: out of memory for its index", r->name), false;
    while (out->n_values < (int32_t)n)
        if (!take_value(r, &out->values[out->n_values++])) return false;
    qsort(out->values, (size_t)n, sizeof *out->values, by_key);
    for (int32_t i = 1; i < out->n_values; i++)
        if (!by_key(&out->values[i - 1], &out->values[i])) {
            vox_fail(r->e, VOX_E_FORMAT, "%s: key %.*s occurs twice", r->name, (int)out->values[i].key.size, out->values[i].key.bytes);
            return false;
        }
    return true;
}

/* Type and sizes: the tensor's bytes. */
static bool read_shape(reader *r, safetensor *t) {
    uint64_t n_dims, sizes[MAX_DIMS], number, elements = 1;
    if (!take_integer(r, 4, &n_dims)) return false;
    if (n_dims < 1 || n_dims > MAX_DIMS) {
        vox_fail(r->e, VOX_E_FORMAT, "%s: tensor %s: expected 1 to %d dimensions, found %llu", r->name, t->name, MAX_DIMS, (unsigned long long)n_dims);
        return false;
    }
    t->n_dims = (int32_t)n_dims;
    for (int32_t i = 0; i < t->n_dims; i++) {
        if (!take_integer(r, 8, &sizes[i])) return false;
        if (sizes[i] > INT64_MAX || __builtin_mul_overflow(elements, sizes[i], &elements) || elements > INT64_MAX / 8) {
            vox_fail(r->e, VOX_E_FORMAT, "%s: tensor %s: expected fewer than 2^60 elements", r->name, t->name);
            return false;
        }
        t->shape[t->n_dims - 1 - i] = (int64_t)sizes[i];
    }
    if (!take_integer(r, 4, &number)) return false;
    for (size_t i = 0; i < sizeof tensor_types / sizeof *tensor_types; i++)
        if (tensor_types[i].number == number) {
            const dtype_format *f = &dtype_formats[tensor_types[i].type];
            if (sizes[0] % (uint64_t)f->block) {
                vox_fail(r->e, VOX_E_FORMAT, "%s: tensor %s: expected rows of a multiple of %d elements for %s, found %llu",
                         r->name, t->name, f->block, f->name, (unsigned long long)sizes[0]);
                return false;
            }
            t->dtype = f->name;
            t->bytes = (size_t)(elements / (uint64_t)f->block * (uint64_t)f->bytes);
            return true;
        }
    vox_fail(r->e, VOX_E_UNSUPPORTED, "%s: tensor %s: expected one of the types F32, F16, BF16, Q4_0 to Q8_0 and Q2_K to Q6_K, found number %llu",
             r->name, t->name, (unsigned long long)number);
    return false;
}

/* Where the tensor lies: data holds its offset until the beginning of all data is known. */
static bool read_tensor(reader *r, safetensor *t, char *name, uint64_t *offset) {
    gguf_text text;
    if (!take_name(r, "tensor names", &text)) return false;
    memcpy(name, text.bytes, text.size);
    t->name = name;
    return read_shape(r, t) && take_integer(r, 8, offset);
}

static bool place(const reader *r, safetensor *t, uint64_t offset, uint64_t alignment, size_t data) {
    size_t held = data < r->size ? r->size - data : 0;
    if (offset % alignment) {
        vox_fail(r->e, VOX_E_FORMAT, "%s: tensor %s: expected data aligned to %llu bytes, its offset is %llu", r->name, t->name,
                 (unsigned long long)alignment, (unsigned long long)offset);
        return false;
    }
    if (offset > held || t->bytes > held - offset) {
        vox_fail(r->e, VOX_E_FORMAT, "%s: tensor %s: expected %zu bytes at byte %llu of the data, the file holds %zu: it is cut off, fetch it again",
                 r->name, t->name, t->bytes, (unsigned long long)offset, held);
        return false;
    }
    t->data = r->bytes + (t->bytes ? data + (size_t)offset : 0);
    return true;
}

static bool read_alignment(const reader *r, const gguf *g, uint64_t *out) {
    const gguf_value *v = gguf_find(g, "general.alignment");
    *out = DEFAULT_ALIGNMENT;
    if (!v) return true;
    *out = v->type == GGUF_UINT32 ? little_endian(v->data, 4) : 0;
    if (*out >= 1 && *out <= MAX_ALIGNMENT && !(*out & (*out - 1))) return true;
    return wrong_type(r, v, "a u32 that is a power of two up to 2^20", *out);
}

static bool read_tensors(reader *r, uint64_t n, gguf *out) {
    uint64_t alignment, *offsets = NULL;
    if (n > MAX_TENSORS) {
        vox_fail(r->e, VOX_E_FORMAT, "%s: expected at most %d tensors, found %llu", r->name, MAX_TENSORS, (unsigned long long)n);
        return false;
    }
    if (!read_alignment(r, out, &alignment)) return false;
    out->index.tensors = calloc((size_t)n + 1, sizeof *out->index.tensors);
    out->names = calloc((size_t)n + 1, MAX_NAME_BYTES + 1);
    offsets = calloc((size_t)n + 1, sizeof *offsets);
    bool right = out->index.tensors && out->names && offsets;
    if (!right) vox_fail(r->e, VOX_E_MEMORY, "%s: out of memory for its index", r->name);
    for (uint64_t i = 0; right && i < n; i++)
        right = read_tensor(r, &out->index.tensors[i], out->names + i * (MAX_NAME_BYTES + 1), &offsets[i]);
    size_t data = (r->at + (size_t)alignment - 1) / (size_t)alignment * (size_t)alignment;
    for (uint64_t i = 0; right && i < n; i++) right = place(r, &out->index.tensors[i], offsets[i], alignment, data);
    out->index.n = (int32_t)n;
    free(offsets);
    return right && !safetensors_sort(&out->index, r->name, r->e);
}

bool gguf_is(const uint8_t *bytes, size_t size) { return size >= 4 && !memcmp(bytes, "GGUF", 4); }

int32_t gguf_parse(const uint8_t *bytes, size_t size, const char *name, gguf *out, vox_error *e) {
    reader r = { .name = name, .bytes = bytes, .size = size, .at = 4, .e = e };
    uint64_t version, n_tensors, n_values;
    *out = (gguf){ 0 };
    if (!gguf_is(bytes, size)) return vox_fail(e, VOX_E_FORMAT, "%s: expected a GGUF file, which begins with \"GGUF\"", name);
    bool right = take_integer(&r, 4, &version);
    if (right && version != 2 && version != 3) {
        vox_fail(e, VOX_E_UNSUPPORTED, "%s: expected GGUF version 2 or 3, little-endian, found %llu", name, (unsigned long long)version);
        right = false;
    }
    if (right && take_integer(&r, 8, &n_tensors) && take_integer(&r, 8, &n_values) && read_values(&r, n_values, out) &&
        read_tensors(&r, n_tensors, out)) return VOX_OK;
    gguf_free(out);
    return e->code;
}

void gguf_free(gguf *g) {
    free(g->values);
    free(g->names);
    safetensors_free(&g->index);
    *g = (gguf){ 0 };
}

const gguf_value *gguf_find(const gguf *g, const char *key) {
    gguf_value wanted = { .key = { key, strlen(key) } };
    return g->n_values ? bsearch(&wanted, g->values, (size_t)g->n_values, sizeof wanted, by_key) : NULL;
}

bool gguf_number(const gguf_value *v, double *out) {
    if (!v || v->type == GGUF_STRING || v->type == GGUF_ARRAY) return false;
    uint64_t bits = little_endian(v->data, value_bytes[v->type]);
    uint32_t half = (uint32_t)bits;
    float f;
    switch (v->type) {
    case GGUF_FLOAT32: memcpy(&f, &half, sizeof f); *out = f; break;
    case GGUF_FLOAT64: memcpy(out, &bits, sizeof *out); break;
    case GGUF_INT8: *out = (int8_t)bits; break;
    case GGUF_INT16: *out = (int16_t)bits; break;
    case GGUF_INT32: *out = (int32_t)bits; break;
    case GGUF_INT64: *out = (double)(int64_t)bits; break;
    default: *out = (double)bits;
    }
    return true;
}

bool gguf_string(const gguf_value *v, gguf_text *out) {
    if (!v || v->type != GGUF_STRING) return false;
    *out = gguf_next_string(v, &(size_t){ 0 });
    return true;
}

bool gguf_is_array(const gguf_value *v, gguf_type element) { return v && v->type == GGUF_ARRAY && v->element == element; }

gguf_text gguf_next_string(const gguf_value *v, size_t *cursor) {
    const uint8_t *at = v->data + *cursor;
    gguf_text text = { (const char *)at + 8, (size_t)little_endian(at, 8) };
    *cursor += 8 + text.size;
    return text;
}
