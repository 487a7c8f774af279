/* A bounded ring of event records (vox_event_t with text and alternatives). Not
 * locked: the stream's lock guards it. */
#ifndef VOX_EVENTS_H
#define VOX_EVENTS_H

#include <stdbool.h>

#include "error.h"

typedef struct event_ring {
    uint8_t *bytes;
    uint32_t capacity;
    uint64_t read, written; /* bytes since the beginning */
} event_ring;

typedef struct event_text {
    const char *bytes;
    int32_t size;
} event_text;

int32_t event_ring_init(event_ring *r, uint32_t capacity, vox_error *e);
void event_ring_free(event_ring *r);
void event_ring_clear(event_ring *r);

/* Whether the events of one more token fit, whatever they are. */
bool event_ring_has_room(const event_ring *r);

/* Appends a record; size, text_size and alternatives of `event` are set here.
 * alternatives[i].text_size and texts: see vox_alternative_t. Text is cut to the
 * record limit. False (and nothing written) when it does not fit. */
bool event_ring_push(event_ring *r, vox_event_t event, event_text text,
                     const vox_alternative_t *alternatives, const event_text *alternative_texts, uint32_t n_alternatives);

/* Moves whole records to buffer; returns bytes. */
uint32_t event_ring_read(event_ring *r, uint8_t *buffer, uint32_t capacity);

#endif
