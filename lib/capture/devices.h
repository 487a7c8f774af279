/* What can be recorded: a list that a sound system fills, and the choice from it. */
#ifndef VOX_CAPTURE_DEVICES_H
#define VOX_CAPTURE_DEVICES_H

#include <stdbool.h>

#include "../error.h"

typedef struct capture_device {
    char id[256];   /* what the sound system calls it */
    char name[256]; /* what people call it */
    bool monitor;   /* gives what the computer plays */
    bool default_input, default_monitor;
    int32_t rate, channels; /* 0: known only once it is open */
} capture_device;

typedef struct capture_list {
    capture_device *devices;
    int32_t n, capacity;
} capture_list;

int32_t capture_list_add(capture_list *list, const capture_device *device, vox_error *e);
void capture_list_free(capture_list *list);

/* Which device is meant. name: an id, a name, or a part of either that fits only
 * one (of several, the only input); empty: the default. system: only monitors.
 * NULL with a sentence if there is no such device. */
const capture_device *capture_find(const capture_list *list, const char *name, bool system, vox_error *e);

/* {"id", "name", "kind", "default", "rate", "channels"}, appended as json_append does. */
void capture_append_device(char *json, int64_t capacity, int64_t *length, const capture_device *device);

#endif
