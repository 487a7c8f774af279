/* What a weights file holds, as JSON. */
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "os.h"
#include "safetensors.h"
#include "voxtral.h"

static int64_t write_index(char *out, int64_t capacity, const char *path, const os_file *file, const safetensors *index) {
    int64_t length = 0;
    json_append(out, capacity, &length, "{\"file\": ");
    json_append_string(out, capacity, &length, path);
    json_append(out, capacity, &length, ", \"format\": \"safetensors\", \"bytes\": %zu, \"tensors\": [", file->size);
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
    char inner[4096];
    if (!path) return vox_fail(e, VOX_E_ARGUMENT, "expected the path of a weights file, found none");
    if (os_is_folder(path)) {
        if (snprintf(inner, sizeof inner, "%s/consolidated.safetensors", path) >= (int)sizeof inner)
            return vox_fail(e, VOX_E_ARGUMENT, "the path is longer than %zu bytes", sizeof inner);
        path = inner;
    }
    os_file file;
    safetensors index;
    int64_t result = os_map(path, &file, e);
    if (result) return result;
    result = safetensors_parse(file.bytes, file.size, path, &index, e);
    if (!result) {
        result = write_index(out, out ? capacity : 0, path, &file, &index);
        safetensors_free(&index);
    }
    os_unmap(&file);
    return result;
}

int64_t vox_inspect(const char *path, char *out, int64_t capacity, char *error, int32_t error_capacity) {
    vox_error e = { 0 };
    int64_t result = inspect(path, out, capacity, &e);
    if (error && error_capacity > 0) snprintf(error, (size_t)error_capacity, "%s", e.text);
    return result;
}
