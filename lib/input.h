/* A stream's input stage: bytes of any accepted encoding become 16 kHz mono f32. */
#ifndef VOX_INPUT_H
#define VOX_INPUT_H

#include <stdint.h>

#include "error.h"

typedef struct input input;

/* encoding: vox_encoding; rate and channels as for vox_stream_set_input; to_rate: the model's. */
int32_t input_new(int32_t encoding, int32_t rate, int32_t channels, int32_t to_rate, input **out, vox_error *e);
void input_free(input *in);

/* Takes up to size bytes, producing at most `room` samples at `samples`.
 * *taken = bytes consumed: all, unless room ran out (0 is possible: the caller
 * tries again with more room; a room of >= 1024 always makes progress).
 * Returns samples written or a vox_status. Bytes behind a WAVE file's data chunk
 * are consumed and ignored. A frame split between calls is carried. With
 * VOX_ENCODING_AUTO the first 8 bytes decide; bytes that begin another kind of
 * audio file (Ogg, FLAC, MP3, MP4, WebM, AIFF) are VOX_E_FORMAT, never noise. */
int64_t input_push(input *in, const uint8_t *bytes, int64_t size, int64_t *taken,
                   float *samples, int64_t room, vox_error *e);

/* End of input: the rest, as far as room goes; call until it returns 0. A WAVE
 * stream that ended inside its header is VOX_E_FORMAT; an empty input is not an
 * error; a trailing partial frame is dropped. */
int64_t input_end(input *in, float *samples, int64_t room, vox_error *e);

/* A whole WAVE file as mono samples at to_rate; the caller frees *samples. Errors
 * name the file. */
int32_t wav_load(const char *path, int32_t to_rate, float **samples, int64_t *n, vox_error *e);

#endif
