/* Any bytes as a safetensors file: an index that is accepted keeps its promises. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "safetensors.h"

static void check_index(const safetensors *s, const uint8_t *data, size_t size) {
    for (int32_t i = 0; i < s->n; i++) {
        const safetensor *t = &s->tensors[i];
        if (t->data < data || t->bytes > size || t->data > data + size - t->bytes) abort();
        if (t->bytes && t->data[0] + t->data[t->bytes - 1] < 0) abort(); /* faults if out of bounds */
        if (t->n_dims < 0 || t->n_dims > SAFETENSORS_MAX_DIMS || !t->dtype[0]) abort();
        if (safetensors_find(s, t->name) != t) abort();
        for (int32_t k = 0; k < i; k++) {
            const safetensor *u = &s->tensors[k];
            if (t->data < u->data + u->bytes && u->data < t->data + t->bytes) abort();
        }
        char shape[SAFETENSOR_SHAPE_CHARS];
        if (strlen(safetensor_shape(t, shape)) + 1 >= sizeof shape) abort();
    }
}

static void parse(const uint8_t *data, size_t size) {
    safetensors s;
    vox_error e = { 0 };
    int32_t status = safetensors_parse(data, size, "fuzz", &s, &e);
    if (status != e.code || (status && (!e.text[0] || s.tensors || s.header.root))) abort();
    if (!status) check_index(&s, data, size);
    safetensors_free(&s);
}

/* As it is, and with the header's length made to fit a changed header, which would
 * otherwise hardly ever be read beyond the change. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    parse(data, size);
    size_t end = size;
    while (end > 8 && data[end - 1] != '}') end--;
    if (end <= 8) return 0;
    uint8_t *copy = malloc(size);
    if (!copy) abort();
    memcpy(copy, data, size);
    for (int i = 0; i < 8; i++) copy[i] = (uint8_t)((uint64_t)(end - 8) >> 8 * i);
    parse(copy, size);
    free(copy);
    return 0;
}

size_t fuzz_seed(int index, uint8_t *out, size_t capacity) {
    static const char *const headers[] = {
        "{}",
        "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"BF16\",\"shape\":[4,8],\"data_offsets\":[0,64]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},\"b\":{\"dtype\":\"U8\",\"shape\":[48],\"data_offsets\":[16,64]}}",
        ("{\"x\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[8,16]},\"y\":{\"dtype\":\"I64\",\"shape\":[0,9],\"data_offsets\":[8,8]},"
        "\"z\":{\"dtype\":\"F16\",\"shape\":[1,2,3,2,2],\"data_offsets\":[16,64]},\"w\":{\"dtype\":\"BOOL\",\"shape\":[8],\"data_offsets\":[0,8]}}"),
    };
    if (index >= (int)(sizeof headers / sizeof *headers)) return 0;
    char text[512];
    int n = snprintf(text, sizeof text, "%s", headers[index]);
    while (n % 8) text[n++] = ' ';
    size_t size = 8 + (size_t)n + 64;
    if (size > capacity) return 0;
    memset(out, 0, size);
    out[0] = (uint8_t)n;
    out[1] = (uint8_t)(n >> 8);
    memcpy(out + 8, text, (size_t)n);
    return size;
}
