/* The language decoder over a ragged batch: prompts, single steps and steps of
 * many streams are all rows of one forward. */
#ifndef VOX_DECODER_H
#define VOX_DECODER_H

#include <stdbool.h>

#include "model.h"

typedef struct decoder decoder; /* workspace of one engine */

/* One position of one stream. Rows of a stream are adjacent and ascend by one. */
typedef struct decoder_row {
    kv_cache *kv;
    int64_t position;
    int32_t token;     /* input token at this position */
    int32_t delay;     /* delay_index */
    tensor audio;      /* [1, dim] audio embedding of this position */
    bool wants_logits;
} decoder_row;

int32_t decoder_new(const model *m, int32_t max_rows, decoder **out, vox_error *e);
void decoder_free(decoder *d);

/* A stream's keys and values; a stream that starts again from position 0 may keep
 * its cache. */
int32_t decoder_kv_new(const decoder *d, kv_cache **out, vox_error *e);
void decoder_kv_free(const decoder *d, kv_cache *kv);
int64_t decoder_kv_bytes(const decoder *d);

/* Adds n rows to the step. At submit, `out` receives the candidates of the rows
 * that want logits, in their order; returns how many. */
int32_t decoder_forward(decoder *d, const decoder_row *rows, int32_t n, top_tokens *out);

#endif
