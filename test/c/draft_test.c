/* Guesses: what is regular is guessed, as far as it pays, and no further. (That the
 * output does not depend on them is stream_test's.) */
#include "test.h"

#include "draft.h"
#include "tokenizer.h"

/* Tokens per pass, and the time of all passes, when the guesses are used on n tokens. */
static double decode(draft_table *d, const pass_cost *cost, const int32_t *tokens, int32_t n, double *seconds) {
    draft_context c = draft_begin();
    int32_t passes = 0, at = 0;
    *seconds = 0;
    while (at < n) {
        int32_t guesses[DRAFT_MOST], most = n - at - 1, k = draft_guess(d, c, cost, 1, most, guesses), right = 0;
        while (right < k && guesses[right] == tokens[at + right]) right++;
        for (int32_t i = 0; i <= right; i++) draft_learn(d, &c, tokens[at + i]);
        at += right + 1;
        passes++;
        *seconds += cost->seconds[1 + k];
    }
    return (double)n / passes;
}

int main(void) {
    test_state t = { .random = 9 };
    static draft_table d;
    static int32_t silence[4000], words[4000], noise[4000];
    pass_cost flat = { { 0 } }, steep = { { 0 } };
    for (int32_t r = 1; r <= COST_ROWS; r++) {
        pass_cost_measured(&flat, r, 0.1 * (1 + 0.03 * (r - 1)));
        pass_cost_measured(&steep, r, 0.1 * r);
    }
    for (int32_t i = 0; i < 4000; i++) { /* a word of two tokens, then three PAD */
        static const int32_t beat[] = { TOKEN_WORD, 0, 1500, TOKEN_PAD, TOKEN_PAD, TOKEN_PAD };
        silence[i] = TOKEN_PAD;
        words[i] = i % 6 == 1 ? test_range(&t, 2000, 4000) : beat[i % 6];
        noise[i] = test_range(&t, 1000, 4000);
    }
    double seconds, per_pass;
    draft_init(&d);
    per_pass = decode(&d, &flat, silence, 4000, &seconds);
    CHECK(&t, per_pass > 14, "silence: %.2f tokens a pass", per_pass);
    draft_init(&d);
    per_pass = decode(&d, &flat, words, 4000, &seconds);
    CHECK(&t, per_pass > 2.8, "a rhythm: %.2f tokens a pass", per_pass);
    draft_init(&d);
    per_pass = decode(&d, &flat, noise, 4000, &seconds);
    CHECK(&t, seconds < 4000 * 0.1 * 1.02, "noise: %.1f s, without guesses %.1f", seconds, 4000 * 0.1);
    draft_init(&d);
    decode(&d, &steep, words, 4000, &seconds);
    CHECK(&t, seconds < 4000 * 0.1 * 1.001, "rows that cost what passes cost: %.1f s, without guesses %.1f", seconds, 4000 * 0.1);

    int32_t guesses[DRAFT_MOST];
    draft_init(&d);
    decode(&d, &flat, silence, 100, &seconds);
    CHECK(&t, draft_guess(&d, draft_begin(), &flat, 1, 0, guesses) == 0, "no room, no guess");
    CHECK(&t, draft_guess(&d, draft_begin(), &flat, 1, 5, guesses) == 5, "no more than asked for");
    CHECK(&t, draft_guess(&d, draft_begin(), &flat, COST_ROWS, 5, guesses) == 0, "a full pass has no guesses");
    pass_cost unknown = { { 0 } };
    CHECK(&t, draft_guess(&d, draft_begin(), &unknown, 1, DRAFT_MOST, guesses) > 0, "what is not measured is tried");
    pass_cost_measured(&unknown, 0, 1);
    pass_cost_measured(&unknown, COST_ROWS + 1, 1);
    CHECK(&t, unknown.seconds[0] == 0, "out of range");
    return test_report(&t);
}
