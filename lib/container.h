/* A file with weights, mapped and indexed: safetensors or GGUF, told apart by how it begins. */
#ifndef VOX_CONTAINER_H
#define VOX_CONTAINER_H

#include "gguf.h"
#include "os.h"

typedef struct container {
    char path[4096];
    os_file file;
    bool is_gguf;
    safetensors safetensors;
    gguf gguf;
} container;

/* path: a file, or a folder with consolidated.safetensors, model.safetensors or one
 * .gguf file, looked for in this order. */
int32_t container_open(const char *path, container *out, vox_error *e);
void container_close(container *c);

static inline const safetensors *container_index(const container *c) { return c->is_gguf ? &c->gguf.index : &c->safetensors; }

#endif
