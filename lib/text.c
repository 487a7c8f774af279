/*
 * Word times. The model says STREAMING_WORD when a word has ended (delayed by the
 * stream's delay) and spells it in the following positions, so a word ends shortly
 * before its mark; a word that follows without a mark, before its first token. Starts
 * are not in the model's output: a word begins where the previous one ended, unless
 * that is so long ago that there was a pause; then as long before its end as such a
 * word usually takes. Constants fitted on recordings with known word times
 * (test/times.test.ts says how well).
 */
#include "text.h"

#include <string.h>

#define MARK_LAG 0.05          /* s from a word's end to its mark */
#define SECONDS_PER_WORD 0.14  /* a word's usual length ... */
#define SECONDS_PER_BYTE 0.035 /* ... and what every byte adds */
#define PAUSE_LENGTHS 2        /* usual lengths: what is longer has a pause in it */

void text_reset(text_assembler *t, double time) {
    memset(t, 0, sizeof *t);
    t->last_end = time;
    t->marked = -1;
}

static void finish_word(text_assembler *t, const text_sink *sink) {
    text_word *w = &t->word;
    if (!w->size) return;
    if (w->end < t->last_end) w->end = t->last_end;
    double usual = SECONDS_PER_WORD + SECONDS_PER_BYTE * w->size;
    w->start = w->end - t->last_end > PAUSE_LENGTHS * usual ? w->end - usual : t->last_end;
    sink->word(sink->user, w);
    t->last_end = w->end;
    *w = (text_word){ 0 };
}

void text_pause(text_assembler *t, const text_sink *sink) { finish_word(t, sink); }

void text_mark_word(text_assembler *t, double time, const text_sink *sink) {
    finish_word(t, sink);
    t->marked = time;
}

static bool is_space(uint32_t c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xA0 || c == 0x3000; }

static int32_t put_utf8(uint32_t c, char *out) {
    if (c < 0x80) return out[0] = (char)c, 1;
    if (c < 0x800) return out[0] = (char)(0xC0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return out[0] = (char)(0xE0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 63)), out[2] = (char)(0x80 | (c & 63)), 3;
    return out[0] = (char)(0xF0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 63)), out[2] = (char)(0x80 | (c >> 6 & 63)),
           out[3] = (char)(0x80 | (c & 63)), 4;
}

/* One code point at p: returns its length, 0 when n bytes are too few to tell, or
 * minus the length of a malformed sequence (Unicode 3.9, maximal subpart). */
static int32_t take_utf8(const uint8_t *p, int32_t n, uint32_t *c) {
    uint8_t lead = p[0];
    if (lead < 0x80) return *c = lead, 1;
    int32_t length = lead >= 0xC2 && lead < 0xE0 ? 2 : lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
    if (!length) return -1;
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    *c = lead & (0x7Fu >> length);
    for (int32_t i = 1; i < length; i++) {
        if (i == n) return 0;
        if (p[i] < low || p[i] > high) return -i;
        *c = *c << 6 | (p[i] & 63);
        low = 0x80;
        high = 0xBF;
    }
    return length;
}

static void add_to_word(text_assembler *t, uint32_t c, double time, const text_sink *sink) {
    text_word *w = &t->word;
    if (is_space(c)) {
        finish_word(t, sink);
        return;
    }
    if (w->size + 4 > TEXT_MAX_WORD) finish_word(t, sink);
    if (!w->size) {
        w->end = (t->marked >= 0 ? t->marked : time) - MARK_LAG;
        t->marked = -1;
    }
    w->size += put_utf8(c, w->bytes + w->size);
}

/* Releases the whole code points of bytes; the rest of an unfinished one stays in
 * partial unless `last`. */
static void release(text_assembler *t, const uint8_t *bytes, int32_t n, bool last, double time, const text_sink *sink) {
    char out[3 * (TOKEN_MAX_BYTES + 4)];
    int32_t size = 0, i = 0;
    t->n_partial = 0;
    while (i < n) {
        uint32_t c;
        int32_t length = take_utf8(bytes + i, n - i, &c);
        if (length == 0 && !last) {
            t->n_partial = n - i;
            memcpy(t->partial, bytes + i, (size_t)t->n_partial);
            break;
        }
        if (length <= 0) {
            length = length == 0 ? n - i : -length;
            c = 0xFFFD;
        }
        if (c) { /* NUL, rank 0 of real vocabularies, is no text */
            size += put_utf8(c, out + size);
            add_to_word(t, c, time, sink);
        }
        i += length;
    }
    if (size) sink->text(sink->user, out, size, time);
}

void text_push(text_assembler *t, const char *bytes, int32_t size, double time, double logprob, const text_sink *sink) {
    uint8_t joined[TOKEN_MAX_BYTES + 4];
    int32_t n = t->n_partial;
    memcpy(joined, t->partial, (size_t)n);
    memcpy(joined + n, bytes, (size_t)size);
    release(t, joined, n + size, false, time, sink);
    if (t->word.size) {
        t->word.logprob += logprob;
        t->word.n_tokens++;
    }
}

void text_finish(text_assembler *t, double time, const text_sink *sink) {
    uint8_t rest[4];
    int32_t n = t->n_partial;
    memcpy(rest, t->partial, (size_t)n);
    release(t, rest, n, true, time, sink);
    finish_word(t, sink);
}
