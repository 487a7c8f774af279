/* Hotwords: which candidate is chosen, and how phrases are followed. */
#include "test.h"

#include "hotwords.h"

static tokenizer *words; /* token 1000 + i spells rank: bytes below 256, then decimal numbers */

static hotwords *make(test_state *t, const char *phrases, float bonus) {
    vox_error e = { 0 };
    hotwords *h;
    hotwords_new(phrases, bonus, &h, &e);
    CHECK(t, e.code == VOX_OK, "%s", e.text);
    return h;
}

static top_tokens between(char a, float p, char b, float q) {
    return (top_tokens){ .id = { 1000 + a, 1000 + b, -1, -1 }, .logprob = { p, q, 0, 0 } };
}

/* The character that is chosen between two. */
static char chosen(const hotwords *h, const hotword_state *s, char a, float p, char b, float q) {
    top_tokens top = between(a, p, b, q);
    hotwords_choose(h, s, words, &top);
    return (char)(top.id[0] - 1000);
}

int main(void) {
    test_state t = { .random = 1 };
    vox_error e = { 0 };
    tokenizer_synthesize(2000, &words, &e);
    hotwords *h = make(&t, "  Cat \n\n\tdog house\r\n", 8);
    hotword_state s = { 0 };

    CHECK(&t, chosen(h, &s, 'x', -0.5f, ' ', -2) == ' ', "a phrase that begins gains a quarter of the bonus");
    CHECK(&t, chosen(h, &s, 'x', -0.5f, ' ', -2.6f) == 'x', "but no more");
    CHECK(&t, chosen(h, &s, 'x', -0.5f, 'c', -1) == 'x', "phrases begin at words");
    hotwords_advance(h, &s, " ", 1);
    CHECK(&t, s.n == 2, "two phrases have begun, not %d", s.n);
    CHECK(&t, chosen(h, &s, 'x', -0.5f, 'C', -4) == 'C', "case does not count");
    hotwords_advance(h, &s, "c", 1);
    hotwords_advance(h, &s, "a", 1);
    CHECK(&t, s.n == 1, "one phrase goes on, not %d", s.n);
    CHECK(&t, chosen(h, &s, 'x', -0.1f, 't', -8) == 't', "the last byte gains it all");
    CHECK(&t, chosen(h, &s, 'x', -0.1f, 't', -8.2f) == 'x', "the bonus is bounded");
    hotwords_advance(h, &s, "r", 1);
    CHECK(&t, s.n == 0, "another word leaves the phrase");
    hotwords_advance(h, &s, " dog", 4);
    CHECK(&t, chosen(h, &s, 'x', -0.1f, ' ', -4) == ' ', "phrases go on over words");
    hotwords_advance(h, &s, " house.", 7);
    CHECK(&t, s.n == 0, "a phrase ends");
    hotwords_advance(h, &s, " cats", 5);
    CHECK(&t, s.n == 0, "a longer word is another word");

    top_tokens quiet = { .id = { TOKEN_PAD, 1000 + ' ', -1, -1 }, .logprob = { -0.5f, -0.6f, 0, 0 } };
    hotwords_choose(h, &s, words, &quiet);
    CHECK(&t, quiet.id[0] == TOKEN_PAD, "silence became a word");
    top_tokens word = { .id = { 1000 + 'x', TOKEN_PAD, 1000 + ' ', -1 }, .logprob = { -1, -1.1f, -1.2f, 0 } };
    hotwords_choose(h, &s, words, &word);
    CHECK(&t, word.id[0] == 1000 + ' ' && word.id[1] == 1000 + 'x' && word.id[2] == TOKEN_PAD && word.logprob[1] == -1, "the others keep their order");
    hotwords_free(h);

    h = make(&t, "", 6); /* no phrases: no change */
    CHECK(&t, chosen(h, &s, 'x', -0.5f, ' ', -0.6f) == 'x', "an empty list changes something");
    hotwords_free(h);

    char many[3 * 1002] = "", wide[256];
    for (int i = 0; i < 1001; i++) strcat(many + i * 2, "a\n");
    memset(wide, 'w', 201);
    wide[201] = 0;
    CHECK(&t, hotwords_new(many, 6, &h, &e) == VOX_E_ARGUMENT && strstr(e.text, "line 1001"), "%s", e.text);
    e = (vox_error){ 0 };
    CHECK(&t, hotwords_new(wide, 6, &h, &e) == VOX_E_ARGUMENT && strstr(e.text, "line 1"), "%s", e.text);
    e = (vox_error){ 0 };
    CHECK(&t, hotwords_new("a", NAN, &h, &e) == VOX_E_ARGUMENT && hotwords_new("a", 21, &h, NULL) == VOX_E_ARGUMENT, "%s", e.text);
    tokenizer_free(words);
    return test_report(&t);
}
