/* The coalesced doorbell of voxtral.h, reference counted so that streams may
 * outlive the consumer's handle. */
#ifndef VOX_BELL_H
#define VOX_BELL_H

#include "voxtral.h"

/* NULL is allowed everywhere. */
vox_bell_t *bell_retain(vox_bell_t *bell);
void bell_release(vox_bell_t *bell);

/* There is news: rings if the consumer has armed. Call without holding locks. */
void bell_notify(vox_bell_t *bell);

#endif
