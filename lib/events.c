#include "events.h"

#include <stdlib.h>
#include <string.h>

/* The worst token: TOKEN with alternatives of TOKEN_MAX_BYTES each (1.2 KB), TEXT
 * (0.9 KB), a WORD for every second byte (7.8 KB), and a RESTART, ERROR or DONE. */
#define ROOM_PER_TOKEN 12288

static uint32_t padded(uint32_t n) { return (n + 7u) & ~7u; }

int32_t event_ring_init(event_ring *r, uint32_t capacity, vox_error *e) {
    *r = (event_ring){ .bytes = malloc(capacity), .capacity = capacity };
    return r->bytes ? VOX_OK : vox_fail(e, VOX_E_MEMORY, "out of memory for %u bytes of events", capacity);
}

void event_ring_free(event_ring *r) { free(r->bytes); }

void event_ring_clear(event_ring *r) { r->read = r->written; }

bool event_ring_has_room(const event_ring *r) {
    return r->capacity - (r->written - r->read) >= ROOM_PER_TOKEN;
}

/* Copies n bytes in at the write position, wrapping, and pads them to 8. */
static void put(event_ring *r, const void *bytes, uint32_t n) {
    uint32_t at = (uint32_t)(r->written % r->capacity), first = r->capacity - at < n ? r->capacity - at : n;
    memcpy(r->bytes + at, bytes, first);
    memcpy(r->bytes, (const uint8_t *)bytes + first, n - first);
    r->written += padded(n);
}

static void get(const event_ring *r, uint64_t from, void *out, uint32_t n) {
    uint32_t at = (uint32_t)(from % r->capacity), first = r->capacity - at < n ? r->capacity - at : n;
    memcpy(out, r->bytes + at, first);
    memcpy((uint8_t *)out + first, r->bytes, n - first);
}

bool event_ring_push(event_ring *r, vox_event_t event, event_text text, const vox_alternative_t *alternatives,
                     const event_text *texts, uint32_t n_alternatives) {
    uint32_t size = sizeof event + padded((uint32_t)text.size);
    for (uint32_t i = 0; i < n_alternatives; i++) size += sizeof *alternatives + padded((uint32_t)texts[i].size);
    if (size > VOX_EVENT_MAX_BYTES || size > r->capacity - (r->written - r->read)) return false;
    event.size = size;
    event.text_size = (uint32_t)text.size;
    event.alternatives = n_alternatives;
    put(r, &event, sizeof event);
    if (text.size) put(r, text.bytes, (uint32_t)text.size);
    for (uint32_t i = 0; i < n_alternatives; i++) {
        vox_alternative_t a = alternatives[i];
        a.text_size = (uint32_t)texts[i].size;
        a.reserved = 0;
        put(r, &a, sizeof a);
        if (texts[i].size) put(r, texts[i].bytes, (uint32_t)texts[i].size);
    }
    return true;
}

uint32_t event_ring_read(event_ring *r, uint8_t *buffer, uint32_t capacity) {
    uint32_t n = 0;
    while (r->read < r->written) {
        uint32_t size;
        get(r, r->read, &size, sizeof size);
        if (size > capacity - n) break;
        get(r, r->read, buffer + n, size);
        r->read += size;
        n += size;
    }
    return n;
}
