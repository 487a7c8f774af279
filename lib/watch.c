#include "watch.h"

#include <math.h>

/* In frames of 80 ms. */
#define SILENCE_FRAMES 750   /* a minute without text: start afresh */
#define RUT_FRAMES 100       /* 8 s of speech without text ... */
#define RUT_MOST_FRAMES 800  /* ... twice as long after every restart that did not help */
#define CALM_FRAMES 25       /* 2 s of calm: what was loud before was no speech */
#define LEAD_FRAMES 6        /* heard again before the first loud frame */
#define CARRIED_FRAMES 125   /* heard again at most: 10 s */

#define LOUD_OVER_ROOM 4.0f  /* 12 dB */
#define LEAST_LOUD 0.002f    /* -54 dB of full scale */
#define ROOM_RISE 1.003f     /* a frame: the room's level doubles in 18 s */

void watch_init(watch *w) { *w = (watch){ .patience = RUT_FRAMES }; }

static void forget(watch *w) { w->silent = w->loud = w->calm = 0; }

void watch_restart(watch *w) {
    w->energy = 0;
    w->heard = 0;
    w->frames = 0;
    forget(w);
}

/* The room is the quietest of late: falls at once, rises slowly. Digital silence
 * (the schedule's own) says nothing about it. */
static void note_room(watch *w, float level) {
    if (level <= 0) return;
    w->floor = w->floor == 0 || level < w->floor ? level : w->floor * ROOM_RISE;
}

void watch_hear(watch *w, const float *samples, int32_t n, int32_t frame) {
    for (int32_t i = 0; i < n; i++) {
        w->energy += (double)samples[i] * samples[i];
        if (++w->heard < frame) continue;
        float level = (float)sqrt(w->energy / frame);
        w->level[w->frames++ % WATCH_FRAMES] = level;
        note_room(w, level);
        w->energy = 0;
        w->heard = 0;
    }
}

watch_verdict watch_report(watch *w, int64_t p, bool text) {
    if (text) {
        w->patience = RUT_FRAMES;
        forget(w);
        return WATCH_FINE;
    }
    float level = p >= 0 ? w->level[p % WATCH_FRAMES] : 0;
    w->silent++;
    if (level > LEAST_LOUD && level > LOUD_OVER_ROOM * w->floor) {
        if (!w->loud++) w->since = p;
        w->calm = 0;
    } else if (w->loud && ++w->calm >= CALM_FRAMES) w->loud = w->calm = 0;
    if (w->loud && p - w->since >= CARRIED_FRAMES) w->since = p - CARRIED_FRAMES + 1;
    if (w->loud >= w->patience) {
        w->patience = w->patience * 2 < RUT_MOST_FRAMES ? w->patience * 2 : RUT_MOST_FRAMES;
        return WATCH_RUT;
    }
    return w->silent >= SILENCE_FRAMES && !w->loud ? WATCH_SILENCE : WATCH_FINE;
}

int64_t watch_carried(const watch *w, int64_t p) {
    int64_t first = (w->loud ? w->since : p) - LEAD_FRAMES;
    return first > 0 ? first : 0;
}
