/* WAVE headers, read byte by byte, and the samples of any PCM format as mono f32
 * (headerless PCM too, so that every byte source goes through one parser). */
#ifndef VOX_WAV_H
#define VOX_WAV_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

typedef enum sample_format { SAMPLE_U8, SAMPLE_S16, SAMPLE_S24, SAMPLE_S32, SAMPLE_F32, SAMPLE_F64 } sample_format;

typedef struct pcm_format {
    sample_format sample;
    int32_t rate;     /* Hz, 1000..768000 */
    int32_t channels; /* 1..64 */
} pcm_format;

enum { PCM_MIN_RATE = 1000, PCM_MAX_RATE = 768000, PCM_MAX_CHANNELS = 64, PCM_MAX_FRAME_BYTES = 64 * 8 };

/* Bytes of one frame (one sample of every channel). */
int32_t pcm_frame_bytes(const pcm_format *f);

/* n frames at `bytes` averaged to mono f32 in [-1, 1] (non-finite floats become 0,
 * louder ones are clipped). */
void pcm_to_mono(const pcm_format *f, const uint8_t *bytes, int64_t n, float *mono);

/* Header state of a WAVE stream. Accepts RIFF and RF64/WAVE with PCM 8/16/24/32,
 * float 32/64 and WAVE_FORMAT_EXTENSIBLE of those; unknown chunks of any (odd)
 * size before data; a data size of 0 or 0xFFFFFFFF (streaming writers: until the
 * end of the input). */
typedef struct wav_header {
    uint8_t pending[40]; /* the RIFF header, a chunk header or the start of fmt or ds64, not yet complete */
    int32_t n_pending;
    int32_t stage;       /* what `pending` is becoming */
    int32_t chunk_bytes; /* how much of the fmt or ds64 chunk `pending` is to hold */
    int64_t skip;        /* bytes to pass over after it */
    int64_t long_bytes;  /* RF64: size of the data chunk from ds64, else 0 */
    pcm_format format;   /* rate 0 until fmt was read; valid once wav_header_push returned 1 */
    int64_t data_bytes;  /* bytes of the data chunk; INT64_MAX: until the end */
} wav_header;

void wav_header_init(wav_header *h);

/* Takes bytes of the header. *taken = bytes consumed (may be < n only when 1 is
 * returned, or on failure). Returns 1 when the data chunk begins at bytes[*taken],
 * 0 when more bytes are needed, or a vox_status, which later calls repeat. */
int32_t wav_header_push(wav_header *h, const uint8_t *bytes, size_t n, size_t *taken, vox_error *e);

#endif
