#include "draft.h"

#include "tokenizer.h"

#define MOST_PADS 31    /* longer runs are alike */
#define LEARN_RATE 0.15f
#define GIVE_UP 0.2f    /* trust below which another guess takes the place */
#define NEW_TRUST 0.4f
#define ROW_COST 0.03f  /* of the first row, for numbers of rows not measured yet */
#define COST_RATE 0.2f
#define HABIT_RATE 0.03f

void draft_init(draft_table *d) {
    for (int32_t i = 0; i < DRAFT_ENTRIES; i++) d->entries[i] = (draft_entry){ TOKEN_PAD, -1 };
    d->trust = d->claimed = d->found = NEW_TRUST;
}

draft_context draft_begin(void) { return (draft_context){ TOKEN_PAD, TOKEN_PAD, MOST_PADS }; }

/* In silence the length of the silence counts, else the last two tokens. */
static uint32_t slot(const draft_context *c) {
    uint32_t a = (uint32_t)c->last, b = (uint32_t)(c->last == TOKEN_PAD ? c->pads : c->before);
    uint32_t h = (a * 0x9E3779B1u) ^ (b * 0x85EBCA77u + 0x27D4EB2Fu);
    h ^= h >> 15;
    return h * 0x2C1B3C6Du >> 22; /* 10 bits */
}

static draft_context after(draft_context c, int32_t token) {
    int32_t pads = token != TOKEN_PAD ? 0 : c.pads < MOST_PADS ? c.pads + 1 : MOST_PADS;
    return (draft_context){ .last = token, .before = c.last, .pads = pads };
}

static float trust_in(const draft_table *d, const draft_entry *e) { return e->trust < 0 ? d->trust : e->trust; }

void draft_learn(draft_table *d, draft_context *c, int32_t token) {
    draft_entry *e = &d->entries[slot(c)];
    d->claimed += (trust_in(d, e) - d->claimed) * HABIT_RATE;
    d->found += ((e->token == token) - d->found) * HABIT_RATE;
    if (e->trust < 0) {
        d->trust += ((token == TOKEN_PAD) - d->trust) * LEARN_RATE;
        *e = (draft_entry){ token, NEW_TRUST };
    } else if (e->token == token) e->trust += (1 - e->trust) * LEARN_RATE;
    else {
        e->trust -= e->trust * LEARN_RATE;
        if (e->trust < GIVE_UP) *e = (draft_entry){ token, NEW_TRUST };
    }
    *c = after(*c, token);
}

/* Measured, or the next smaller measured number of rows and a little for each more. */
static float cost_of(const pass_cost *c, int32_t rows) {
    int32_t known = rows;
    while (known > 1 && !c->seconds[known]) known--;
    float base = c->seconds[known] ? c->seconds[known] : 1;
    return base * (1 + ROW_COST * (float)(rows - known));
}

int32_t draft_guess(const draft_table *d, draft_context c, const pass_cost *cost, int32_t rows, int32_t most, int32_t *tokens) {
    float honest = d->found < d->claimed ? d->found / d->claimed : 1; /* in unruly text all trust is too high */
    float right = 1, expected = (float)rows, best = expected / cost_of(cost, rows);
    int32_t n = 0;
    if (most > DRAFT_MOST) most = DRAFT_MOST;
    for (int32_t i = 0; i < most && rows + i < COST_ROWS; i++) {
        const draft_entry *e = &d->entries[slot(&c)];
        right *= honest * trust_in(d, e);
        expected += right;
        tokens[i] = e->token;
        float rate = expected / cost_of(cost, rows + i + 1);
        if (rate > best) best = rate, n = i + 1;
        c = after(c, e->token);
    }
    return n;
}

void pass_cost_measured(pass_cost *c, int32_t rows, double seconds) {
    if (rows < 1 || rows > COST_ROWS) return;
    float *known = &c->seconds[rows];
    *known += *known ? ((float)seconds - *known) * COST_RATE : (float)seconds;
}
