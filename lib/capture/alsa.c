/* ALSA: machines without a sound server, and devices named "alsa:...". */
#ifdef __linux__
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../os.h"
#include "capture.h"

/* ---- libasound.so.2, as far as it is used here -----------------------------------*/

enum { STREAM_CAPTURE = 1, NONBLOCK = 1, ACCESS_INTERLEAVED = 3 };
enum { FORMAT_S16_LE = 2, FORMAT_S32_LE = 10, FORMAT_FLOAT_LE = 14, FORMAT_S24_3LE = 32 };

typedef void error_fn(const char *file, int line, const char *function, int error, const char *format, ...);

typedef struct alsa_api {
    int (*lib_error_set_handler)(error_fn *fn);
    int (*device_name_hint)(int card, const char *interface, void ***hints);
    char *(*device_name_get_hint)(const void *hint, const char *key);
    int (*device_name_free_hint)(void **hints);
    int (*pcm_open)(void **pcm, const char *name, int stream, int mode);
    int (*pcm_close)(void *pcm);
    int (*pcm_hw_params_malloc)(void **params);
    void (*pcm_hw_params_free)(void *params);
    int (*pcm_hw_params_any)(void *pcm, void *params);
    int (*pcm_hw_params_set_access)(void *pcm, void *params, int access);
    int (*pcm_hw_params_set_format)(void *pcm, void *params, int format);
    int (*pcm_hw_params_set_rate_resample)(void *pcm, void *params, unsigned on);
    int (*pcm_hw_params_set_channels_near)(void *pcm, void *params, unsigned *channels);
    int (*pcm_hw_params_set_rate_near)(void *pcm, void *params, unsigned *rate, int *direction);
    int (*pcm_hw_params_set_buffer_time_near)(void *pcm, void *params, unsigned *us, int *direction);
    int (*pcm_hw_params_set_period_time_near)(void *pcm, void *params, unsigned *us, int *direction);
    int (*pcm_hw_params)(void *pcm, void *params);
    int (*pcm_start)(void *pcm);
    int (*pcm_wait)(void *pcm, int timeout_ms);
    long (*pcm_readi)(void *pcm, void *buffer, unsigned long frames);
    int (*pcm_recover)(void *pcm, int error, int silent);
    const char *(*strerror)(int error);
} alsa_api;

static void be_quiet(const char *file, int line, const char *function, int error, const char *format, ...) {
    (void)file, (void)line, (void)function, (void)error, (void)format; /* failures are reported by the calls */
}

static int32_t load(alsa_api *api, vox_error *e) {
#define SYMBOL(name) { "snd_" #name, &api->name }
    const capture_symbol symbols[] = {
        SYMBOL(lib_error_set_handler), SYMBOL(device_name_hint), SYMBOL(device_name_get_hint), SYMBOL(device_name_free_hint),
        SYMBOL(pcm_open), SYMBOL(pcm_close), SYMBOL(pcm_hw_params_malloc), SYMBOL(pcm_hw_params_free), SYMBOL(pcm_hw_params_any),
        SYMBOL(pcm_hw_params_set_access), SYMBOL(pcm_hw_params_set_format), SYMBOL(pcm_hw_params_set_rate_resample),
        SYMBOL(pcm_hw_params_set_channels_near), SYMBOL(pcm_hw_params_set_rate_near), SYMBOL(pcm_hw_params_set_buffer_time_near),
        SYMBOL(pcm_hw_params_set_period_time_near), SYMBOL(pcm_hw_params), SYMBOL(pcm_start), SYMBOL(pcm_wait), SYMBOL(pcm_readi),
        SYMBOL(pcm_recover), SYMBOL(strerror),
    };
#undef SYMBOL
    if (capture_load("libasound.so.2", symbols, sizeof symbols / sizeof *symbols, e)) return e->code;
    api->lib_error_set_handler(be_quiet);
    return VOX_OK;
}

/* ---- Devices -----------------------------------------------------------------------*/

/* A hint without a direction serves both. */
static bool records(const alsa_api *api, const void *hint) {
    char *direction = api->device_name_get_hint(hint, "IOID");
    bool yes = !direction || !strcmp(direction, "Input");
    free(direction);
    return yes;
}

/* What only converts another device's sound, or stands for a sound server that does not run, is none of its own. */
static bool is_plugin(const char *name) {
    static const char *const plugins[] = {
        "null", "a52", "dsnoop", "jack", "lavrate", "oss", "pipewire", "pulse", "samplerate", "samplerate_best", "samplerate_linear",
        "samplerate_medium", "samplerate_order", "speex", "speexrate", "speexrate_best", "speexrate_medium", "upmix", "usbstream", "vdownmix",
    };
    if (strchr(name, ':')) return strncmp(name, "hw:", 3) && strncmp(name, "sysdefault:", 11); /* one card, in many ways */
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++)
        if (!strcmp(name, plugins[i])) return true;
    return false;
}

static int32_t list(capture_list *out, vox_error *e) {
    alsa_api api;
    void **hints;
    if (load(&api, e)) return e->code;
    if (api.device_name_hint(-1, "pcm", &hints) < 0) return vox_fail(e, VOX_E_UNSUPPORTED, "ALSA lists no devices");
    int32_t status = VOX_OK;
    for (void **hint = hints; *hint && !status; hint++) {
        char *name = records(&api, *hint) ? api.device_name_get_hint(*hint, "NAME") : NULL;
        char *text = name ? api.device_name_get_hint(*hint, "DESC") : NULL;
        if (name && !is_plugin(name)) {
            capture_device d = { .default_input = !strcmp(name, "default") };
            snprintf(d.id, sizeof d.id, "%s", name);
            snprintf(d.name, sizeof d.name, "%s", text ? text : name);
            for (char *c = d.name; *c; c++)
                if (*c == '\n') *c = ' ';
            status = capture_list_add(out, &d, e);
        }
        free(name);
        free(text);
    }
    api.device_name_free_hint(hints);
    return status;
}

/* ---- Recording -----------------------------------------------------------------------*/

enum { BUFFER_US = 500000, PERIOD_US = 20000, WAIT_MS = 100, DEFAULT_RATE = 48000, AHEAD_S = 1 };

/* The device's own rate where it has one, one channel if it can, the first sample format that it knows. */
static int32_t configure(const alsa_api *api, void *pcm, pcm_format *format) {
    static const struct { int32_t alsa; sample_format ours; } formats[] = {
        { FORMAT_S16_LE, SAMPLE_S16 }, { FORMAT_S32_LE, SAMPLE_S32 }, { FORMAT_FLOAT_LE, SAMPLE_F32 }, { FORMAT_S24_3LE, SAMPLE_S24 },
    };
    void *params;
    unsigned rate = DEFAULT_RATE, channels = 1, buffer = BUFFER_US, period = PERIOD_US;
    int32_t status = api->pcm_hw_params_malloc(&params), known = -EINVAL;
    if (status < 0) return status;
    status = api->pcm_hw_params_any(pcm, params);
    if (status >= 0) status = api->pcm_hw_params_set_access(pcm, params, ACCESS_INTERLEAVED);
    for (size_t i = 0; status >= 0 && known < 0 && i < sizeof formats / sizeof *formats; i++) {
        known = api->pcm_hw_params_set_format(pcm, params, formats[i].alsa);
        format->sample = formats[i].ours;
    }
    if (status >= 0) status = known;
    if (status >= 0) status = api->pcm_hw_params_set_rate_resample(pcm, params, 0); /* our filter is better */
    if (status >= 0) status = api->pcm_hw_params_set_channels_near(pcm, params, &channels);
    if (status >= 0) status = api->pcm_hw_params_set_rate_near(pcm, params, &rate, NULL);
    if (status >= 0) status = api->pcm_hw_params_set_buffer_time_near(pcm, params, &buffer, NULL);
    if (status >= 0) status = api->pcm_hw_params_set_period_time_near(pcm, params, &period, NULL);
    if (status >= 0) status = api->pcm_hw_params(pcm, params);
    if (status >= 0) status = api->pcm_start(pcm);
    api->pcm_hw_params_free(params);
    format->rate = (int32_t)rate;
    format->channels = (int32_t)channels;
    return status;
}

static int32_t refuse(const alsa_api *api, const char *name, int32_t error, vox_error *e) {
    const char *advice = error == -EBUSY    ? "another program is using it: close that, or run a sound server"
                         : error == -EACCES || error == -EPERM ? "this user may not: join the group \"audio\""
                         : error == -ENOENT || error == -ENODEV || error == -ENXIO ? "it does not exist: \"arecord -L\" lists the names"
                         : "try another one (\"voxtral devices\" lists them)";
    return vox_fail(e, VOX_E_IO, "ALSA cannot record \"%s\" (%s): %s", name, api->strerror(error), advice);
}

static int32_t pump(const alsa_api *api, void *pcm, const pcm_format *format, const capture_device *device, vox_capture_t *c, vox_error *e) {
    int64_t frames = (int64_t)format->rate * PERIOD_US / 1000000;
    uint8_t *buffer = calloc((size_t)frames, (size_t)pcm_frame_bytes(format)); /* the null device fills in nothing */
    if (!buffer) return vox_fail(e, VOX_E_MEMORY, "out of memory for %lld frames", (long long)frames);
    double began = os_seconds(), heard = began, given = 0; /* s */
    int32_t status = VOX_OK;
    while (!status && !capture_stopped(c)) {
        if (given > heard - began + AHEAD_S) capture_wait(c, PERIOD_US / 1000); /* a file or null: a device without a clock */
        int64_t n = api->pcm_wait(pcm, WAIT_MS);
        if (n > 0) n = api->pcm_readi(pcm, buffer, (unsigned long)frames);
        if (n > 0) {
            capture_push(c, buffer, n);
            given += (double)n / format->rate;
            heard = os_seconds();
        } else if (n == -EPIPE || n == -ESTRPIPE) { /* overrun, or the machine slept */
            if (api->pcm_recover(pcm, (int)n, 1) >= 0 && api->pcm_start(pcm) >= 0) capture_lose(c, os_seconds() - heard);
            else n = -ENODEV;
            heard = os_seconds();
        }
        if (n < 0 && n != -EAGAIN && n != -EPIPE && n != -ESTRPIPE)
            status = vox_fail(e, VOX_E_IO, "\"%s\" has gone (%s): connect it again, or choose another device", device->name, api->strerror((int)n));
    }
    free(buffer);
    return status;
}

static int32_t record(vox_capture_t *c, const capture_device *device, capture_follow follow, vox_error *e) {
    (void)follow; /* ALSA's default never moves */
    alsa_api api;
    pcm_format format;
    void *pcm;
    if (load(&api, e)) return e->code;
    int32_t error = api.pcm_open(&pcm, device->id, STREAM_CAPTURE, NONBLOCK);
    if (error < 0) return refuse(&api, device->id, error, e);
    error = configure(&api, pcm, &format);
    int32_t status = error < 0 ? refuse(&api, device->id, error, e) : capture_begin(c, device, &format, e);
    if (!status) status = pump(&api, pcm, &format, device, c, e);
    api.pcm_close(pcm);
    return status;
}

const capture_system capture_alsa = {
    .name = "alsa", .opens_unlisted = true, .list = list, .record = record,
    .no_monitors = "ALSA cannot record what the computer plays: run PulseAudio or PipeWire, or load snd-aloop, play into it and name its capture side",
};
#endif
