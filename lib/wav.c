#include "wav.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { STAGE_RIFF, STAGE_CHUNK, STAGE_FMT, STAGE_DS64 };
enum { RIFF_BYTES = 12, CHUNK_BYTES = 8, FMT_BYTES = 16, EXTENSIBLE_BYTES = 40, DS64_BYTES = 28 };
enum { TAG_PCM = 1, TAG_FLOAT = 3, TAG_EXTENSIBLE = 0xFFFE };

static const char CONVERT[] = "convert it with: ffmpeg -i IN -ar 16000 -ac 1 OUT.wav";

static uint32_t read_u16(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }
static uint32_t read_u32(const uint8_t *p) { return read_u16(p) | read_u16(p + 2) << 16; }
static uint64_t read_u64(const uint8_t *p) { return read_u32(p) | (uint64_t)read_u32(p + 4) << 32; }

/* ---- Samples -------------------------------------------------------------*/

static int32_t sample_bytes(sample_format s) {
    switch (s) {
    case SAMPLE_U8: return 1;
    case SAMPLE_S16: return 2;
    case SAMPLE_S24: return 3;
    case SAMPLE_S32: case SAMPLE_F32: return 4;
    case SAMPLE_F64: return 8;
    }
    return 1;
}

int32_t pcm_frame_bytes(const pcm_format *f) { return sample_bytes(f->sample) * f->channels; }

static double clip(double x) {
    if (!isfinite(x)) return 0;
    return x < -1 ? -1 : x > 1 ? 1 : x;
}

static inline double read_sample(sample_format s, const uint8_t *p) {
    switch (s) {
    case SAMPLE_U8: return (p[0] - 128) / 128.0;
    case SAMPLE_S16: return (int16_t)read_u16(p) / 32768.0;
    case SAMPLE_S24: return (int32_t)(read_u16(p) << 8 | (uint32_t)p[2] << 24) / 2147483648.0;
    case SAMPLE_S32: return (int32_t)read_u32(p) / 2147483648.0;
    case SAMPLE_F32: {
        uint32_t bits = read_u32(p);
        float x;
        memcpy(&x, &bits, sizeof x);
        return clip(x);
    }
    case SAMPLE_F64: {
        uint64_t bits = read_u64(p);
        double x;
        memcpy(&x, &bits, sizeof x);
        return clip(x);
    }
    }
    return 0;
}

void pcm_to_mono(const pcm_format *f, const uint8_t *bytes, int64_t n, float *mono) {
    int32_t size = sample_bytes(f->sample), channels = f->channels;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int32_t c = 0; c < channels; c++, bytes += size) sum += read_sample(f->sample, bytes);
        mono[i] = (float)(sum / channels);
    }
}

/* ---- Header --------------------------------------------------------------*/

void wav_header_init(wav_header *h) { *h = (wav_header){ .stage = STAGE_RIFF }; }

static const char *tag_name(uint32_t tag) {
    switch (tag) {
    case 0x0002: return "Microsoft ADPCM";
    case 0x0006: return "A-law";
    case 0x0007: return "mu-law";
    case 0x0011: return "IMA ADPCM";
    case 0x0031: return "GSM 6.10";
    case 0x0050: return "MPEG";
    case 0x0055: return "MP3";
    case 0x00FF: case 0x1600: case 0x1610: return "AAC";
    case 0x0161: case 0x0162: return "Windows Media Audio";
    case 0x2000: return "AC-3";
    case 0xF1AC: return "FLAC";
    }
    return "unknown";
}

/* The sixteen bytes of fmt, or forty when it is extensible: tag u16, channels u16,
 * rate u32, bytes per second u32, bytes per frame u16, bits per sample u16;
 * extension size u16, valid bits u16, channel mask u32, format GUID. */
static int32_t parse_fmt(wav_header *h, vox_error *e) {
    static const uint8_t guid_tail[14] = { 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71 };
    const uint8_t *p = h->pending;
    uint32_t tag = read_u16(p), channels = read_u16(p + 2), rate = read_u32(p + 4);
    uint32_t frame = read_u16(p + 12), bits = read_u16(p + 14);
    if (tag == TAG_EXTENSIBLE) {
        if (h->chunk_bytes < EXTENSIBLE_BYTES)
            return vox_fail(e, VOX_E_FORMAT, "WAVE fmt chunk is extensible but %d bytes long, expected %d: the header is damaged; %s",
                            h->chunk_bytes, EXTENSIBLE_BYTES, CONVERT);
        if (memcmp(p + 26, guid_tail, sizeof guid_tail) != 0)
            return vox_fail(e, VOX_E_FORMAT, "WAVE extensible format is neither PCM nor float (its GUID begins with 0x%08X); %s",
                            read_u32(p + 24), CONVERT);
        tag = read_u16(p + 24);
    }
    if (tag != TAG_PCM && tag != TAG_FLOAT)
        return vox_fail(e, VOX_E_FORMAT, "WAVE format tag 0x%04X (%s) is not PCM or float: %s", tag, tag_name(tag), CONVERT);
    if (tag == TAG_PCM && bits == 8) h->format.sample = SAMPLE_U8;
    else if (tag == TAG_PCM && bits == 16) h->format.sample = SAMPLE_S16;
    else if (tag == TAG_PCM && bits == 24) h->format.sample = SAMPLE_S24;
    else if (tag == TAG_PCM && bits == 32) h->format.sample = SAMPLE_S32;
    else if (tag == TAG_FLOAT && bits == 32) h->format.sample = SAMPLE_F32;
    else if (tag == TAG_FLOAT && bits == 64) h->format.sample = SAMPLE_F64;
    else return vox_fail(e, VOX_E_FORMAT, "WAVE %s of %u bits is not supported, expected %s: %s", tag == TAG_PCM ? "PCM" : "float",
                         bits, tag == TAG_PCM ? "8, 16, 24 or 32" : "32 or 64", CONVERT);
    if (channels < 1 || channels > PCM_MAX_CHANNELS)
        return vox_fail(e, VOX_E_FORMAT, "WAVE header has %u channels, expected 1 to %d: %s", channels, PCM_MAX_CHANNELS, CONVERT);
    if (rate < PCM_MIN_RATE || rate > PCM_MAX_RATE)
        return vox_fail(e, VOX_E_FORMAT, "WAVE sample rate is %u Hz, expected %d to %d: %s", rate, PCM_MIN_RATE, PCM_MAX_RATE, CONVERT);
    if (frame != channels * (bits / 8))
        return vox_fail(e, VOX_E_FORMAT, "WAVE header says %u bytes per frame, but %u channels of %u bits are %u: the header is damaged; %s",
                        frame, channels, bits, channels * (bits / 8), CONVERT);
    h->format.channels = (int32_t)channels;
    h->format.rate = (int32_t)rate;
    return 0;
}

/* Starts on fmt or ds64: the first bytes are read, the rest is skipped. */
static int32_t enter_chunk(wav_header *h, int32_t stage, const char *name, int64_t padded, uint32_t size,
                           int32_t least, int32_t most, vox_error *e) {
    if (size < (uint32_t)least)
        return vox_fail(e, VOX_E_FORMAT, "WAVE %s chunk is %u bytes long, expected at least %d: the header is damaged; %s",
                        name, size, least, CONVERT);
    h->stage = stage;
    h->chunk_bytes = size < (uint32_t)most ? (int32_t)size : most;
    h->skip = padded - h->chunk_bytes;
    return 0;
}

/* A complete chunk header: 1 when the samples follow. */
static int32_t parse_chunk(wav_header *h, vox_error *e) {
    uint32_t size = read_u32(h->pending + 4);
    int64_t padded = (int64_t)size + (size & 1);
    if (memcmp(h->pending, "fmt ", 4) == 0)
        return enter_chunk(h, STAGE_FMT, "fmt", padded, size, FMT_BYTES, EXTENSIBLE_BYTES, e);
    if (memcmp(h->pending, "ds64", 4) == 0)
        return enter_chunk(h, STAGE_DS64, "ds64", padded, size, DS64_BYTES, DS64_BYTES, e);
    if (memcmp(h->pending, "data", 4) != 0) {
        h->skip = padded;
        return 0;
    }
    if (h->format.rate == 0)
        return vox_fail(e, VOX_E_FORMAT, "WAVE data chunk comes before the fmt chunk, so the samples have no format: %s", CONVERT);
    h->data_bytes = size == UINT32_MAX && h->long_bytes > 0 ? h->long_bytes
                  : size == UINT32_MAX || size == 0        ? INT64_MAX
                                                           : (int64_t)size;
    return 1;
}

static int32_t parse_riff(wav_header *h, vox_error *e) {
    const uint8_t *p = h->pending;
    if (memcmp(p, "RIFF", 4) != 0 && memcmp(p, "RF64", 4) != 0)
        return vox_fail(e, VOX_E_FORMAT, "not a WAVE file: it begins with the bytes %02X %02X %02X %02X, expected RIFF or RF64; %s",
                        p[0], p[1], p[2], p[3], CONVERT);
    if (memcmp(p + 8, "WAVE", 4) != 0)
        return vox_fail(e, VOX_E_FORMAT, "RIFF file of type %02X %02X %02X %02X, expected WAVE: %s", p[8], p[9], p[10], p[11], CONVERT);
    return 0;
}

/* ds64: sizes of the RIFF and of the data chunk, u64 each; the rest is not needed. */
static void parse_ds64(wav_header *h) {
    uint64_t bytes = read_u64(h->pending + 8);
    h->long_bytes = bytes <= INT64_MAX ? (int64_t)bytes : 0;
}

/* What `pending` holds is complete. On success the next is a chunk header. */
static int32_t parse(wav_header *h, vox_error *e) {
    if (h->stage == STAGE_CHUNK) return parse_chunk(h, e);
    int32_t status = h->stage == STAGE_RIFF ? parse_riff(h, e) : h->stage == STAGE_FMT ? parse_fmt(h, e) : 0;
    if (status < 0) return status;
    if (h->stage == STAGE_DS64) parse_ds64(h);
    h->stage = STAGE_CHUNK;
    return 0;
}

int32_t wav_header_push(wav_header *h, const uint8_t *bytes, size_t n, size_t *taken, vox_error *e) {
    size_t at = 0;
    int32_t status = 0;
    while (status == 0 && at < n) {
        size_t left = n - at;
        if (h->stage == STAGE_CHUNK && h->skip > 0) { /* the tail of the chunk before */
            size_t pass = (uint64_t)h->skip < left ? (size_t)h->skip : left;
            h->skip -= (int64_t)pass;
            at += pass;
            continue;
        }
        int32_t need = h->stage == STAGE_RIFF ? RIFF_BYTES : h->stage == STAGE_CHUNK ? CHUNK_BYTES : h->chunk_bytes;
        size_t missing = (size_t)(need - h->n_pending), take = missing < left ? missing : left;
        memcpy(h->pending + h->n_pending, bytes + at, take);
        h->n_pending += (int32_t)take;
        at += take;
        if (h->n_pending < need) break;
        status = parse(h, e);
        if (status >= 0) h->n_pending = 0; /* a failure stays pending, and fails again */
    }
    *taken = at;
    return status;
}
