/* Words that matter: biases the greedy choice toward given phrases, whatever their
 * tokenization, by comparing bytes. */
#ifndef VOX_HOTWORDS_H
#define VOX_HOTWORDS_H

#include <stdbool.h>

#include "backend.h"
#include "tokenizer.h"

typedef struct hotwords hotwords; /* a list of phrases; constant */

/* How far a stream's text has come into phrases. */
#define HOTWORD_MATCHES 32
typedef struct hotword_state {
    struct {
        int32_t phrase, offset;
    } match[HOTWORD_MATCHES];
    int32_t n;
} hotword_state;

/* phrases: one a line; spaces around them and empty lines are ignored. bonus in
 * nats, 0 .. VOX_MAX_HOTWORD_BONUS. */
int32_t hotwords_new(const char *phrases, float bonus, hotwords **out, vox_error *e);
void hotwords_free(hotwords *h);

/* Moves the candidate to the front whose log-probability plus bonus is best: a
 * token that brings a phrase to offset k of its n bytes gains bonus * k / n. Only
 * among text: silence never becomes a word, nor a word silence. */
void hotwords_choose(const hotwords *h, const hotword_state *state, const tokenizer *t, top_tokens *top);

/* The token was taken. */
void hotwords_advance(const hotwords *h, hotword_state *state, const char *bytes, int32_t size);

#endif
