/* The model's sizes from the keys of a GGUF file. */
#ifndef VOX_METADATA_H
#define VOX_METADATA_H

#include "config.h"
#include "gguf.h"

/* Whether the file has keys with sizes, in one of the ways that are known. */
bool metadata_has_config(const gguf *g);

/* As config_parse checks params.json. */
int32_t metadata_config(const gguf *g, const char *name, vox_config *out, vox_error *e);

#endif
