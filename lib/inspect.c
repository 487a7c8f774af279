/* What a weights file holds, as JSON. */
#include <stdio.h>
#include <string.h>

#include "container.h"
#include "json.h"
#include "voxtral.h"

static int64_t write_index(char *out, int64_t capacity, const container *c) {
    const safetensors *index = container_index(c);
    int64_t length = 0;
    json_append(out, capacity, &length, "{\"file\": ");
    json_append_string(out, capacity, &length, c->path);
    json_append(out, capacity, &length, ", \"format\": \"%s\", \"bytes\": %zu, \"tensors\": [", c->is_gguf ? "gguf" : "safetensors",
                c->file.size);
    for (int32_t i = 0; i < index->n; i++) {
        const safetensor *t = &index->tensors[i];
        char shape[SAFETENSOR_SHAPE_CHARS];
        json_append(out, capacity, &length, "%s{\"name\": ", i ? ", " : "");
        json_append_string(out, capacity, &length, t->name);
        json_append(out, capacity, &length, ", \"dtype\": \"%s\", \"shape\": %s, \"bytes\": %zu}", t->dtype,
                    safetensor_shape(t, shape), t->bytes);
    }
    json_append(out, capacity, &length, "]}");
    return length;
}

static int64_t inspect(const char *path, char *out, int64_t capacity, vox_error *e) {
    container c;
    if (!path) return vox_fail(e, VOX_E_ARGUMENT, "expected the path of a weights file, found none");
    int64_t result = container_open(path, &c, e);
    if (result) return result;
    result = write_index(out, out ? capacity : 0, &c);
    container_close(&c);
    return result;
}

int64_t vox_inspect(const char *path, char *out, int64_t capacity, char *error, int32_t error_capacity) {
    vox_error e = { 0 };
    int64_t result = inspect(path, out, capacity, &e);
    if (error && error_capacity > 0) snprintf(error, (size_t)error_capacity, "%s", e.text);
    return result;
}
