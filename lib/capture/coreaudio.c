/* macOS: devices by the AudioObject interface, recording by an AudioQueue. */
#ifdef __APPLE__
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"

/* ---- CoreAudio, AudioToolbox, CoreFoundation, AVFoundation, as far as used here ----*/

#define FOUR(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))
enum { SYSTEM_OBJECT = 1, UTF8 = 0x08000100, FLOAT_PACKED = 1 | 8, DENIED_FROM = 1, DENIED_TO = 2 };
#define SCOPE_GLOBAL FOUR('g', 'l', 'o', 'b')
#define SCOPE_INPUT FOUR('i', 'n', 'p', 't')

typedef struct address { uint32_t selector, scope, element; } address;
typedef struct buffer_list { uint32_t n; struct { uint32_t channels, bytes; void *data; } buffers[]; } buffer_list;
typedef struct description {
    double rate;
    uint32_t format, flags, packet_bytes, packet_frames, frame_bytes, channels, bits, reserved;
} description;
typedef struct queue_buffer { uint32_t capacity; void *data; uint32_t bytes; } queue_buffer; /* its first members */
typedef void queue_fn(void *user, void *queue, queue_buffer *buffer, const void *time, uint32_t packets, const void *packet_descriptions);

typedef struct core_api {
    int32_t (*get_size)(uint32_t object, const address *a, uint32_t qualifier_bytes, const void *qualifier, uint32_t *bytes);
    int32_t (*get)(uint32_t object, const address *a, uint32_t qualifier_bytes, const void *qualifier, uint32_t *bytes, void *data);
    int32_t (*queue_new)(const description *d, queue_fn *fn, void *user, void *loop, void *mode, uint32_t flags, void **queue);
    int32_t (*queue_set)(void *queue, uint32_t property, const void *data, uint32_t bytes);
    int32_t (*queue_allocate)(void *queue, uint32_t bytes, queue_buffer **buffer);
    int32_t (*queue_enqueue)(void *queue, queue_buffer *buffer, uint32_t n, const void *descriptions);
    int32_t (*queue_start)(void *queue, const void *time);
    int32_t (*queue_dispose)(void *queue, uint8_t immediately);
    void *(*string_new)(void *allocator, const char *text, uint32_t encoding);
    uint8_t (*string_get)(void *string, char *text, long capacity, uint32_t encoding);
    void (*release)(void *object);
    void *(*objc_class)(const char *name);
    void *(*objc_selector)(const char *name);
    long (*objc_send)(void *object, void *selector, void *argument);
} core_api;

#define FRAMEWORK(name) "/System/Library/Frameworks/" name ".framework/" name

static int32_t load(core_api *api, vox_error *e) {
    const capture_symbol audio[] = { { "AudioObjectGetPropertyDataSize", &api->get_size }, { "AudioObjectGetPropertyData", &api->get } };
    const capture_symbol queue[] = {
        { "AudioQueueNewInput", &api->queue_new },      { "AudioQueueSetProperty", &api->queue_set },
        { "AudioQueueAllocateBuffer", &api->queue_allocate }, { "AudioQueueEnqueueBuffer", &api->queue_enqueue },
        { "AudioQueueStart", &api->queue_start },       { "AudioQueueDispose", &api->queue_dispose },
    };
    const capture_symbol core[] = {
        { "CFStringCreateWithCString", &api->string_new }, { "CFStringGetCString", &api->string_get }, { "CFRelease", &api->release },
    };
    const capture_symbol objc[] = {
        { "objc_getClass", &api->objc_class }, { "sel_registerName", &api->objc_selector }, { "objc_msgSend", &api->objc_send },
    };
    if (capture_load(FRAMEWORK("CoreAudio"), audio, 2, e) || capture_load(FRAMEWORK("AudioToolbox"), queue, 6, e) ||
        capture_load(FRAMEWORK("CoreFoundation"), core, 3, e) || capture_load(FRAMEWORK("AVFoundation"), NULL, 0, e) ||
        capture_load("/usr/lib/libobjc.A.dylib", objc, 3, e))
        return e->code;
    return VOX_OK;
}

/* ---- Devices -----------------------------------------------------------------------*/

static bool get(const core_api *api, uint32_t object, uint32_t selector, void *data, uint32_t bytes) {
    address a = { selector, SCOPE_GLOBAL, 0 };
    return api->get(object, &a, 0, NULL, &bytes, data) == 0;
}

static void get_text(const core_api *api, uint32_t object, uint32_t selector, char *text, long capacity) {
    void *string = NULL;
    text[0] = 0;
    if (!get(api, object, selector, &string, sizeof string) || !string) return;
    api->string_get(string, text, capacity, UTF8);
    api->release(string);
}

static void *get_all(const core_api *api, uint32_t object, address a, uint32_t *bytes) {
    if (api->get_size(object, &a, 0, NULL, bytes) || !*bytes) return NULL;
    void *data = calloc(1, *bytes);
    if (!data || !api->get(object, &a, 0, NULL, bytes, data)) return data;
    free(data);
    return NULL;
}

static int32_t input_channels(const core_api *api, uint32_t device) {
    uint32_t bytes;
    buffer_list *buffers = get_all(api, device, (address){ FOUR('s', 'l', 'a', 'y'), SCOPE_INPUT, 0 }, &bytes);
    int32_t channels = 0;
    for (uint32_t i = 0; buffers && i < buffers->n; i++) channels += (int32_t)buffers->buffers[i].channels;
    free(buffers);
    return channels;
}

static uint32_t default_input(const core_api *api) {
    uint32_t device = 0;
    return get(api, SYSTEM_OBJECT, FOUR('d', 'I', 'n', ' '), &device, sizeof device) ? device : 0;
}

static int32_t list(capture_list *out, vox_error *e) {
    core_api api;
    if (load(&api, e)) return e->code;
    uint32_t bytes = 0, first = default_input(&api);
    uint32_t *ids = get_all(&api, SYSTEM_OBJECT, (address){ FOUR('d', 'e', 'v', '#'), SCOPE_GLOBAL, 0 }, &bytes);
    int32_t status = VOX_OK;
    for (uint32_t i = 0; ids && !status && i < bytes / sizeof *ids; i++) {
        capture_device d = { .default_input = ids[i] == first, .channels = input_channels(&api, ids[i]) };
        double rate = 0;
        if (!d.channels) continue;
        get_text(&api, ids[i], FOUR('u', 'i', 'd', ' '), d.id, sizeof d.id);
        get_text(&api, ids[i], FOUR('l', 'n', 'a', 'm'), d.name, sizeof d.name);
        if (get(&api, ids[i], FOUR('n', 's', 'r', 't'), &rate, sizeof rate)) d.rate = (int32_t)rate;
        status = capture_list_add(out, &d, e);
    }
    free(ids);
    return status;
}

/* ---- Recording -----------------------------------------------------------------------*/

enum { BUFFERS = 4, BUFFER_MS = 20, CHECK_MS = 100, DEFAULT_RATE = 48000 };

typedef struct recording {
    core_api api;
    vox_capture_t *capture;
    void *queue;
} recording;

static bool denied(const core_api *api) {
    void *class = api->objc_class("AVCaptureDevice"), *audio = api->string_new(NULL, "soun", UTF8);
    long status = class && audio ? api->objc_send(class, api->objc_selector("authorizationStatusForMediaType:"), audio) : 0;
    if (audio) api->release(audio);
    return status >= DENIED_FROM && status <= DENIED_TO;
}

static void on_buffer(void *user, void *queue, queue_buffer *buffer, const void *time, uint32_t packets, const void *descriptions) {
    (void)time, (void)packets, (void)descriptions;
    recording *r = user;
    capture_push(r->capture, buffer->data, buffer->bytes / (int64_t)sizeof(float));
    r->api.queue_enqueue(queue, buffer, 0, NULL);
}

/* The queue converts to mono f32 at the device's rate. */
static int32_t open_queue(recording *r, const capture_device *device, int32_t rate) {
    description d = { rate, FOUR('l', 'p', 'c', 'm'), FLOAT_PACKED, 4, 1, 4, 1, 32, 0 };
    void *id = r->api.string_new(NULL, device->id, UTF8);
    int32_t error = r->api.queue_new(&d, on_buffer, r, NULL, NULL, 0, &r->queue);
    if (!error) error = r->api.queue_set(r->queue, FOUR('a', 'q', 'c', 'd'), &id, sizeof id);
    for (int32_t i = 0; !error && i < BUFFERS; i++) {
        queue_buffer *buffer;
        error = r->api.queue_allocate(r->queue, (uint32_t)(rate / (1000 / BUFFER_MS)) * 4, &buffer);
        if (!error) error = r->api.queue_enqueue(r->queue, buffer, 0, NULL);
    }
    if (id) r->api.release(id);
    return error;
}

/* Whether the device of this id is still there, and still the default if it was to be. */
static bool present(const core_api *api, const char *id, bool as_default) {
    uint32_t bytes = 0;
    char text[256] = "";
    if (as_default) {
        get_text(api, default_input(api), FOUR('u', 'i', 'd', ' '), text, sizeof text);
        return !strcmp(text, id);
    }
    uint32_t *ids = get_all(api, SYSTEM_OBJECT, (address){ FOUR('d', 'e', 'v', '#'), SCOPE_GLOBAL, 0 }, &bytes);
    bool found = false;
    for (uint32_t i = 0; ids && !found && i < bytes / sizeof *ids; i++) {
        get_text(api, ids[i], FOUR('u', 'i', 'd', ' '), text, sizeof text);
        found = !strcmp(text, id);
    }
    free(ids);
    return found;
}

static int32_t record(vox_capture_t *c, const capture_device *device, capture_follow follow, vox_error *e) {
    recording r = { .capture = c };
    if (load(&r.api, e)) return e->code;
    if (denied(&r.api))
        return vox_fail(e, VOX_E_IO, "macOS denies this program the microphone: allow the terminal in System Settings, Privacy & Security, Microphone");
    int32_t rate = device->rate > 0 ? device->rate : DEFAULT_RATE, error = open_queue(&r, device, rate);
    int32_t status = error ? VOX_OK : capture_begin(c, device, &(pcm_format){ SAMPLE_F32, rate, 1 }, e);
    if (!status && !error) error = r.api.queue_start(r.queue, NULL);
    if (error) status = vox_fail(e, VOX_E_IO, "\"%s\" cannot be recorded: CoreAudio error %d; close other programs that use it, or choose another device", device->name, error);
    while (!status && !capture_wait(c, CHECK_MS))
        if (!present(&r.api, device->id, follow != FOLLOW_NOTHING))
            status = vox_fail(e, VOX_E_IO, "\"%s\" has gone: connect it again, or choose another device (\"voxtral devices\" lists them)", device->name);
    if (r.queue) r.api.queue_dispose(r.queue, 1); /* no callback runs after it */
    return status;
}

const capture_system capture_coreaudio = {
    .name = "coreaudio", .list = list, .record = record,
    .no_monitors = "macOS lets no program record what the computer plays: install a virtual device such as BlackHole, send the output there as well, and name it (--device BlackHole)",
};
#endif
