/* What a fuzz target defines. LLVMFuzzerTestOneInput may also be linked with
 * libFuzzer; it aborts when a promise of the code under test is broken. */
#ifndef VOX_FUZZ_H
#define VOX_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes the index-th valid input to start from and returns its size; 0 after the last. */
size_t fuzz_seed(int index, uint8_t *out, size_t capacity);

#endif
