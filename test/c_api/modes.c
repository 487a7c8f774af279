/* Transcribes one recording in every way that the blocking C API offers and prints
 * a line each: `mode: text`.
 *
 *     modes MODEL RECORDING.wav < RECORDING.wav
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "voxtral.h"

static void line(const char *mode, char *text) {
    if (!text) exit(1);
    printf("%s: %s\n", mode, text);
    free(text);
}

static char *append(char *text, const char *piece) {
    size_t old = text ? strlen(text) : 0, more = strlen(piece);
    text = realloc(text, old + more + 1);
    memcpy(text + old, piece, more + 1);
    return text;
}

/* Takes what is pending: only the best token of every position belongs to the text. */
static char *take(vox_stream_t *s, int32_t n_alt, char *text) {
    const char *tokens[8 * VOX_MAX_ALT];
    int32_t n;
    while ((n = n_alt > 1 ? vox_stream_get_alt(s, tokens, 8, n_alt) : vox_stream_get(s, tokens, 8)) > 0)
        for (int32_t i = 0; i < n; i++) text = append(text, tokens[i * n_alt]);
    return text;
}

static char *stream(vox_ctx_t *ctx, const float *samples, int32_t n, int32_t chunk, int32_t n_alt, int flush) {
    vox_stream_t *s = vox_stream_init(ctx);
    if (!s) return NULL;
    char *text = append(NULL, "");
    if (n_alt > 1) vox_stream_set_alt(s, n_alt, 1.0f);
    vox_set_processing_interval(s, 0.5f);
    for (int32_t at = 0; at < n; at += chunk) {
        int32_t status = vox_stream_feed(s, samples + at, n - at < chunk ? n - at : chunk);
        if (status < 0) fprintf(stderr, "feed: %s\n", vox_stream_error(s)), exit(1);
        text = take(s, n_alt, text);
    }
    if (flush && vox_stream_flush(s) < 0) exit(1);
    text = take(s, n_alt, text);
    if (vox_stream_finish(s) < 0) fprintf(stderr, "finish: %s\n", vox_stream_error(s)), exit(1);
    text = take(s, n_alt, text);
    vox_stream_free(s);
    return text;
}

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: modes MODEL RECORDING.wav\n"), 2;
    if (vox_abi_version() != VOX_ABI_VERSION) return 1;
    vox_ctx_t *ctx = vox_load(argv[1]);
    if (!ctx) return 1;
    int32_t n;
    float *samples = vox_load_wav(argv[2], &n);
    if (!samples) return 1;

    line("file", vox_transcribe(ctx, argv[2]));
    line("samples", vox_transcribe_audio(ctx, samples, n));
    line("stdin", vox_transcribe_stdin(ctx));
    line("stream", stream(ctx, samples, n, 4000, 1, 0));
    line("alternatives", stream(ctx, samples, n, 1237, 3, 0));
    line("whole", stream(ctx, samples, n, n, 1, 0));
    vox_set_delay(ctx, 960);
    line("delay 960", stream(ctx, samples, n, 16000, 1, 0));
    line("delay 960 file", vox_transcribe(ctx, argv[2]));

    free(samples);
    vox_free(ctx);
    return 0;
}
