/*
 * voxtral.h - streaming speech-to-text with Voxtral-Mini-4B-Realtime.
 *
 * The one public header of libvoxtral. Transcribe a file:
 *
 *     #include "voxtral.h"
 *
 *     vox_ctx_t *ctx = vox_load("voxtral-model");
 *     char *text = vox_transcribe(ctx, "audio.wav");
 *     puts(text);
 *     free(text);
 *     vox_free(ctx);
 *
 * Live audio, blocking (the calling thread waits while the model runs):
 *
 *     vox_stream_t *s = vox_stream_init(ctx);
 *     const char *pieces[16];
 *     int32_t n;
 *     while (more_audio()) {
 *         vox_stream_feed(s, samples, n_samples);
 *         while ((n = vox_stream_get(s, pieces, 16)) > 0)
 *             for (int32_t i = 0; i < n; i++) fputs(pieces[i], stdout);
 *     }
 *     vox_stream_finish(s);
 *     while ((n = vox_stream_get(s, pieces, 16)) > 0) ...
 *     vox_stream_free(s);
 *
 * Live audio, never blocking (event loops): vox_stream_write, vox_stream_end,
 * vox_stream_read and a vox_bell_t. A stream is used in one of the two ways;
 * the first blocking call (feed, finish, get) makes it a blocking stream.
 *
 * Conventions
 * - Handles are opaque. Functions may be called from any thread; one stream is
 *   used by one thread at a time. NULL handles are refused (VOX_E_ARGUMENT) or,
 *   in the free functions, ignored.
 * - Functions that return int32_t return >= 0 on success and a vox_status (< 0)
 *   on failure.
 * - Strings are UTF-8 and NUL-terminated. `error` buffers receive one sentence,
 *   cut to fit; they may be NULL with capacity 0.
 * - Audio samples are f32 in [-1, 1]. Times are seconds since the first sample
 *   that the caller gave.
 */
#ifndef VOXTRAL_H
#define VOXTRAL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32) && defined(VOX_BUILD)
#define VOX_API __declspec(dllexport)
#elif defined(__GNUC__)
#define VOX_API __attribute__((visibility("default")))
#else
#define VOX_API
#endif

/* Changes whenever a signature, a struct or a constant of this file does. */
#define VOX_ABI_VERSION 1

#define VOX_SAMPLE_RATE 16000
#define VOX_MAX_ALT 4           /* tokens per position, the best one included */
#define VOX_DEFAULT_DELAY_MS 480
#define VOX_DEFAULT_INTERVAL_S 2.0f
#define VOX_EVENT_MAX_BYTES 4096 /* no event record is larger */
#define VOX_RING_MIN_BYTES 32768
#define VOX_RING_MAX_BYTES 67108864
#define VOX_DEFAULT_RING_BYTES 65536
#define VOX_CAPTURE_RING_S 8    /* seconds of sound a capture holds for its reader */
#define VOX_MIN_INTERVAL_S 0.08f
#define VOX_MAX_INTERVAL_S 10.0f
#define VOX_DEFAULT_HOTWORD_BONUS 4.0f
#define VOX_MAX_HOTWORD_BONUS 20.0f

/* Results of failed calls. */
typedef enum vox_status {
    VOX_OK = 0,
    VOX_E_ARGUMENT = -1,    /* a parameter is out of range */
    VOX_E_MEMORY = -2,      /* allocation failed */
    VOX_E_IO = -3,          /* a file is missing or cannot be read */
    VOX_E_FORMAT = -4,      /* a file is not what it should be */
    VOX_E_UNSUPPORTED = -5, /* valid, but this build or machine cannot do it */
    VOX_E_STATE = -6,       /* not allowed now: ended, cancelled or closed */
    VOX_E_BACKEND = -7,     /* the device failed */
    VOX_E_CANCELLED = -8    /* stopped on request */
} vox_status;

typedef struct vox_ctx vox_ctx_t;       /* a loaded model and its engine thread */
typedef struct vox_stream vox_stream_t; /* one transcription on a model */
typedef struct vox_loader vox_loader_t; /* a model being loaded */
typedef struct vox_bell vox_bell_t;     /* wakes a consumer of events */
typedef struct vox_capture vox_capture_t; /* a sound device being recorded */

/* ---- Library -------------------------------------------------------------*/

/* VOX_ABI_VERSION of the library: compare before any other call. */
VOX_API int32_t vox_abi_version(void);

/* Version of the library, "MAJOR.MINOR.PATCH". Static. */
VOX_API const char *vox_version(void);

/* Writes a JSON object describing this machine: {"cpu": {"isa": best,
 * "available": [...], "cores": n}, "backends": [...]}. Returns the length
 * without NUL; nothing is written beyond capacity. */
VOX_API int32_t vox_system_info(char *json, int32_t capacity);

/* Writes a JSON object describing a weights file: {"file", "format", "bytes",
 * "tensors": [{"name", "dtype", "shape", "bytes"}]}. path is the file or its
 * folder. Returns the length without NUL (call again with a larger buffer if it
 * is >= capacity) or a vox_status. */
VOX_API int64_t vox_inspect(const char *path, char *json, int64_t capacity,
                            char *error, int32_t error_capacity);

/* ---- Models --------------------------------------------------------------*/

/* Loads a model and waits for it. model is a folder with params.json,
 * consolidated.safetensors (or model.safetensors of Hugging Face transformers) and
 * tekken.json; a .gguf file, or a folder with one; or "synthetic:4b" or
 * "synthetic:PATH.json" for random weights of those dimensions. Backend, ISA and
 * threads are chosen automatically. On failure prints one line to stderr and
 * returns NULL. The caller owns the result: vox_free. */
VOX_API vox_ctx_t *vox_load(const char *model);

/* Cancels the model's streams, stops its threads and releases it; waits for the
 * pass being computed. Streams stay valid for vox_stream_free. */
VOX_API void vox_free(vox_ctx_t *ctx);

/* Starts loading on a thread of its own.
 * backend: "auto", "cpu". isa: "auto", "scalar", "avx2", "avx512", "avx512bf16",
 * "neon"; one that the machine lacks is an error. threads: 0 = one per core.
 * bell (may be NULL) is rung when loading ends; it must outlive the loader. */
VOX_API int32_t vox_load_start(const char *model, const char *backend, const char *isa,
                               int32_t threads, vox_bell_t *bell, vox_loader_t **out);

/* Progress of a loader: *fraction in [0, 1] (may be NULL). Returns 1 when the
 * model is ready, 0 while loading, or the vox_status that ended it. */
VOX_API int32_t vox_load_poll(vox_loader_t *loader, double *fraction);

/* The loaded model, once: ownership passes to the caller. NULL if not ready. */
VOX_API vox_ctx_t *vox_load_take(vox_loader_t *loader);

/* Why loading failed; empty if it did not. Owned by the loader. */
VOX_API const char *vox_load_error(vox_loader_t *loader);

/* Stops loading if it still runs (waits at most for one tensor) and frees the
 * loader, with its model if nobody took it. */
VOX_API void vox_load_free(vox_loader_t *loader);

/* Asks the engine to stop, without waiting: streams end with VOX_DONE_CANCELLED.
 * After it, vox_free waits only for the pass being computed. */
VOX_API void vox_close(vox_ctx_t *ctx);

/* 1 when the engine thread has stopped and vox_free will not wait. */
VOX_API int32_t vox_is_closed(vox_ctx_t *ctx);

/* Writes a JSON object describing the model: {"model", "backend", "isa",
 * "threads", "parameters", "weight_bytes", "decoder_bytes", "encoder": {...},
 * "decoder": {...}, "vocab_size", "max_positions", "delays_ms": [...],
 * "streams": open ones, "stream_bytes": bytes a stream may use at most, "passes":
 * decoder passes so far, "tokens": tokens they gave}.
 * Returns the length without NUL. */
VOX_API int32_t vox_info(vox_ctx_t *ctx, char *json, int32_t capacity);

/* Transcription delay of streams made from now on, in ms: a multiple of 80 from
 * 80 to 1200, or 2400 (the default is VOX_DEFAULT_DELAY_MS). Another value
 * prints one line to stderr and changes nothing. */
VOX_API void vox_set_delay(vox_ctx_t *ctx, int32_t delay_ms);

/* The token's bytes (not NUL-terminated, not necessarily valid UTF-8) and their
 * count; NULL and 0 for control tokens. Owned by ctx. */
VOX_API const char *vox_token_bytes(vox_ctx_t *ctx, int32_t id, int32_t *size);

/* ---- Streams -------------------------------------------------------------*/

/* A new stream, or NULL when memory is short or the model is closed. */
VOX_API vox_stream_t *vox_stream_init(vox_ctx_t *ctx);

/* Ends the stream's work and releases it. Does not wait. */
VOX_API void vox_stream_free(vox_stream_t *s);

/* Settings: before the first audio, else VOX_E_STATE. */
VOX_API int32_t vox_stream_set_delay(vox_stream_t *s, int32_t delay_ms);

/* Format of the bytes that vox_stream_write takes. encoding: a vox_encoding;
 * rate in Hz 1000..768000; channels 1..64 (averaged to mono). rate and channels
 * are ignored for VOX_ENCODING_AUTO. Default: AUTO. */
VOX_API int32_t vox_stream_set_input(vox_stream_t *s, int32_t encoding, int32_t rate, int32_t channels);

typedef enum vox_encoding {
    VOX_ENCODING_AUTO = 0, /* RIFF/WAVE by its header, else raw s16le 16 kHz mono */
    VOX_ENCODING_F32 = 1,  /* little-endian, interleaved */
    VOX_ENCODING_S16 = 2   /* little-endian, interleaved */
} vox_encoding;

/* Capacity of the event ring in bytes, VOX_RING_MIN_BYTES .. VOX_RING_MAX_BYTES
 * (default VOX_DEFAULT_RING_BYTES, about 40 s of events). When it is full the
 * stream waits; others go on. */
VOX_API int32_t vox_stream_set_ring(vox_stream_t *s, int32_t bytes);

/* The bell to ring when this stream has news; it must outlive the stream. */
VOX_API int32_t vox_stream_set_bell(vox_stream_t *s, vox_bell_t *bell);

/* Phrases to prefer where the model hesitates between words: UTF-8, one a line, at
 * most 1000 of at most 200 bytes; ASCII case is ignored. bonus, in nats, 0 ..
 * VOX_MAX_HOTWORD_BONUS, is what a token that completes a phrase gains over the
 * others (one that begins it gains in proportion); it chooses among the
 * VOX_MAX_ALT best tokens only. On failure vox_stream_error says why. */
VOX_API int32_t vox_stream_set_hotwords(vox_stream_t *s, const char *phrases, float bonus);

/* Settings at any time. */

/* Up to n_alt tokens a position (1..VOX_MAX_ALT; 1 = the best only). Token i
 * qualifies if 1 - p_i / p_0 <= cutoff, cutoff in [0, 1]. */
VOX_API void vox_stream_set_alt(vox_stream_t *s, int32_t n_alt, float cutoff);

/* enable != 0, for always-on audio: the model starts afresh, with a
 * VOX_EVENT_RESTART, after EOS (instead of ending), after a minute without text, and
 * when it gives no text over seconds of what sounds like speech, which it then hears
 * again. (At the model's last position every stream does so: docs/MODEL.md.) */
VOX_API void vox_stream_set_continuous(vox_stream_t *s, int32_t enable);

/* Least new audio, in seconds, between two runs of the encoder: small = text
 * soon, large = fewer, cheaper runs. VOX_MIN_INTERVAL_S ..
 * VOX_MAX_INTERVAL_S (others are clamped), default VOX_DEFAULT_INTERVAL_S. */
VOX_API void vox_set_processing_interval(vox_stream_t *s, float seconds);

/* Never blocking: takes up to `size` bytes in the stream's input format and
 * returns how many it took (0: full, try again after the bell), or a vox_status.
 * Bytes not taken stay the caller's. */
VOX_API int64_t vox_stream_write(vox_stream_t *s, const void *bytes, int64_t size);

/* No more audio: what is buffered is processed, then VOX_EVENT_DONE comes.
 * Returns 1 when the resampler's last samples do not fit yet: call again after
 * the bell. */
VOX_API int32_t vox_stream_end(vox_stream_t *s);

/* Drops buffered audio and events; VOX_EVENT_DONE with VOX_DONE_CANCELLED comes
 * as soon as the pass being computed is over. */
VOX_API int32_t vox_stream_cancel(vox_stream_t *s);

/* Processes what is buffered now, whatever the interval, padding with silence so
 * that delayed tokens come out. The stream stays open, times are not shifted.
 * Blocking streams wait for it. */
VOX_API int32_t vox_stream_flush(vox_stream_t *s);

/* Moves whole event records into buffer (8-byte aligned, capacity >=
 * VOX_EVENT_MAX_BYTES) and returns the bytes written; 0 = none pending. */
VOX_API int32_t vox_stream_read(vox_stream_t *s, void *buffer, int32_t capacity);

/* Seconds of audio: taken from the caller; encoded; and decoded to tokens so
 * far. Pointers may be NULL. */
VOX_API int32_t vox_stream_progress(vox_stream_t *s, double *written, double *encoded, double *decoded);

/* Blocking: runs the model on 16 kHz mono samples; returns when all that is due
 * by the interval has been computed. 0 or a vox_status. Text waits for
 * vox_stream_get and so grows by about 20 bytes per second of audio until read. */
VOX_API int32_t vox_stream_feed(vox_stream_t *s, const float *samples, int32_t n_samples);

/* Blocking: ends the audio and computes the rest. 0 or a vox_status. */
VOX_API int32_t vox_stream_finish(vox_stream_t *s);

/* Token strings of a blocking stream, in order, at most max; returns how many
 * (0 = none pending). Concatenated they are the text; one alone may end within a
 * code point. Pointers are valid until vox_stream_free. */
VOX_API int32_t vox_stream_get(vox_stream_t *s, const char **out_tokens, int32_t max);

/* The same with alternatives: n_alt entries a position, [0] the best, then those
 * that qualify, then NULL. Returns positions. */
VOX_API int32_t vox_stream_get_alt(vox_stream_t *s, const char **out_tokens, int32_t max_tokens, int32_t n_alt);

/* Why the stream failed; empty if it did not. Owned by the stream. */
VOX_API const char *vox_stream_error(vox_stream_t *s);

/* ---- Events --------------------------------------------------------------*/

typedef enum vox_event_type {
    VOX_EVENT_TOKEN = 1,   /* every generated id, control ids too; text = its bytes */
    VOX_EVENT_TEXT = 2,    /* text that became certain; whole code points */
    VOX_EVENT_WORD = 3,    /* a finished word with start and end */
    VOX_EVENT_RESTART = 4, /* the model starts afresh; id = vox_restart */
    VOX_EVENT_DONE = 5,    /* last event; id = vox_done */
    VOX_EVENT_ERROR = 6    /* text says why, id = vox_status; then DONE */
} vox_event_type;

typedef enum vox_restart {
    VOX_RESTART_EOS = 1,      /* end-of-sequence token, continuous mode */
    VOX_RESTART_POSITIONS = 2, /* the model's last position was reached */
    VOX_RESTART_SILENCE = 3, /* a minute without text, continuous mode */
    VOX_RESTART_RUT = 4 /* no text over what sounds like speech, continuous mode */
} vox_restart;

typedef enum vox_done {
    VOX_DONE_END = 0,      /* all audio was transcribed */
    VOX_DONE_EOS = 1,      /* the model ended the text */
    VOX_DONE_CANCELLED = 2,
    VOX_DONE_ERROR = 3
} vox_done;

/* An event record: this header, text_size bytes of text, padding to 8, then
 * `alternatives` records of vox_alternative_t, each with its text, padded to 8. */
typedef struct vox_event {
    uint32_t size;      /* bytes of the whole record, a multiple of 8 */
    uint32_t type;      /* vox_event_type */
    double start;       /* s: TOKEN and WORD, where the sound begins (TOKEN: the frame) */
    double end;         /* s: where it ends; RESTART and DONE: audio time reached */
    int32_t id;         /* TOKEN: token id; else as above */
    float logprob;      /* natural log: TOKEN, of the id; WORD, mean of its tokens */
    uint32_t text_size; /* bytes */
    uint32_t alternatives;
} vox_event_t;

typedef struct vox_alternative {
    int32_t id;
    float logprob;
    uint32_t text_size;
    uint32_t reserved;
} vox_alternative_t;

/* A bell tells an event loop that there is something to read: any number of
 * streams and loaders ring it, and a flood of events rings it once. ring is
 * called from the library's threads, holding no lock, and must only wake the
 * consumer. Protocol: read everything; vox_bell_arm; if it returns 1 news came
 * meanwhile: read again. Otherwise the next news rings once. */
VOX_API vox_bell_t *vox_bell_init(void (*ring)(void));
VOX_API int32_t vox_bell_arm(vox_bell_t *bell);
/* After it returns, ring is not called again. Attached streams stay silent. */
VOX_API void vox_bell_free(vox_bell_t *bell);

/* ---- Live capture ---------------------------------------------------------
 *
 * Microphones, and what the computer plays ("monitors"), through the system's own
 * libraries, opened at run time: PulseAudio (PipeWire speaks it too) or else ALSA
 * on Linux, CoreAudio on macOS, WASAPI on Windows. Any rate and channels become
 * 16 kHz mono.
 *
 *     vox_capture_t *c;
 *     vox_capture_open("", 0, bell, &c);
 *     while ((n = vox_capture_read(c, samples, 1600)) >= 0)
 *         n ? vox_stream_write(s, samples, n * 4) : wait_for_the_bell();
 *     fprintf(stderr, "%s\n", vox_capture_error(c));
 *     vox_capture_close(c);
 */

/* Writes {"system": "pulse" | "alsa" | "coreaudio" | "wasapi", "devices": [{"id",
 * "name", "kind": "input" | "monitor", "default": true | false, "rate",
 * "channels"}]}; rate and channels are 0 where only opening would tell. Waits for
 * the sound server, at most 3 s. Returns the length without NUL (call again with a
 * larger buffer if it is >= capacity) or a vox_status. */
VOX_API int64_t vox_capture_devices(char *json, int64_t capacity, char *error, int32_t error_capacity);

/* Starts recording on a thread of its own and returns at once; a device that
 * cannot be opened shows in vox_capture_read. device: an id, a name or a part of
 * one; "pulse:" or "alsa:" in front chooses the sound system; NULL or empty: the
 * system's default, followed when it moves and awaited for 5 s when it vanishes.
 * system != 0: what the computer plays through that output. bell (may be NULL) is
 * rung when there is something to read. */
VOX_API int32_t vox_capture_open(const char *device, int32_t system, vox_bell_t *bell, vox_capture_t **out);

/* Moves up to max samples, 16 kHz mono, and returns how many (0: none yet); when
 * all are read and the device failed or is gone, a vox_status. Never waits. One
 * thread at a time. */
VOX_API int32_t vox_capture_read(vox_capture_t *c, float *samples, int32_t max);

/* Samples lost so far: nobody read for VOX_CAPTURE_RING_S, or the device lost them. */
VOX_API int64_t vox_capture_lost(vox_capture_t *c);

/* Writes {"system", "device": {as in vox_capture_devices}}, or {} until the device
 * is open. Returns the length without NUL. */
VOX_API int32_t vox_capture_info(vox_capture_t *c, char *json, int32_t capacity);

/* Why reading failed; empty if it did not. Owned by the capture. */
VOX_API const char *vox_capture_error(vox_capture_t *c);

/* Stops and releases. Does not wait: the device is free about 0.1 s later. */
VOX_API void vox_capture_close(vox_capture_t *c);

/* ---- Whole recordings (blocking) -----------------------------------------*/

/* The transcript of a WAV file; of 16 kHz mono samples; of stdin (WAV or raw
 * s16le 16 kHz mono). The caller frees the result with free(). NULL on failure,
 * with one line on stderr. */
VOX_API char *vox_transcribe(vox_ctx_t *ctx, const char *wav_path);
VOX_API char *vox_transcribe_audio(vox_ctx_t *ctx, const float *samples, int32_t n_samples);
VOX_API char *vox_transcribe_stdin(vox_ctx_t *ctx);

/* Reads a WAV file (PCM 8/16/24/32 bit or float, any rate and channel count) as
 * 16 kHz mono. The caller frees the result with free(). NULL on failure, with
 * one line on stderr. */
VOX_API float *vox_load_wav(const char *path, int32_t *n_samples);

/* ---- Measuring (blocking; nothing else may run on ctx) ----------------------*/

/* Read bandwidth of memory with `threads` threads (0 = one per core), GB/s (1e9). */
VOX_API int32_t vox_bench_bandwidth(int32_t threads, double *gb_per_s);

/* f32 multiply-add peak of the ISA with `threads` threads, GFLOP/s. */
VOX_API int32_t vox_bench_flops(const char *isa, int32_t threads, double *gflop_per_s);

/* Median time of one decoder pass of `rows` streams, each at position `context`. */
VOX_API int32_t vox_bench_decode(vox_ctx_t *ctx, int32_t rows, int32_t context, int32_t repeats, double *ms);

/* Median time of the prompt's pass (BOS + PAD * (32 + delay)). */
VOX_API int32_t vox_bench_prefill(vox_ctx_t *ctx, int32_t repeats, double *ms);

/* Median time of the encoder and adapter for `seconds` of audio in one block. */
VOX_API int32_t vox_bench_encode(vox_ctx_t *ctx, double seconds, int32_t repeats, double *ms);

#ifdef __cplusplus
}
#endif
#endif
