/* A seeded mutational fuzzer: prog [iterations] [seed].
 *
 * Every input that the target offers is a batch: it runs as it is, then with
 * random changes, in a child process so that a crash is reported. The bytes end
 * at an unreadable page. A run is repeated exactly by its two arguments. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/wait.h>

#include "../c/test.h"
#include "fuzz.h"

enum { CAPACITY = 1 << 16, MAX_SEEDS = 64, HANG_SECONDS = 30 };

typedef struct input { uint8_t bytes[CAPACITY]; size_t size; } input;

typedef struct corpus {
    input *seeds;
    int n;
    long iterations; /* of each batch */
    volatile long *done; /* shared with the parent: inputs passed in this batch */
    uint8_t *window; /* CAPACITY bytes in front of the unreadable page */
} corpus;

/* ---- Changes ---- */

static size_t place(test_state *t, size_t size) { return size ? (size_t)(test_random(t) % size) : 0; }

/* Replaces `removed` bytes at `at` by n others, as far as they fit. */
static void replace(input *in, size_t at, size_t removed, const void *bytes, size_t n) {
    if (removed > in->size - at) removed = in->size - at;
    if (in->size - removed + n > CAPACITY) return;
    memmove(in->bytes + at + n, in->bytes + at + removed, in->size - at - removed);
    memcpy(in->bytes + at, bytes, n);
    in->size += n - removed;
}

/* A little-endian integer on the edge of something. */
static void plant_binary(test_state *t, input *in) {
    static const uint64_t edges[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
                                      0x100000000, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX, UINT64_MAX - 7 };
    uint64_t value = edges[test_range(t, 0, sizeof edges / sizeof *edges - 1)] + (uint64_t)(test_range(t, 0, 3) == 0);
    uint8_t bytes[8];
    size_t n = (size_t)1 << test_range(t, 0, 3);
    for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)(value >> 8 * i);
    replace(in, place(t, in->size), n, bytes, n);
}

/* A number written in decimal, or a piece of syntax, in place of a run of digits or anywhere. */
static void plant_text(test_state *t, input *in) {
    static const char *const texts[] = {
        "0", "-0", "1", "-1", "2", "3", "255", "256", "65536", "2147483647", "2147483648", "4294967296", "-2147483649",
        "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e308", "1e999", "-1e-999", "0.5", "1E5", "00",
        "null", "true", "false", "\"\"", "\"a\"", "[]", "{}", "[[[[", "]", "}", ",", ":", "\"", "\\u0000", "\\ud83d\\ude00",
        "\\ud83d", "\xf0\x9f\x98\x80", "\xc0\x80", "====", "A===",
    };
    const char *text = texts[test_range(t, 0, sizeof texts / sizeof *texts - 1)];
    size_t at = place(t, in->size), digits = 0;
    for (size_t tries = 0; tries < 64 && at + 1 < in->size && (in->bytes[at] < '0' || in->bytes[at] > '9'); tries++) at++;
    while (at + digits < in->size && in->bytes[at + digits] >= '0' && in->bytes[at + digits] <= '9') digits++;
    replace(in, at, digits, text, strlen(text));
}

static void mutate(test_state *t, const corpus *c, input *in) {
    uint8_t piece[256];
    size_t at = place(t, in->size), n = 1 + place(t, sizeof piece - 1);
    switch (test_range(t, 0, 8)) {
    case 0: case 1:
        if (in->size) in->bytes[at] ^= (uint8_t)(1 << test_range(t, 0, 7));
        break;
    case 2: plant_binary(t, in); break;
    case 3: case 4: plant_text(t, in); break;
    case 5: in->size = at; break;
    case 6: replace(in, at, n, piece, 0); break;
    case 7: /* a piece of this input again, somewhere else */
        if (n > in->size - at) n = in->size - at;
        memcpy(piece, in->bytes + at, n);
        replace(in, place(t, in->size), 0, piece, n);
        break;
    default: { /* the end of another seed */
        const input *other = &c->seeds[test_range(t, 0, c->n - 1)];
        size_t from = place(t, other->size);
        replace(in, at, in->size - at, other->bytes + from, other->size - from);
    }
    }
}

/* ---- Runs ---- */

static void run(const corpus *c, const input *in) {
    uint8_t *bytes = c->window + CAPACITY - in->size;
    memcpy(bytes, in->bytes, in->size);
    LLVMFuzzerTestOneInput(bytes, in->size);
    ++*c->done;
}

static void run_batch(const corpus *c, int index, uint64_t seed) {
    test_state t = { .random = seed * 1000003u + (uint64_t)index };
    input *in = malloc(sizeof *in);
    if (!in) abort();
    run(c, &c->seeds[index]);
    for (long i = 0; i < c->iterations; i++) {
        if (i % 256 == 0) alarm(HANG_SECONDS);
        *in = c->seeds[index];
        for (int changes = test_range(&t, 1, 6); changes; changes--) mutate(&t, c, in);
        run(c, in);
    }
    free(in);
}

static void check_batch(test_state *t, const corpus *c, int index, uint64_t seed) {
    *c->done = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        run_batch(c, index, seed);
        exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(t, child > 0 && status == 0, "batch %d, input %ld: %s; arguments: %ld %llu", index, *c->done,
          WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit", c->iterations * c->n, (unsigned long long)seed);
}

int main(int argc, char **argv) {
    test_state t = { 0 };
    corpus c = { .seeds = calloc(MAX_SEEDS, sizeof(input)) };
    if (!c.seeds) return 2;
    guarded window = guarded_copy(c.seeds, CAPACITY);
    c.window = window.bytes;
    c.done = mmap(NULL, sizeof *c.done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c.done == MAP_FAILED) return 2;
    while (c.n < MAX_SEEDS && (c.seeds[c.n].size = fuzz_seed(c.n, c.seeds[c.n].bytes, CAPACITY))) c.n++;
    if (!c.n) return 2;
    long iterations = argc > 1 ? atol(argv[1]) : 20000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    c.iterations = (iterations + c.n - 1) / c.n;
    for (int i = 0; i < c.n; i++) check_batch(&t, &c, i, seed);
    guarded_free(&window);
    free(c.seeds);
    return test_report(&t);
}
