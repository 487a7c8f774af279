/* Tekken vocabulary: id -> bytes. Ids below n_special are control tokens. */
#ifndef VOX_TOKENIZER_H
#define VOX_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "gguf.h"

typedef struct tokenizer tokenizer;

#define TOKEN_BOS 1
#define TOKEN_EOS 2
#define TOKEN_PAD 32  /* STREAMING_PAD: nothing new in these 80 ms */
#define TOKEN_WORD 33 /* STREAMING_WORD: a word follows */
#define TOKEN_FIRST_TEXT 1000
#define TOKEN_MAX_BYTES 256 /* of one token; the longest real one has 76 */

/* Reads tekken.json; only ranks below vocab_size - TOKEN_FIRST_TEXT are kept. */
int32_t tokenizer_load(const char *path, int32_t vocab_size, tokenizer **out, vox_error *e);

/* The same from memory; name stands for the file in errors. */
int32_t tokenizer_parse(const void *bytes, size_t n, const char *name, int32_t vocab_size, tokenizer **out, vox_error *e);

/* The vocabulary inside a GGUF file, in one of the two ways it is put there, and
 * whether there is one. */
bool tokenizer_in_gguf(const gguf *g);
int32_t tokenizer_from_gguf(const gguf *g, const char *name, int32_t vocab_size, tokenizer **out, vox_error *e);

/* The tokenizer of synthetic models: rank r < 256 is byte r, others spell their rank. */
int32_t tokenizer_synthesize(int32_t vocab_size, tokenizer **out, vox_error *e);

void tokenizer_free(tokenizer *t);

/* Bytes of a token, NUL-terminated after *size bytes; NULL and 0 for control
 * tokens and ids out of range. Owned by t. */
const char *tokenizer_bytes(const tokenizer *t, int32_t id, int32_t *size);

#endif
