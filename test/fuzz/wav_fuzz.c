/* Any bytes through the input stage, as each encoding: no room is overrun, it always
 * goes on, and random cuts give the samples of large ones. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "input.h"

enum { ROOM = 4096 };

typedef struct outcome { int64_t samples, status; uint64_t hash; } outcome;

static void add(outcome *o, const float *samples, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, samples + i, sizeof bits);
        o->hash = (o->hash ^ bits) * 0x100000001B3u;
    }
    o->samples += n;
}

/* Cuts of 1 .. 4096 bytes, smaller ones more often, with room of 1024 .. ROOM; random = 0: as large as can be. */
static outcome run(const uint8_t *bytes, int64_t size, int32_t encoding, int32_t rate, int32_t channels, uint32_t random) {
    outcome o = { 0 };
    float *samples = malloc(ROOM * sizeof(float)); /* of its own, so that a sanitizer sees its end */
    input *in;
    vox_error e = { 0 };
    if (!samples || input_new(encoding, rate, channels, 16000, &in, &e) < 0) abort();
    int64_t made = 0;
    for (int64_t at = 0, taken; at < size && made >= 0; at += taken) {
        int64_t piece = size - at, room = ROOM;
        if (random) {
            random = random * 1664525 + 1013904223;
            int64_t cut = 1 + (random >> 8 & 4095) % (1u << (random >> 28 & 15) % 13);
            if (cut < piece) piece = cut;
            room = 1024 + (random >> 4) % (ROOM - 1023);
        }
        uint8_t *copy = malloc((size_t)piece);
        if (!copy) abort();
        memcpy(copy, bytes + at, (size_t)piece);
        made = input_push(in, copy, piece, &taken, samples, room, &e);
        free(copy);
        if (made > room || taken < 0 || taken > piece || (made == 0 && taken == 0)) abort();
        if (made > 0) add(&o, samples, made);
    }
    while (made >= 0 && (made = input_end(in, samples, ROOM, &e)) != 0) {
        if (made > ROOM) abort();
        if (made > 0) add(&o, samples, made);
    }
    if (made < 0 && e.text[0] == 0) abort();
    o.status = made;
    input_free(in);
    free(samples);
    return o;
}

/* Two bytes choose the encoding and the cuts; the rest is the input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int32_t rates[] = { 16000, 8000, 48000, 44100, 1000, 768000 };
    if (size < 2) return 0;
    int32_t encoding = data[0] % 4 == 3 ? VOX_ENCODING_AUTO : data[0] % 4, rate = rates[data[0] / 4 % 6], channels = 1 + data[0] / 24;
    outcome whole = run(data + 2, (int64_t)size - 2, encoding, rate, channels, 0);
    outcome cut = run(data + 2, (int64_t)size - 2, encoding, rate, channels, data[1] + 1u);
    if (whole.status != cut.status) abort();
    if (whole.status == 0 && (whole.samples != cut.samples || whole.hash != cut.hash)) abort();
    return 0;
}

/* WAVE files of each sample format, plain, extensible, RF64, with a chunk before data; raw audio. */
size_t fuzz_seed(int index, uint8_t *out, size_t capacity) {
    static const struct { uint8_t tag, bits, channels; uint16_t rate; } kinds[] = {
        { 1, 8, 1, 8000 }, { 1, 16, 1, 16000 }, { 1, 16, 2, 64000 }, { 1, 24, 2, 48000 }, { 1, 32, 1, 24000 }, { 3, 32, 2, 48000 }, { 3, 64, 1, 32000 },
    };
    enum { KINDS = sizeof kinds / sizeof *kinds, SIZE = 700 };
    static const uint8_t tail[14] = { 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71 };
    if (capacity < SIZE || index >= 4 * KINDS + 3) return 0;
    for (size_t i = 0; i < SIZE; i++) out[i] = (uint8_t)(i * i >> 3);
    out[0] = index < 4 * KINDS ? 0 : (uint8_t)(index - 4 * KINDS + 1 + 28); /* stereo, 8 kHz */
    if (index >= 4 * KINDS) return SIZE;
    int variant = index / KINDS, k = index % KINDS, frame = kinds[k].bits / 8 * kinds[k].channels;
    uint8_t *p = out + 2;
    memcpy(p, variant == 2 ? "RF64\xFF\xFF\xFF\xFFWAVE" : "RIFF\0\4\0\0WAVE", 12);
    p += 12;
    if (variant == 2) memcpy(p, "ds64\34\0\0\0\0\4\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 36), p += 36;
    if (variant == 3) memcpy(p, "LIST\5\0\0\0INFO\0", 14), p += 14;
    uint8_t fmt[48] = { 'f', 'm', 't', ' ', variant == 1 ? 40 : 16, 0, 0, 0, kinds[k].tag, 0, kinds[k].channels, 0,
                        (uint8_t)kinds[k].rate, (uint8_t)(kinds[k].rate >> 8), 0, 0, 0, 0, 0, 0, (uint8_t)frame, 0, kinds[k].bits };
    if (variant == 1) {
        fmt[8] = 0xFE, fmt[9] = 0xFF, fmt[24] = 22, fmt[26] = kinds[k].bits, fmt[32] = kinds[k].tag;
        memcpy(fmt + 34, tail, sizeof tail);
    }
    memcpy(p, fmt, 8u + fmt[4]);
    p += 8 + fmt[4];
    memcpy(p, variant == 2 ? "data\xFF\xFF\xFF\xFF" : "data\0\2\0\0", 8);
    return SIZE;
}
