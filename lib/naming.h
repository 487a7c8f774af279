/* How a weights file names its tensors. The library knows each by its name in
 * consolidated.safetensors; other layouts are translated from it. */
#ifndef VOX_NAMING_H
#define VOX_NAMING_H

#include <stdbool.h>

#include "safetensors.h"

#define NAMING_CHARS 640

typedef enum naming_kind {
    NAMING_CONSOLIDATED, /* Mistral's */
    NAMING_BLK,          /* GGUF: enc.blk.0.attn_q */
    NAMING_BLOCKS,       /* GGUF: enc.blocks.0.attn.q */
    NAMING_HF            /* model.safetensors of Hugging Face transformers */
} naming_kind;

typedef struct naming {
    naming_kind kind;
    char audio[256], decoder[256], projector[256]; /* HF: what stands before the parts' names */
} naming;

/* The naming that an index follows, Mistral's if none. */
void naming_detect(const safetensors *index, naming *out);

/* Whether rows of wq and wk stand for split-half rotary pairs, instead of interleaved ones. */
static inline bool naming_splits_halves(const naming *n) { return n->kind >= NAMING_BLOCKS; }

/* A consolidated name in that naming. */
const char *naming_translate(const naming *n, const char *name, char text[static NAMING_CHARS]);

#endif
