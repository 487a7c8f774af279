#include "devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../json.h"

int32_t capture_list_add(capture_list *list, const capture_device *device, vox_error *e) {
    if (list->n == list->capacity) {
        int32_t capacity = list->capacity * 2 + 8;
        capture_device *grown = realloc(list->devices, (size_t)capacity * sizeof *grown);
        if (!grown) return vox_fail(e, VOX_E_MEMORY, "out of memory for %d sound devices", capacity);
        list->devices = grown;
        list->capacity = capacity;
    }
    list->devices[list->n++] = *device;
    return VOX_OK;
}

void capture_list_free(capture_list *list) {
    free(list->devices);
    *list = (capture_list){ 0 };
}

/* ---- The choice ------------------------------------------------------------*/

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool begins(const char *text, const char *head) {
    while (*head && lower(*text) == lower(*head)) text++, head++;
    return !*head;
}

static bool same(const char *a, const char *b) { return strlen(a) == strlen(b) && begins(a, b); }

static bool contains(const char *text, const char *part) {
    for (; *text; text++)
        if (begins(text, part)) return true;
    return false;
}

static bool is_id(const capture_device *d, const char *name) { return !strcmp(d->id, name); }
static bool is_called(const capture_device *d, const char *name) { return same(d->id, name) || same(d->name, name); }
static bool is_partly(const capture_device *d, const char *name) { return contains(d->id, name) || contains(d->name, name); }

static const capture_device *find_default(const capture_list *list, bool system, vox_error *e) {
    for (int32_t i = 0; i < list->n; i++) {
        const capture_device *d = &list->devices[i];
        if (system ? d->default_monitor : d->default_input) return d;
    }
    if (system) vox_fail(e, VOX_E_IO, "there is no output whose sound could be recorded: connect one, or name a device (\"voxtral devices\" lists them)");
    else vox_fail(e, VOX_E_IO, "there is no microphone: connect one, or name a device (\"voxtral devices\" lists them)");
    return NULL;
}

const capture_device *capture_find(const capture_list *list, const char *name, bool system, vox_error *e) {
    static bool (*const ways[])(const capture_device *, const char *) = { is_id, is_called, is_partly };
    if (!*name) return find_default(list, system, e);
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        const capture_device *first = NULL, *second = NULL, *input = NULL;
        int32_t inputs = 0, found = 0;
        for (int32_t i = 0; i < list->n; i++) {
            const capture_device *d = &list->devices[i];
            if ((system && !d->monitor) || !ways[way](d, name)) continue;
            if (found++ == 0) first = d;
            else if (!second) second = d;
            if (!d->monitor && inputs++ == 0) input = d;
        }
        if (found == 1) return first;
        if (inputs == 1) return input;
        if (found > 1) {
            vox_fail(e, VOX_E_ARGUMENT, "\"%s\" fits %d sound devices, \"%s\" and \"%s\" among them: give more of the name, or the id (\"voxtral devices\" lists them)",
                     name, found, first->name, second->name);
            return NULL;
        }
    }
    vox_fail(e, VOX_E_IO, "no sound device%s is called \"%s\": \"voxtral devices\" lists the %d there are", system ? " that gives what the computer plays" : "", name, list->n);
    return NULL;
}

/* ---- JSON ------------------------------------------------------------------*/

void capture_append_device(char *json, int64_t capacity, int64_t *length, const capture_device *d) {
    bool is_default = d->monitor ? d->default_monitor : d->default_input;
    json_append(json, capacity, length, "{\"id\": ");
    json_append_string(json, capacity, length, d->id);
    json_append(json, capacity, length, ", \"name\": ");
    json_append_string(json, capacity, length, d->name);
    json_append(json, capacity, length, ", \"kind\": \"%s\", \"default\": %s, \"rate\": %d, \"channels\": %d}",
                d->monitor ? "monitor" : "input", is_default ? "true" : "false", d->rate, d->channels);
}
