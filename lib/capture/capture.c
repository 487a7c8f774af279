/* The life of a recording. Two own it: the caller, and the thread that records;
 * the one that leaves last frees it, so that closing never waits for a device. */
#include "capture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

#include "../bell.h"
#include "../json.h"
#include "../os.h"

enum {
    RING_SAMPLES = VOX_CAPTURE_RING_S * VOX_SAMPLE_RATE,
    RETRY_MS = 200, /* between attempts to come back */
    RETRIES = 25,   /* 5 s */
    LASTING_S = 1,  /* a device that worked for so long earns all attempts */
};

struct vox_capture {
    char *name; /* of the device wanted; empty: the default */
    bool system;
    vox_bell_t *bell;
    sample_ring ring;
    _Atomic int32_t references;
    _Atomic int32_t ended; /* vox_status; VOX_OK while recording */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;  /* stopping */
    bool stopping;
    const char *system_name; /* NULL until the device is open */
    capture_device device;
    vox_error error;

    /* The thread's own. */
    const capture_system *sound;
    intake intake;
    bool begun;     /* in this attempt */
    double gone_at; /* os_seconds() when the last device went away; 0: none did */
};

/* ---- Sound systems -----------------------------------------------------------*/

static const capture_system *const systems[] = {
#if defined(__linux__)
    &capture_pulse, &capture_alsa,
#elif defined(__APPLE__)
    &capture_coreaudio,
#elif defined(_WIN32)
    &capture_wasapi,
#endif
    NULL
};

int32_t capture_load(const char *library, const capture_symbol *symbols, int32_t n, vox_error *e) {
#ifdef _WIN32
    HMODULE handle = LoadLibraryA(library);
#else
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
#endif
    if (!handle) return vox_fail(e, VOX_E_UNSUPPORTED, "%s is not installed", library);
    for (int32_t i = 0; i < n; i++) {
#ifdef _WIN32
        FARPROC found = GetProcAddress(handle, symbols[i].name);
#else
        void *found = dlsym(handle, symbols[i].name);
#endif
        if (!found) return vox_fail(e, VOX_E_UNSUPPORTED, "%s has no function %s: it is too old", library, symbols[i].name);
        memcpy(symbols[i].slot, &found, sizeof found);
    }
    return VOX_OK;
}

/* "alsa:hw:1" chooses the sound system: that system, and name moved behind the colon. */
static const capture_system *named_system(const char **name) {
    for (int32_t i = 0; systems[i]; i++) {
        size_t n = strlen(systems[i]->name);
        if (strncmp(*name, systems[i]->name, n) || (*name)[n] != ':') continue;
        *name += n + 1;
        return systems[i];
    }
    return NULL;
}

/* The devices of `only`, or of the first system that there is; *why collects what
 * was missing before it. NULL on failure. */
static const capture_system *list_devices(const capture_system *only, capture_list *list, char why[static 256], vox_error *e) {
    int32_t length = 0;
    why[0] = 0;
    for (int32_t i = 0; systems[i]; i++) {
        if (only && systems[i] != only) continue;
        vox_error missing = { 0 };
        int32_t status = systems[i]->list(list, &missing);
        if (!status) return systems[i];
        capture_list_free(list);
        if (status != VOX_E_UNSUPPORTED || only) {
            vox_fail(e, status, "%s", missing.text);
            return NULL;
        }
        if (length < 256) length += snprintf(why + length, (size_t)(256 - length), "%s%s", length ? "; " : "", missing.text);
    }
    vox_fail(e, VOX_E_UNSUPPORTED, "there is no sound system to record from%s%s", *why ? ": " : " on this platform", why);
    return NULL;
}

int64_t vox_capture_devices(char *json, int64_t capacity, char *error, int32_t error_capacity) {
    if (capacity < 0 || (capacity && !json) || error_capacity < 0 || (error_capacity && !error)) return VOX_E_ARGUMENT;
    vox_error e = { 0 };
    capture_list list = { 0 };
    char why[256];
    const capture_system *sound = list_devices(NULL, &list, why, &e);
    if (!sound) {
        if (error_capacity) snprintf(error, (size_t)error_capacity, "%s", e.text);
        return e.code;
    }
    int64_t length = 0;
    json_append(json, capacity, &length, "{\"system\": \"%s\", \"devices\": [", sound->name);
    for (int32_t i = 0; i < list.n; i++) {
        json_append(json, capacity, &length, i ? ", " : "");
        capture_append_device(json, capacity, &length, &list.devices[i]);
    }
    json_append(json, capacity, &length, "]}");
    capture_list_free(&list);
    return length;
}

/* ---- The thread ----------------------------------------------------------------*/

int32_t capture_begin(vox_capture_t *c, const capture_device *device, const pcm_format *format, vox_error *e) {
    intake_free(&c->intake);
    if (intake_init(&c->intake, format, &c->ring, e)) return e->code;
    capture_device open = *device;
    open.rate = format->rate;
    if (!open.channels) open.channels = format->channels;
    pthread_mutex_lock(&c->lock);
    c->system_name = c->sound->name;
    c->device = open;
    pthread_mutex_unlock(&c->lock);
    if (c->gone_at > 0) capture_lose(c, os_seconds() - c->gone_at);
    c->begun = true;
    return VOX_OK;
}

void capture_push(vox_capture_t *c, const void *frames, int64_t n) {
    intake_push(&c->intake, frames, n);
    bell_notify(c->bell);
}

void capture_lose(vox_capture_t *c, double seconds) { intake_lose(&c->intake, seconds); }

void capture_moved(vox_capture_t *c, const capture_device *device) {
    pthread_mutex_lock(&c->lock);
    c->device = *device;
    pthread_mutex_unlock(&c->lock);
}

bool capture_stopped(vox_capture_t *c) {
    pthread_mutex_lock(&c->lock);
    bool stopping = c->stopping;
    pthread_mutex_unlock(&c->lock);
    return stopping;
}

bool capture_wait(vox_capture_t *c, int32_t ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + (int64_t)ms * 1000000;
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&c->lock);
    while (!c->stopping && !pthread_cond_timedwait(&c->wake, &c->lock, &until)) continue;
    bool stopping = c->stopping;
    pthread_mutex_unlock(&c->lock);
    return stopping;
}

/* One attempt: finds the device and records it. */
static int32_t attempt(vox_capture_t *c, vox_error *e) {
    const char *name = c->name;
    char why[256];
    capture_list list = { 0 };
    c->begun = false;
    const capture_system *named = named_system(&name), *sound = list_devices(named ? named : c->sound, &list, why, e);
    if (!sound) return e->code;
    c->sound = sound; /* and no other: one that comes back later must find the same */
    if (c->system && c->sound->no_monitors) {
        capture_list_free(&list);
        return vox_fail(e, VOX_E_UNSUPPORTED, *why ? "%s (%s)" : "%s", c->sound->no_monitors, why);
    }
    capture_device unlisted = { 0 };
    vox_error failure = { 0 };
    const capture_device *device = capture_find(&list, name, c->system, &failure);
    if (!device && *name && !c->system && c->sound->opens_unlisted) {
        snprintf(unlisted.id, sizeof unlisted.id, "%s", name);
        snprintf(unlisted.name, sizeof unlisted.name, "%s", name);
        device = &unlisted;
        failure = (vox_error){ 0 };
    }
    capture_follow follow = *name ? FOLLOW_NOTHING : c->system ? FOLLOW_MONITOR : FOLLOW_INPUT;
    int32_t status = device ? c->sound->record(c, device, follow, &failure) : failure.code;
    if (status) vox_fail(e, status, *why ? "%s (%s)" : "%s", failure.text, why);
    capture_list_free(&list);
    return status;
}

static void release(vox_capture_t *c) {
    if (atomic_fetch_sub(&c->references, 1) > 1) return;
    intake_free(&c->intake);
    ring_free(&c->ring);
    bell_release(c->bell);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->wake);
    free(c->name);
    free(c);
}

/* Records; when a default device goes away, waits for the one that takes its place. */
static void *record(void *user) {
    vox_capture_t *c = user;
    vox_error why = { 0 }; /* of the first failure, or of the last loss */
    int32_t status, retries = 0;
    do {
        double from = os_seconds();
        vox_error e = { 0 };
        status = attempt(c, &e);
        if (c->begun || !why.code) why = e;
        if (c->begun) c->gone_at = os_seconds();
        if (c->begun && c->gone_at - from > LASTING_S) retries = RETRIES;
    } while (status && !*c->name && retries-- > 0 && !capture_wait(c, RETRY_MS));
    pthread_mutex_lock(&c->lock);
    c->error = why;
    pthread_mutex_unlock(&c->lock);
    c->ended = status ? why.code : VOX_E_CANCELLED;
    bell_notify(c->bell);
    release(c);
    return NULL;
}

/* ---- The caller ------------------------------------------------------------------*/

int32_t vox_capture_open(const char *device, int32_t system, vox_bell_t *bell, vox_capture_t **out) {
    if (!out) return VOX_E_ARGUMENT;
    *out = NULL;
    vox_capture_t *c = calloc(1, sizeof *c);
    if (!c) return VOX_E_MEMORY;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, NULL);
    c->references = 2;
    c->system = system != 0;
    c->bell = bell_retain(bell);
    size_t n = device ? strlen(device) : 0;
    c->name = calloc(1, n + 1);
    pthread_t thread;
    if (!c->name || ring_init(&c->ring, RING_SAMPLES, NULL) || (memcpy(c->name, device ? device : "", n), pthread_create(&thread, NULL, record, c))) {
        c->references = 1;
        release(c);
        return VOX_E_MEMORY;
    }
    pthread_detach(thread);
    *out = c;
    return VOX_OK;
}

int32_t vox_capture_read(vox_capture_t *c, float *samples, int32_t max) {
    if (!c || max < 0 || (max && !samples)) return VOX_E_ARGUMENT;
    int32_t ended = c->ended; /* before the ring: what was recorded before the end comes first */
    int64_t n = ring_read(&c->ring, samples, max);
    return n > 0 || max == 0 ? (int32_t)n : ended;
}

int64_t vox_capture_lost(vox_capture_t *c) { return c ? (int64_t)c->ring.lost : 0; }

int32_t vox_capture_info(vox_capture_t *c, char *json, int32_t capacity) {
    if (!c || capacity < 0 || (capacity && !json)) return VOX_E_ARGUMENT;
    pthread_mutex_lock(&c->lock);
    const char *system = c->system_name;
    capture_device device = c->device;
    pthread_mutex_unlock(&c->lock);
    int64_t length = 0;
    if (system) {
        json_append(json, capacity, &length, "{\"system\": \"%s\", \"device\": ", system);
        capture_append_device(json, capacity, &length, &device);
        json_append(json, capacity, &length, "}");
    } else json_append(json, capacity, &length, "{}");
    return (int32_t)length;
}

const char *vox_capture_error(vox_capture_t *c) { return c && c->ended ? c->error.text : ""; }

void vox_capture_close(vox_capture_t *c) {
    if (!c) return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
    release(c);
}
