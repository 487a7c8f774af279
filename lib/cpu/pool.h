/* A pool of threads for loops over independent items. Results must not depend on
 * which thread runs an item, nor on the order. One caller at a time. */
#ifndef VOX_CPU_POOL_H
#define VOX_CPU_POOL_H

#include <stdint.h>

#include "../error.h"

typedef struct pool pool;
typedef void (*pool_fn)(void *user, int32_t item, int32_t thread); /* thread < pool_threads */

/* threads counts the caller, who works as thread 0. */
int32_t pool_new(int32_t threads, pool **out, vox_error *e);
void pool_free(pool *p);
int32_t pool_threads(const pool *p);

/* Calls fn for items 0 .. n - 1, begun in this order, and returns when all are done. */
void pool_run(pool *p, int32_t n, pool_fn fn, void *user);

#endif
