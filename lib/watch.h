/* Notices when an always-on stream should start afresh: the model has said nothing
 * for long, or stays in a rut of STREAMING_PAD over what sounds like speech. */
#ifndef VOX_WATCH_H
#define VOX_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#define WATCH_FRAMES 1024 /* positions whose level is remembered */

typedef enum watch_verdict { WATCH_FINE, WATCH_SILENCE, WATCH_RUT } watch_verdict;

typedef struct watch {
    double energy; /* sum of squares of the frame being heard ... */
    int32_t heard; /* ... over so many samples */
    int64_t frames; /* whole frames of this run */
    float level[WATCH_FRAMES]; /* rms of frame p at p % WATCH_FRAMES */
    float floor;    /* rms of the room; 0: not known */
    int32_t silent; /* frames since the last text */
    int32_t loud;   /* of them, those that sound like speech */
    int32_t calm;   /* frames since the last loud one */
    int64_t since;  /* frame at which the loud ones began */
    int32_t patience; /* loud frames without text that make a rut */
} watch;

void watch_init(watch *w);

/* A new run: frames count from 0; what is known of the room stays. */
void watch_restart(watch *w);

/* n samples of the run, silence around the audio included; a frame is `frame`
 * samples. */
void watch_hear(watch *w, const float *samples, int32_t n, int32_t frame);

/* The model has reported on frame p: text, or nothing new. */
watch_verdict watch_report(watch *w, int64_t p, bool text);

/* First frame that a restart in a rut would hear again, after the report on p;
 * never falls within a run. */
int64_t watch_carried(const watch *w, int64_t p);

#endif
