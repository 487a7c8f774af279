#include "error.h"

#include <stdarg.h>
#include <stdio.h>

int32_t vox_fail(vox_error *e, int32_t code, const char *format, ...) {
    if (!e || e->code != VOX_OK) return code;
    va_list args;
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    e->code = code;
    return code;
}
