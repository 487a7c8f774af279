/* What differs between operating systems, and nothing else. */
#ifndef VOX_OS_H
#define VOX_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"

/* A file mapped read-only. */
typedef struct os_file {
    const uint8_t *bytes;
    size_t size;
    void *handle;
} os_file;
int32_t os_map(const char *path, os_file *out, vox_error *e);
void os_unmap(os_file *file);

/* Whether the path exists and is a folder. */
bool os_is_folder(const char *path);

/* How many names in a folder end so; `name` gets one of them. */
int32_t os_find_ending(const char *dir, const char *end, char *name, size_t capacity);

/* Reads a whole file of at most `limit` bytes; the caller frees *bytes, which ends
 * with a NUL that *size does not count. */
int32_t os_read_file(const char *path, size_t limit, char **bytes, size_t *size, vox_error *e);

/* Opens a file for reading; UTF-8 path on every system. NULL on failure. */
FILE *os_open(const char *path);

/* stdin as bytes, without newline translation. */
FILE *os_binary_stdin(void);

/* Zeroed memory that is committed page by page as it is touched. NULL on failure. */
void *os_reserve(size_t size);
void os_unreserve(void *memory, size_t size);

int32_t os_cores(void);
double os_seconds(void); /* monotonic */

#endif
