/* A minimal test harness: CHECK counts, test_main reports, random numbers are
 * seeded, and guarded_copy puts bytes against an unreadable page so that any
 * over-read faults at once. */
#ifndef VOX_TEST_H
#define VOX_TEST_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct test_state {
    int passed, failed;
    uint64_t random;
} test_state;

#define CHECK(t, condition, ...)                                     \
    do {                                                             \
        if (condition) (t)->passed++;                                \
        else {                                                       \
            (t)->failed++;                                           \
            printf("FAIL %s:%d: %s: ", __FILE__, __LINE__, #condition); \
            printf(__VA_ARGS__);                                     \
            printf("\n");                                            \
        }                                                            \
    } while (0)

/* splitmix64 */
static inline uint64_t test_random(test_state *t) {
    uint64_t z = (t->random += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}
static inline int32_t test_range(test_state *t, int32_t low, int32_t high) { /* inclusive */
    return low + (int32_t)(test_random(t) % (uint64_t)((int64_t)high - low + 1));
}
static inline float test_float(test_state *t) { /* [-1, 1) */
    return (float)((double)(test_random(t) >> 11) / 4503599627370496.0 - 1.0);
}

/* A copy of bytes whose end touches an unreadable page; free with guarded_free. */
typedef struct guarded { uint8_t *bytes; void *map; size_t map_size; } guarded;
static inline guarded guarded_copy(const void *bytes, size_t n) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (n + page - 1) / page * page;
    guarded g = { .map_size = body + page };
    g.map = mmap(NULL, g.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.map == MAP_FAILED) { perror("mmap"); exit(2); }
    mprotect((char *)g.map + body, page, PROT_NONE);
    g.bytes = (uint8_t *)g.map + body - n;
    if (n) memcpy(g.bytes, bytes, n);
    return g;
}
static inline void guarded_free(guarded *g) { munmap(g->map, g->map_size); }

/* Last line of every test program's main. */
static inline int test_report(const test_state *t) {
    printf("%d passed, %d failed\n", t->passed, t->failed);
    return t->failed != 0;
}

#endif
