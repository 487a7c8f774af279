/*
 * The engine's side of a stream: a run of the model over its audio.
 *
 *   silence 32 frames | audio | silence (delay + 1 + 10 frames)      a frame: 80 ms
 *   prompt: BOS PAD*(32 + delay), then one token a frame, greedy
 *
 * A run ends at EOS, at the end of the audio, at the model's last position, or when
 * the watch says so; a restart begins a new run on the audio whose words have not
 * come out yet.
 */
#ifndef VOX_SESSION_H
#define VOX_SESSION_H

#include "decoder.h"
#include "draft.h"
#include "encoder.h"
#include "hotwords.h"
#include "text.h"
#include "watch.h"

#define SESSION_EMBEDS 128       /* audio embeddings waiting for the decoder, at most */
#define SESSION_ENCODE_FRAMES 64 /* positions of one stream in one encoder pass, at most */
#define SESSION_CLOCK 1024       /* positions whose audio time is remembered */

typedef struct session {
    bool ready;               /* buffers and device state exist */
    bool over;                /* nothing more will happen */
    mel *mel;
    float *frames;            /* [room][n_mels]: mel frames that await the encoder */
    int32_t n_frames;
    encoder_state encoder;
    kv_cache *kv;
    tensor embeds;            /* [SESSION_EMBEDS, dim]: of position p at p % SESSION_EMBEDS */

    int64_t heard;            /* samples of the caller's audio pushed to the mel */
    int64_t pushed;           /* samples of this run pushed to the mel, silence included */
    int64_t silence;          /* samples of silence to push before more audio */
    bool closing;             /* the silence at the end is in */
    int64_t flushed;          /* `heard` at the last flush; -1: none in this run */
    int64_t due;              /* positions to encode whatever the interval: those up to the silence at a flush or the end */
    int64_t clock[SESSION_CLOCK]; /* [p % SESSION_CLOCK] = audio samples heard by the end of position p */

    int64_t encoded;          /* positions of this run encoded */
    int64_t position;         /* next position to decode */
    int32_t token;            /* its input token (after the prompt) */
    draft_context context;    /* what the next tokens are guessed from */
    int32_t pads;             /* STREAMING_PAD in a row */
    text_assembler text;
    watch watch;
    hotword_state hotwords;
    int64_t changes;          /* the stream's `changes` when intake last looked */
    bool moved;               /* something was done for it in this round */
} session;

struct vox_stream;

/* What the engine needs to drive sessions. */
typedef struct session_host {
    const model *model;
    encoder *encoder;
    decoder *decoder;
    draft_table draft; /* what follows what */
    pass_cost cost;    /* of decoder passes */
    float *samples; /* scratch: SESSION_SCRATCH samples */
} session_host;
#define SESSION_SCRATCH 8192

/* Looks at the caller's side: takes new audio through the mel, ends cancelled
 * streams. Returns whether anything moved. */
bool session_intake(struct vox_stream *s, session_host *host);

/* Positions that should go through the encoder now; 0: none. Their mel frames
 * stand at session.frames. */
int32_t session_encode_due(struct vox_stream *s, const session_host *host);
/* Part of the step that encodes: keeps their audio embeddings [positions, dim]. */
void session_store(struct vox_stream *s, tensor embeds, const session_host *host);
/* After that step. */
void session_encoded(struct vox_stream *s, int32_t positions, const session_host *host);

/* Whether embeddings wait for the decoder. */
bool session_can_decode(const struct vox_stream *s);

/* Rows of the next decoder pass, at most `room`; 0: none. Rows of the prompt, or the
 * next position and, where embeddings wait, guesses of those after it; `others` is
 * the number of rows that the pass has already. */
int32_t session_decode_rows(struct vox_stream *s, decoder_row *rows, int32_t room, int32_t others, const session_host *host);
/* After the pass with these rows; `top` has the candidates of those that wanted
 * logits. Returns how many tokens came of it. */
int32_t session_decoded(struct vox_stream *s, const decoder_row *rows, int32_t n, top_tokens *top, session_host *host);

/* Ends the stream with an error. */
void session_fail(struct vox_stream *s, const vox_error *e, session_host *host);

/* The end of a round: when nothing is left to do for the stream, tells blocking
 * callers. */
void session_settle(struct vox_stream *s, const session_host *host);

/* Ends a stream that is still open, because the engine stops. */
void session_close(struct vox_stream *s, session_host *host);

/* Bytes of device and host memory that one session uses at most. */
int64_t session_bytes(const session_host *host);

#endif
