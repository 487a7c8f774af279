/* The watch over always-on streams, frame by frame. */
#include "test.h"

#include "watch.h"

#define FRAME 1280

/* One frame of noise of this rms (a square wave of random signs). */
static void hear(test_state *t, watch *w, float rms) {
    float samples[FRAME];
    for (int i = 0; i < FRAME; i++) samples[i] = test_random(t) & 1 ? rms : -rms;
    int32_t cut = test_range(t, 0, FRAME);
    watch_hear(w, samples, cut, FRAME);
    watch_hear(w, samples + cut, FRAME - cut, FRAME);
}

int main(void) {
    test_state t = { .random = 3 };
    watch w;

    watch_init(&w); /* silence: one verdict a minute */
    int64_t p = 0;
    watch_verdict verdict = WATCH_FINE;
    for (; verdict == WATCH_FINE && p < 2000; p++) {
        hear(&t, &w, 0.0003f);
        verdict = watch_report(&w, p, false);
        CHECK(&t, watch_carried(&w, p) == (p > 6 ? p - 6 : 0), "carried %lld at %lld", (long long)watch_carried(&w, p), (long long)p);
    }
    CHECK(&t, verdict == WATCH_SILENCE && p == 750, "verdict %d after %lld frames", verdict, (long long)p);

    watch_restart(&w); /* text keeps it quiet */
    for (p = 0; p < 3000; p++) {
        hear(&t, &w, p % 3 ? 0.1f : 0.0003f);
        CHECK(&t, watch_report(&w, p, p % 50 == 0) == WATCH_FINE, "at %lld", (long long)p);
    }

    watch_restart(&w); /* a loud noise, then calm: no rut, and nothing is carried from it */
    for (p = 0; p < 300; p++) {
        hear(&t, &w, p < 60 ? 0.2f : 0.0003f);
        CHECK(&t, watch_report(&w, p, false) == WATCH_FINE, "at %lld", (long long)p);
        if (p == 80) CHECK(&t, watch_carried(&w, p) == 0, "carried %lld", (long long)watch_carried(&w, p));
        if (p == 100) CHECK(&t, watch_carried(&w, p) == 94, "carried %lld", (long long)watch_carried(&w, p));
    }

    int64_t patience = 100; /* speech without text: a rut, each time with more patience */
    for (int round = 0; round < 5; round++, patience = patience * 2 < 800 ? patience * 2 : 800) {
        watch_restart(&w);
        int64_t loud = 0, carried = 0;
        for (p = 0, verdict = WATCH_FINE; verdict == WATCH_FINE && p < 3000; p++) {
            bool speech = p % 3 != 0;
            hear(&t, &w, speech ? 0.1f : 0.0003f);
            loud += speech;
            verdict = watch_report(&w, p, false);
            CHECK(&t, watch_carried(&w, p) >= carried && watch_carried(&w, p) <= p, "carried goes back");
            carried = watch_carried(&w, p);
        }
        CHECK(&t, verdict == WATCH_RUT && loud == patience, "verdict %d after %lld loud frames, not %lld", verdict, (long long)loud, (long long)patience);
        CHECK(&t, p - 1 - carried <= 130, "%lld frames are heard again", (long long)(p - 1 - carried));
    }
    watch_restart(&w); /* text restores the patience */
    hear(&t, &w, 0.1f);
    watch_report(&w, 0, true);
    for (p = 1, verdict = WATCH_FINE; verdict == WATCH_FINE && p < 3000; p++) {
        hear(&t, &w, p % 3 ? 0.1f : 0.0003f);
        verdict = watch_report(&w, p, false);
    }
    CHECK(&t, verdict == WATCH_RUT && p < 160, "after text: verdict %d at %lld", verdict, (long long)p);

    watch_init(&w); /* a loud but steady room is a room */
    for (p = 0; p < 700; p++) {
        hear(&t, &w, 0.05f);
        CHECK(&t, watch_report(&w, p, false) == WATCH_FINE, "steady noise at %lld", (long long)p);
    }
    return test_report(&t);
}
