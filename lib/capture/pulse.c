/* PulseAudio, and PipeWire through its PulseAudio server. The calling thread turns
 * the library's main loop itself: no second thread, no locks. */
#ifdef __linux__
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../os.h"
#include "capture.h"

/* ---- libpulse.so.0, as far as it is used here ------------------------------------*/

enum { CONTEXT_READY = 4, CONTEXT_FAILED = 5, STREAM_READY = 2, STREAM_FAILED = 3, OPERATION_RUNNING = 0 };
enum { NO_AUTOSPAWN = 1, DONT_MOVE = 0x200, ADJUST_LATENCY = 0x2000, FLOAT32LE = 5, SUBSCRIBE_SERVER = 0x80 };
enum { ERROR_ACCESS = 1, ERROR_AUTHKEY = 9, CHANNELS_MAX = 32 };
#define INVALID_INDEX UINT32_MAX

typedef struct sample_spec { int32_t format; uint32_t rate; uint8_t channels; } sample_spec;
typedef struct buffer_attr { uint32_t maxlength, tlength, prebuf, minreq, fragsize; } buffer_attr;
typedef struct channel_map { uint8_t channels; int32_t map[CHANNELS_MAX]; } channel_map;
typedef struct volumes { uint8_t channels; uint32_t values[CHANNELS_MAX]; } volumes;
typedef struct source_info { /* its first members; the rest is not read */
    const char *name;
    uint32_t index;
    const char *description;
    sample_spec spec;
    channel_map map;
    uint32_t owner_module;
    volumes volume;
    int32_t mute;
    uint32_t monitor_of_sink;
    const char *monitor_of_sink_name;
} source_info;
typedef struct server_info {
    const char *user_name, *host_name, *server_version, *server_name;
    sample_spec spec;
    const char *default_sink, *default_source;
} server_info;

typedef void source_fn(void *context, const source_info *info, int32_t end, void *user);
typedef void server_fn(void *context, const server_info *info, void *user);
typedef void event_fn(void *context, int32_t event, uint32_t index, void *user);

typedef struct pulse_api {
    void *(*mainloop_new)(void);
    void (*mainloop_free)(void *loop);
    void *(*mainloop_get_api)(void *loop);
    int (*mainloop_prepare)(void *loop, int timeout_us);
    int (*mainloop_poll)(void *loop);
    int (*mainloop_dispatch)(void *loop);
    void *(*context_new)(void *api, const char *name);
    int (*context_connect)(void *context, const char *server, int flags, const void *spawn);
    int (*context_get_state)(void *context);
    int (*context_errno)(void *context);
    void (*context_disconnect)(void *context);
    void (*context_unref)(void *context);
    void *(*context_get_server_info)(void *context, server_fn *fn, void *user);
    void *(*context_get_source_info_list)(void *context, source_fn *fn, void *user);
    void (*context_set_subscribe_callback)(void *context, event_fn *fn, void *user);
    void *(*context_subscribe)(void *context, int mask, void *fn, void *user);
    void *(*context_move_source_output_by_name)(void *context, uint32_t index, const char *source, void *fn, void *user);
    int (*operation_get_state)(void *operation);
    void (*operation_unref)(void *operation);
    const char *(*strerror)(int error);
    void *(*stream_new)(void *context, const char *name, const sample_spec *spec, const channel_map *map);
    int (*stream_connect_record)(void *stream, const char *source, const buffer_attr *attr, int flags);
    int (*stream_get_state)(void *stream);
    uint32_t (*stream_get_index)(void *stream);
    size_t (*stream_readable_size)(void *stream);
    int (*stream_peek)(void *stream, const void **data, size_t *bytes);
    int (*stream_drop)(void *stream);
    int (*stream_disconnect)(void *stream);
    void (*stream_unref)(void *stream);
} pulse_api;

typedef struct pulse {
    pulse_api api;
    void *loop, *context;
    bool server_changed;
} pulse;

static int32_t load(pulse_api *api, vox_error *e) {
#define SYMBOL(name) { "pa_" #name, &api->name }
    const capture_symbol symbols[] = {
        SYMBOL(mainloop_new), SYMBOL(mainloop_free), SYMBOL(mainloop_get_api), SYMBOL(mainloop_prepare), SYMBOL(mainloop_poll),
        SYMBOL(mainloop_dispatch), SYMBOL(context_new), SYMBOL(context_connect), SYMBOL(context_get_state), SYMBOL(context_errno),
        SYMBOL(context_disconnect), SYMBOL(context_unref), SYMBOL(context_get_server_info), SYMBOL(context_get_source_info_list),
        SYMBOL(context_set_subscribe_callback), SYMBOL(context_subscribe), SYMBOL(context_move_source_output_by_name),
        SYMBOL(operation_get_state), SYMBOL(operation_unref), SYMBOL(strerror), SYMBOL(stream_new), SYMBOL(stream_connect_record),
        SYMBOL(stream_get_state), SYMBOL(stream_get_index), SYMBOL(stream_readable_size), SYMBOL(stream_peek), SYMBOL(stream_drop),
        SYMBOL(stream_disconnect), SYMBOL(stream_unref),
    };
#undef SYMBOL
    return capture_load("libpulse.so.0", symbols, sizeof symbols / sizeof *symbols, e);
}

/* ---- The connection ----------------------------------------------------------------*/

enum { ANSWER_S = 3, TURN_MS = 50, FRAGMENT_MS = 20 };

static bool alive(pulse *p) { return p->api.context_get_state(p->context) < CONTEXT_FAILED; }

/* Waits up to `ms` for something to happen and lets it happen. */
static bool turn(pulse *p, int32_t ms) {
    return p->api.mainloop_prepare(p->loop, ms * 1000) >= 0 && p->api.mainloop_poll(p->loop) >= 0 &&
           p->api.mainloop_dispatch(p->loop) >= 0 && alive(p);
}

static const char *reason(pulse *p) { return p->api.strerror(p->api.context_errno(p->context)); }

static void disconnect(pulse *p) {
    if (p->context) {
        p->api.context_disconnect(p->context);
        p->api.context_unref(p->context);
    }
    if (p->loop) p->api.mainloop_free(p->loop);
    p->context = p->loop = NULL;
}

static int32_t connect(pulse *p, vox_error *e) {
    *p = (pulse){ 0 };
    if (load(&p->api, e)) return e->code;
    p->loop = p->api.mainloop_new();
    p->context = p->loop ? p->api.context_new(p->api.mainloop_get_api(p->loop), "voxtral") : NULL;
    if (!p->context) {
        disconnect(p);
        return vox_fail(e, VOX_E_MEMORY, "out of memory for PulseAudio");
    }
    double deadline = os_seconds() + ANSWER_S;
    bool open = p->api.context_connect(p->context, NULL, NO_AUTOSPAWN, NULL) >= 0;
    while (open && p->api.context_get_state(p->context) != CONTEXT_READY) open = os_seconds() < deadline && turn(p, TURN_MS);
    if (open) return VOX_OK;
    int32_t error = p->api.context_errno(p->context);
    if (alive(p)) vox_fail(e, VOX_E_IO, "the PulseAudio server does not answer within %d s: restart it", ANSWER_S);
    else if (error == ERROR_ACCESS || error == ERROR_AUTHKEY)
        vox_fail(e, VOX_E_IO, "the PulseAudio server refuses this user (%s): run as the user of the desktop session, or allow it there", reason(p));
    else vox_fail(e, VOX_E_UNSUPPORTED, "no PulseAudio or PipeWire server runs (%s)", reason(p));
    disconnect(p);
    return e->code;
}

/* Waits for the answer to a request. */
static int32_t finish(pulse *p, void *operation, vox_error *e) {
    double deadline = os_seconds() + ANSWER_S;
    bool open = operation != NULL;
    while (open && p->api.operation_get_state(operation) == OPERATION_RUNNING) open = os_seconds() < deadline && turn(p, TURN_MS);
    if (operation) p->api.operation_unref(operation);
    return open ? VOX_OK : vox_fail(e, VOX_E_IO, "the PulseAudio server does not answer (%s)", reason(p));
}

/* ---- Devices -----------------------------------------------------------------------*/

typedef struct query {
    capture_list *list;
    char default_sink[256], default_source[256];
    vox_error *error;
} query;

static void on_server(void *context, const server_info *info, void *user) {
    (void)context;
    query *q = user;
    if (!info) return;
    snprintf(q->default_sink, sizeof q->default_sink, "%s", info->default_sink ? info->default_sink : "");
    snprintf(q->default_source, sizeof q->default_source, "%s", info->default_source ? info->default_source : "");
}

static void on_source(void *context, const source_info *info, int32_t end, void *user) {
    (void)context;
    query *q = user;
    if (end || !info) return;
    capture_device d = { .monitor = info->monitor_of_sink != INVALID_INDEX, .rate = (int32_t)info->spec.rate, .channels = info->spec.channels };
    snprintf(d.id, sizeof d.id, "%s", info->name);
    snprintf(d.name, sizeof d.name, "%s", info->description ? info->description : info->name);
    d.default_input = !strcmp(info->name, q->default_source);
    d.default_monitor = d.monitor && info->monitor_of_sink_name && !strcmp(info->monitor_of_sink_name, q->default_sink);
    capture_list_add(q->list, &d, q->error);
}

static int32_t query_devices(pulse *p, capture_list *list, vox_error *e) {
    query q = { .list = list, .error = e };
    int32_t status = finish(p, p->api.context_get_server_info(p->context, on_server, &q), e);
    if (!status) status = finish(p, p->api.context_get_source_info_list(p->context, on_source, &q), e);
    return status ? status : e->code;
}

static int32_t list(capture_list *out, vox_error *e) {
    pulse p;
    int32_t status = connect(&p, e);
    if (status) return status;
    status = query_devices(&p, out, e);
    disconnect(&p);
    return status;
}

/* ---- Recording -----------------------------------------------------------------------*/

static void on_event(void *context, int32_t event, uint32_t index, void *user) {
    (void)context, (void)event, (void)index;
    ((pulse *)user)->server_changed = true;
}

static int32_t open_stream(pulse *p, const capture_device *device, capture_follow follow, void **out, vox_error *e) {
    /* mono: the server averages the channels, whatever their map */
    sample_spec spec = { FLOAT32LE, (uint32_t)device->rate, 1 };
    buffer_attr attr = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, spec.rate / (1000 / FRAGMENT_MS) * (uint32_t)sizeof(float) };
    void *stream = p->api.stream_new(p->context, "speech to text", &spec, NULL);
    bool open = stream && p->api.stream_connect_record(stream, device->id, &attr, ADJUST_LATENCY | (follow == FOLLOW_NOTHING ? DONT_MOVE : 0)) >= 0;
    double deadline = os_seconds() + ANSWER_S;
    while (open && p->api.stream_get_state(stream) != STREAM_READY)
        open = p->api.stream_get_state(stream) < STREAM_FAILED && os_seconds() < deadline && turn(p, TURN_MS);
    *out = stream;
    return open ? VOX_OK : vox_fail(e, VOX_E_IO, "\"%s\" cannot be recorded: PulseAudio says \"%s\"", device->name, reason(p));
}

static void take(pulse *p, void *stream, vox_capture_t *c) {
    for (size_t there; (there = p->api.stream_readable_size(stream)) > 0 && there != SIZE_MAX;) {
        const void *data = NULL;
        size_t bytes = 0;
        if (p->api.stream_peek(stream, &data, &bytes) < 0 || bytes == 0) return;
        capture_push(c, data, (int64_t)(bytes / sizeof(float))); /* a hole has no data */
        p->api.stream_drop(stream);
    }
}

/* The system's default may have moved: so does the stream. */
static void follow_default(pulse *p, void *stream, bool monitor, vox_capture_t *c) {
    capture_list devices = { 0 };
    vox_error ignored = { 0 }; /* what it means for the stream shows there */
    p->server_changed = false;
    const capture_device *now = query_devices(p, &devices, &ignored) ? NULL : capture_find(&devices, "", monitor, NULL);
    if (now) {
        uint32_t index = p->api.stream_get_index(stream);
        if (!finish(p, p->api.context_move_source_output_by_name(p->context, index, now->id, NULL, NULL), &ignored)) capture_moved(c, now);
    }
    capture_list_free(&devices);
}

static int32_t record(vox_capture_t *c, const capture_device *device, capture_follow follow, vox_error *e) {
    pulse p;
    void *stream = NULL;
    int32_t status = connect(&p, e);
    if (status) return status;
    if (follow != FOLLOW_NOTHING) {
        p.api.context_set_subscribe_callback(p.context, on_event, &p);
        status = finish(&p, p.api.context_subscribe(p.context, SUBSCRIBE_SERVER, NULL, NULL), e);
    }
    if (!status) status = open_stream(&p, device, follow, &stream, e);
    if (!status) status = capture_begin(c, device, &(pcm_format){ SAMPLE_F32, device->rate, 1 }, e);
    while (!status && !capture_stopped(c)) {
        if (!turn(&p, TURN_MS)) status = vox_fail(e, VOX_E_IO, "the PulseAudio server has gone: start it again");
        else if (p.api.stream_get_state(stream) != STREAM_READY)
            status = vox_fail(e, VOX_E_IO, "\"%s\" has gone: connect it again, or choose another device (\"voxtral devices\" lists them)", device->name);
        else {
            take(&p, stream, c);
            if (p.server_changed) follow_default(&p, stream, follow == FOLLOW_MONITOR, c);
        }
    }
    if (stream) {
        p.api.stream_disconnect(stream);
        p.api.stream_unref(stream);
    }
    disconnect(&p);
    return status;
}

const capture_system capture_pulse = { .name = "pulse", .list = list, .record = record };
#endif
