/* Guesses of the next tokens of a stream. When audio waits, guesses are decoded as
 * further rows of the same pass; those that the model confirms are free, the others
 * are dropped, and the output is the same with or without them. */
#ifndef VOX_DRAFT_H
#define VOX_DRAFT_H

#include <stdbool.h>
#include <stdint.h>

#define DRAFT_MOST 15 /* guesses in a row */

/* What followed a context the last times, and how reliably. */
typedef struct draft_entry {
    int32_t token;
    float trust; /* estimated probability that the guess is right; < 0: context not met yet */
} draft_entry;

/* The end of a stream's text: the last two tokens and how many STREAMING_PAD there
 * were in a row. */
typedef struct draft_context {
    int32_t last, before, pads;
} draft_context;

/* One table serves all streams of an engine. */
#define DRAFT_ENTRIES 1024
typedef struct draft_table {
    draft_entry entries[DRAFT_ENTRIES]; /* by hash of the context */
    float trust; /* in STREAMING_PAD after contexts not met yet */
    float claimed, found; /* of late: mean trust in the guesses, share that was right */
} draft_table;

/* Seconds that decoder passes take, by their number of rows. */
#define COST_ROWS 64
typedef struct pass_cost {
    float seconds[COST_ROWS + 1]; /* 0: not measured */
} pass_cost;

void draft_init(draft_table *d);

/* The context before the first token. */
draft_context draft_begin(void);

/* A token came. */
void draft_learn(draft_table *d, draft_context *c, int32_t token);

/* Guesses for the positions to come, at most `most`: as many as make confirmed
 * tokens per second largest in a pass that has `rows` rows without them. */
int32_t draft_guess(const draft_table *d, draft_context c, const pass_cost *cost, int32_t rows, int32_t most, int32_t *tokens);

void pass_cost_measured(pass_cost *c, int32_t rows, double seconds);

#endif
