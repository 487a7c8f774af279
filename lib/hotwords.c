#include "hotwords.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PHRASES 1000
#define MAX_PHRASE_BYTES 200

struct hotwords {
    int32_t n;
    float bonus;
    int32_t size[MAX_PHRASES];
    char bytes[MAX_PHRASES][1 + MAX_PHRASE_BYTES]; /* with the space that begins a word */
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static char fold(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

int32_t hotwords_new(const char *phrases, float bonus, hotwords **out, vox_error *e) {
    *out = NULL;
    if (!(bonus >= 0 && bonus <= VOX_MAX_HOTWORD_BONUS))
        return vox_fail(e, VOX_E_ARGUMENT, "hotwords: the bonus is %g, expected 0 to %g", (double)bonus, (double)VOX_MAX_HOTWORD_BONUS);
    hotwords *h = calloc(1, sizeof *h);
    if (!h) return vox_fail(e, VOX_E_MEMORY, "out of memory for hotwords");
    h->bonus = bonus;
    int32_t line = 0;
    for (const char *at = phrases, *next; *at; at = next) {
        line++;
        const char *end = at + strcspn(at, "\n");
        next = *end ? end + 1 : end;
        while (at < end && is_blank(*at)) at++;
        while (end > at && is_blank(end[-1])) end--;
        if (at == end) continue;
        size_t size = (size_t)(end - at);
        if (size > MAX_PHRASE_BYTES || h->n == MAX_PHRASES) {
            hotwords_free(h);
            return vox_fail(e, VOX_E_ARGUMENT, "hotwords: line %d: expected at most %d phrases of at most %d bytes each", line, MAX_PHRASES, MAX_PHRASE_BYTES);
        }
        char *phrase = h->bytes[h->n];
        phrase[0] = ' ';
        for (size_t i = 0; i < size; i++) phrase[1 + i] = fold(at[i]);
        h->size[h->n++] = (int32_t)size + 1;
    }
    *out = h;
    return VOX_OK;
}

void hotwords_free(hotwords *h) { free(h); }

/* Where in the phrase a token leads from offset, 0 if it leaves it. A token may
 * reach beyond the end, with what can follow a word. */
static int32_t follow(const hotwords *h, int32_t phrase, int32_t offset, const char *bytes, int32_t size) {
    int32_t left = h->size[phrase] - offset, n = size < left ? size : left;
    for (int32_t i = 0; i < n; i++)
        if (fold(bytes[i]) != h->bytes[phrase][offset + i]) return 0;
    if (size > left && (bytes[left] & 0x80 || (fold(bytes[left]) >= 'a' && fold(bytes[left]) <= 'z'))) return 0;
    return offset + n;
}

/* The largest part of a phrase that the token completes, 0..1. */
static float reach(const hotwords *h, const hotword_state *state, const char *bytes, int32_t size) {
    float best = 0;
    for (int32_t i = 0; i < state->n + h->n; i++) {
        int32_t phrase = i < state->n ? state->match[i].phrase : i - state->n, offset = i < state->n ? state->match[i].offset : 0;
        float part = (float)follow(h, phrase, offset, bytes, size) / (float)h->size[phrase];
        if (part > best) best = part;
    }
    return best;
}

void hotwords_choose(const hotwords *h, const hotword_state *state, const tokenizer *t, top_tokens *top) {
    int32_t choice = 0;
    float best = 0;
    for (int32_t i = 0; i < TOP_K && top->id[i] >= 0; i++) {
        int32_t size;
        const char *bytes = tokenizer_bytes(t, top->id[i], &size);
        if (!size && i == 0) return; /* the model says nothing here */
        if (!size) continue;
        float score = top->logprob[i] + h->bonus * reach(h, state, bytes, size);
        if (i == 0 || score > best) best = score, choice = i;
    }
    int32_t id = top->id[choice];
    float logprob = top->logprob[choice];
    for (int32_t i = choice; i > 0; i--) top->id[i] = top->id[i - 1], top->logprob[i] = top->logprob[i - 1];
    top->id[0] = id;
    top->logprob[0] = logprob;
}

void hotwords_advance(const hotwords *h, hotword_state *state, const char *bytes, int32_t size) {
    if (!size) return;
    hotword_state next = { 0 };
    for (int32_t i = 0; i < state->n + h->n && next.n < HOTWORD_MATCHES; i++) {
        int32_t phrase = i < state->n ? state->match[i].phrase : i - state->n, offset = i < state->n ? state->match[i].offset : 0;
        int32_t reached = follow(h, phrase, offset, bytes, size);
        if (reached && reached < h->size[phrase]) {
            next.match[next.n].phrase = phrase;
            next.match[next.n++].offset = reached;
        }
    }
    *state = next;
}
