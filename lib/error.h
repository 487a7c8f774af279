/* One failure with its sentence. Functions that can fail take a vox_error *
 * last and return a vox_status; the first failure is kept. */
#ifndef VOX_ERROR_H
#define VOX_ERROR_H

#include "voxtral.h"

typedef struct vox_error {
    int32_t code; /* vox_status; VOX_OK while nothing failed */
    char text[480];
} vox_error;

/* Records code and sentence unless e already holds a failure; e may be NULL.
 * Returns code, so that callers can `return vox_fail(...)`. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
int32_t vox_fail(vox_error *e, int32_t code, const char *format, ...);

#endif
