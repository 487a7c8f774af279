/* Incremental log-mel spectrogram (docs/MODEL.md): periodic Hann window, centred
 * frames, power, Slaney mel filters, log10, floor at log_mel_max - 8, (x + 4) / 4.
 * All constants from vox_config. */
#ifndef VOX_MEL_H
#define VOX_MEL_H

#include <stdint.h>

#include "config.h"

typedef struct mel_filterbank mel_filterbank; /* constant tables: window, FFT twiddles, filters; shared by streams */
typedef struct mel mel;                       /* one stream's carried samples */

int32_t mel_filterbank_new(const vox_config *c, mel_filterbank **out, vox_error *e);
void mel_filterbank_free(mel_filterbank *f);

int32_t mel_new(const mel_filterbank *f, mel **out, vox_error *e);
void mel_free(mel *m);

/* Back to before the first sample. */
void mel_reset(mel *m);

/* Pushes n samples and writes the frames that became complete: frame t needs
 * samples up to t * hop + window / 2 (exclusive); samples before the first are the
 * reflection of those after it. Writes [frames][n_mels] to out, which has room for
 * `room` frames; returns frames written. *taken (<= n) says how many samples were
 * consumed: less than n only when room ran out. A frame's values do not depend on
 * how the input was cut. */
int32_t mel_push(mel *m, const float *samples, int32_t n, int32_t *taken, float *out, int32_t room);

#endif
