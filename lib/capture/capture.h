/*
 * Recording from the system's devices. A sound system (PulseAudio, ALSA,
 * CoreAudio, WASAPI) lives in a file of its own, opens its libraries at run time
 * and provides two functions. Everything else is common: the thread, the choice
 * of the device (devices.h), conversion (intake.h), the ring to the reader
 * (ring.h) and coming back when a default device goes away (capture.c).
 */
#ifndef VOX_CAPTURE_H
#define VOX_CAPTURE_H

#include <stdbool.h>

#include "../error.h"
#include "devices.h"
#include "intake.h"

/* What to do when the system's default moves: the device was named; it is the
 * default microphone; it is what the default output plays. */
typedef enum capture_follow { FOLLOW_NOTHING, FOLLOW_INPUT, FOLLOW_MONITOR } capture_follow;

typedef struct capture_system {
    const char *name;
    bool opens_unlisted;     /* knows more names than it lists */
    const char *no_monitors; /* what to do instead, where it cannot record what the computer plays */

    /* Fills the list. VOX_E_UNSUPPORTED: this sound system is not on the machine
     * or does not run. */
    int32_t (*list)(capture_list *list, vox_error *e);

    /* Records the device until capture_wait or capture_stopped say to stop, on the
     * calling thread. VOX_OK when stopped; VOX_E_IO after capture_begin: the device
     * is gone. */
    int32_t (*record)(vox_capture_t *c, const capture_device *device, capture_follow follow, vox_error *e);
} capture_system;

extern const capture_system capture_pulse, capture_alsa, capture_coreaudio, capture_wasapi;

/* For `record`. The device is open and gives frames of this format. */
int32_t capture_begin(vox_capture_t *c, const capture_device *device, const pcm_format *format, vox_error *e);
/* Its frames (NULL: silence); what it lost; another device that it has become. */
void capture_push(vox_capture_t *c, const void *frames, int64_t n);
void capture_lose(vox_capture_t *c, double seconds);
void capture_moved(vox_capture_t *c, const capture_device *device);
/* Whether to stop; the same after sleeping for up to `ms`. */
bool capture_stopped(vox_capture_t *c);
bool capture_wait(vox_capture_t *c, int32_t ms);

/* Functions of a library that is opened at run time. */
typedef struct capture_symbol {
    const char *name;
    void *slot; /* a function pointer or a data pointer to fill */
} capture_symbol;

/* Opens the library (it stays open) and fills the slots; VOX_E_UNSUPPORTED if it or
 * one of its functions is missing. */
int32_t capture_load(const char *library, const capture_symbol *symbols, int32_t n, vox_error *e);

#endif
