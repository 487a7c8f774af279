/* Finding, mapping and indexing a weights file. */
#include "container.h"

#include <stdio.h>

static bool join(container *c, const char *dir, const char *name) {
    return snprintf(c->path, sizeof c->path, "%s/%s", dir, name) < (int)sizeof c->path;
}

static bool exists(const char *path) {
    FILE *file = os_open(path);
    if (file) fclose(file);
    return file;
}

/* The file of a folder. */
static int32_t find(container *c, const char *dir, vox_error *e) {
    static const char *const names[] = { "consolidated.safetensors", "model.safetensors" };
    char name[1024];
    int32_t n = 0;
    bool fits = true;
    for (size_t i = 0; fits && i < sizeof names / sizeof *names; i++) {
        fits = join(c, dir, names[i]);
        if (fits && exists(c->path)) return VOX_OK;
    }
    if (fits) n = os_find_ending(dir, ".gguf", name, sizeof name);
    if (n > 1) return vox_fail(e, VOX_E_ARGUMENT, "%s: expected one .gguf file, found %d: name the one to load", dir, n);
    if (fits && !n)
        return vox_fail(e, VOX_E_IO, "%s/%s: cannot be opened: No such file (a model folder holds params.json, tekken.json and that file, "
                        "or one .gguf file)", dir, names[0]);
    if (fits && join(c, dir, name)) return VOX_OK;
    return vox_fail(e, VOX_E_ARGUMENT, "the model's path is longer than %zu bytes", sizeof c->path);
}

int32_t container_open(const char *path, container *out, vox_error *e) {
    *out = (container){ 0 };
    int32_t status = VOX_OK;
    if (os_is_folder(path)) status = find(out, path, e);
    else if (snprintf(out->path, sizeof out->path, "%s", path) >= (int)sizeof out->path)
        status = vox_fail(e, VOX_E_ARGUMENT, "the model's path is longer than %zu bytes", sizeof out->path);
    if (!status) status = os_map(out->path, &out->file, e);
    if (status) return status;
    out->is_gguf = gguf_is(out->file.bytes, out->file.size);
    if (out->is_gguf) status = gguf_parse(out->file.bytes, out->file.size, out->path, &out->gguf, e);
    else status = safetensors_parse(out->file.bytes, out->file.size, out->path, &out->safetensors, e);
    if (status) container_close(out);
    return status;
}

void container_close(container *c) {
    gguf_free(&c->gguf);
    safetensors_free(&c->safetensors);
    os_unmap(&c->file);
}
