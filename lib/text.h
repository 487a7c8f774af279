/* Tokens to text: joins token bytes, releases only whole UTF-8 code points, and
 * finds words. */
#ifndef VOX_TEXT_H
#define VOX_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "tokenizer.h"

#define TEXT_MAX_WORD 512    /* bytes; a longer run without spaces is cut into words */

typedef struct text_word {
    char bytes[TEXT_MAX_WORD];
    int32_t size;
    double start, end; /* s */
    double logprob;    /* sum over n_tokens */
    int32_t n_tokens;
} text_word;

typedef struct text_assembler {
    uint8_t partial[4]; /* first bytes of a code point not yet whole */
    int32_t n_partial;
    text_word word;     /* the word being spoken */
    double last_end;    /* end of the last finished word */
    double marked;      /* when the model last said that a word ended; < 0: not since a word */
} text_assembler;

typedef struct text_sink {
    void *user;
    void (*text)(void *user, const char *bytes, int32_t size, double time);
    void (*word)(void *user, const text_word *word);
} text_sink;

void text_reset(text_assembler *t, double time);

/* STREAMING_WORD: a word ended at `time`; its tokens follow. */
void text_mark_word(text_assembler *t, double time, const text_sink *sink);

/* A text token (size <= TOKEN_MAX_BYTES) whose sound ended near `time`. Invalid UTF-8 becomes U+FFFD. */
void text_push(text_assembler *t, const char *bytes, int32_t size, double time, double logprob, const text_sink *sink);

/* Nothing was said for a while: the word is finished, though none follows yet. */
void text_pause(text_assembler *t, const text_sink *sink);

/* The end: what is left of text and word. */
void text_finish(text_assembler *t, double time, const text_sink *sink);

#endif
