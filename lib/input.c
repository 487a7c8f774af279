#include "input.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "resample.h"
#include "wav.h"

enum {
    DETECT_BYTES = 8,
    BLOCK_FRAMES = 1024, /* converted at a time */
    BLOCK_BYTES = 8192,  /* at least one frame of 64 x f64 and DETECT_BYTES */
};

typedef enum input_stage { STAGE_DETECT, STAGE_HEADER, STAGE_SAMPLES, STAGE_ENDED } input_stage;

struct input {
    input_stage stage;
    int32_t to_rate;
    pcm_format format;
    wav_header header;
    int64_t left;       /* bytes of the data chunk still to come */
    resampler *resample;
    int32_t held;       /* bytes in block: the first ones, or whole frames and then a partial one */
    uint8_t block[BLOCK_BYTES];
    float mono[BLOCK_FRAMES];
};

static int32_t begin_samples(input *in, pcm_format format, int64_t bytes, vox_error *e) {
    in->format = format;
    in->left = bytes;
    int32_t status = resampler_new(format.rate, in->to_rate, &in->resample, e);
    if (status == 0) in->stage = STAGE_SAMPLES;
    return status;
}

int32_t input_new(int32_t encoding, int32_t rate, int32_t channels, int32_t to_rate, input **out, vox_error *e) {
    *out = NULL;
    if (encoding < VOX_ENCODING_AUTO || encoding > VOX_ENCODING_S16)
        return vox_fail(e, VOX_E_ARGUMENT, "input encoding %d is unknown: expected 0 (detect), 1 (f32) or 2 (s16)", encoding);
    bool raw = encoding != VOX_ENCODING_AUTO;
    if (raw && (rate < PCM_MIN_RATE || rate > PCM_MAX_RATE))
        return vox_fail(e, VOX_E_ARGUMENT, "input rate %d Hz is out of range: expected %d to %d", rate, PCM_MIN_RATE, PCM_MAX_RATE);
    if (raw && (channels < 1 || channels > PCM_MAX_CHANNELS))
        return vox_fail(e, VOX_E_ARGUMENT, "%d input channels are out of range: expected 1 to %d", channels, PCM_MAX_CHANNELS);
    input *in = calloc(1, sizeof *in);
    if (!in) return vox_fail(e, VOX_E_MEMORY, "input: out of memory");
    in->to_rate = to_rate;
    wav_header_init(&in->header);
    if (raw) {
        pcm_format format = { encoding == VOX_ENCODING_F32 ? SAMPLE_F32 : SAMPLE_S16, rate, channels };
        int32_t status = begin_samples(in, format, INT64_MAX, e);
        if (status < 0) {
            input_free(in);
            return status;
        }
    }
    *out = in;
    return 0;
}

void input_free(input *in) {
    if (!in) return;
    resampler_free(in->resample);
    free(in);
}

/* ---- Stages --------------------------------------------------------------*/

static const char *foreign_file(const uint8_t *p, int32_t n) {
    static const struct { const char *magic; int32_t at, size; const char *name; } kinds[] = {
        { "OggS", 0, 4, "an Ogg" }, { "fLaC", 0, 4, "a FLAC" }, { "ID3", 0, 3, "an MP3" }, { "ftyp", 4, 4, "an MP4 (M4A)" },
        { "\x1A\x45\xDF\xA3", 0, 4, "a WebM (Matroska)" }, { "FORM", 0, 4, "an AIFF" }, { "caff", 0, 4, "a CAF" },
        { "RIFX", 0, 4, "a big-endian WAVE" },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (n >= kinds[i].at + kinds[i].size && memcmp(p + kinds[i].at, kinds[i].magic, (size_t)kinds[i].size) == 0)
            return kinds[i].name;
    return NULL;
}

/* The held bytes are the first of the stream: a WAVE header, or samples, which stay held. */
static int32_t detect(input *in, vox_error *e) {
    bool wave = in->held >= 4 && (memcmp(in->block, "RIFF", 4) == 0 || memcmp(in->block, "RF64", 4) == 0);
    if (wave) {
        size_t taken; /* all: a RIFF header is longer */
        int32_t status = wav_header_push(&in->header, in->block, (size_t)in->held, &taken, e);
        in->held = 0;
        in->stage = STAGE_HEADER;
        return status;
    }
    const char *kind = foreign_file(in->block, in->held);
    if (kind)
        return vox_fail(e, VOX_E_FORMAT, "the input is %s file, expected WAVE or raw s16le 16 kHz mono: "
                        "decode it first, with ffmpeg -i IN -f s16le -ar 16000 -ac 1 OUT", kind);
    return begin_samples(in, (pcm_format){ SAMPLE_S16, 16000, 1 }, INT64_MAX, e);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Frames of at most one block that surely fit into room. */
static int64_t block_frames(const input *in, int64_t room) {
    int64_t fit = resampler_accepts(in->resample, least(room, 1 << 20));
    return least(fit, least(BLOCK_FRAMES, BLOCK_BYTES / pcm_frame_bytes(&in->format)));
}

/* Converts up to `frames` of the whole frames held; the rest stays. */
static int64_t convert(input *in, int64_t frames, float *samples) {
    int32_t frame = pcm_frame_bytes(&in->format);
    frames = least(frames, in->held / frame);
    if (frames == 0) return 0;
    pcm_to_mono(&in->format, in->block, frames, in->mono);
    in->held -= (int32_t)frames * frame;
    memmove(in->block, in->block + frames * frame, (size_t)in->held);
    return resampler_push(in->resample, in->mono, frames, samples);
}

static int64_t hold(input *in, const uint8_t *bytes, int64_t n) {
    if (n <= 0) return 0;
    memcpy(in->block + in->held, bytes, (size_t)n);
    in->held += (int32_t)n;
    return n;
}

int64_t input_push(input *in, const uint8_t *bytes, int64_t size, int64_t *taken,
                   float *samples, int64_t room, vox_error *e) {
    int64_t at = 0, made = 0;
    int32_t status = 0;
    *taken = 0;
    if (in->stage == STAGE_ENDED) return vox_fail(e, VOX_E_STATE, "audio came after the end of the input");
    if (size == 0) return 0;
    if (in->stage == STAGE_DETECT) {
        at += hold(in, bytes, least(size, DETECT_BYTES - in->held));
        if (in->held == DETECT_BYTES) status = detect(in, e);
    }
    if (in->stage == STAGE_HEADER && status == 0) {
        size_t used;
        status = wav_header_push(&in->header, bytes + at, (size_t)(size - at), &used, e);
        at += (int64_t)used;
        if (status == 1) status = begin_samples(in, in->header.format, in->header.data_bytes, e);
    }
    while (status == 0 && in->stage == STAGE_SAMPLES) {
        int64_t frames = block_frames(in, room - made);
        if (frames == 0) break;
        int64_t want = frames * pcm_frame_bytes(&in->format) - in->held;
        int64_t used = hold(in, bytes + at, least(least(want, in->left), size - at));
        at += used;
        if (in->left != INT64_MAX) in->left -= used;
        int64_t held = in->held;
        made += convert(in, frames, samples + made);
        if (used == 0 && held == in->held) break;
    }
    if (status == 0 && in->left == 0 && in->stage == STAGE_SAMPLES) at = size; /* behind the data chunk */
    *taken = at;
    return status < 0 ? status : made;
}

int64_t input_end(input *in, float *samples, int64_t room, vox_error *e) {
    int32_t status = in->stage == STAGE_DETECT && in->held > 0 ? detect(in, e) : 0;
    if (status < 0) return status;
    if (in->stage == STAGE_DETECT) in->stage = STAGE_ENDED;
    if (in->stage == STAGE_HEADER)
        return vox_fail(e, VOX_E_FORMAT, "the WAVE input ended inside its header, before any sample: the file is cut short");
    int64_t made = 0;
    if (in->stage == STAGE_SAMPLES) {
        made = convert(in, block_frames(in, room), samples);
        if (in->held < pcm_frame_bytes(&in->format)) in->stage = STAGE_ENDED;
    }
    if (in->stage == STAGE_ENDED && in->resample) made += resampler_drain(in->resample, samples + made, room - made);
    return made;
}

/* ---- Whole files ---------------------------------------------------------*/

typedef struct sample_list {
    float *samples;
    int64_t n, capacity;
} sample_list;

enum { READ_BYTES = 1 << 16, READ_ROOM = 1 << 16 };

static int32_t grow(sample_list *list, vox_error *e) {
    if (list->capacity - list->n >= READ_ROOM) return 0;
    int64_t capacity = list->capacity * 2 + READ_ROOM;
    float *samples = realloc(list->samples, (size_t)capacity * sizeof(float));
    if (!samples) return vox_fail(e, VOX_E_MEMORY, "out of memory for %lld samples", (long long)capacity);
    list->samples = samples;
    list->capacity = capacity;
    return 0;
}

static int32_t keep(sample_list *list, int64_t made, vox_error *e) {
    if (made < 0) return (int32_t)made;
    list->n += made;
    if (list->n > INT32_MAX)
        return vox_fail(e, VOX_E_UNSUPPORTED, "longer than %d samples: feed it to a stream instead", INT32_MAX);
    return 0;
}

static int32_t read_all(FILE *file, input *in, uint8_t *bytes, sample_list *list, vox_error *e) {
    size_t size;
    int32_t status;
    while ((size = fread(bytes, 1, READ_BYTES, file)) > 0)
        for (int64_t at = 0, taken; at < (int64_t)size; at += taken) {
            if ((status = grow(list, e)) < 0) return status;
            int64_t made = input_push(in, bytes + at, (int64_t)size - at, &taken, list->samples + list->n, READ_ROOM, e);
            if ((status = keep(list, made, e)) < 0) return status;
        }
    if (ferror(file)) return vox_fail(e, VOX_E_IO, "cannot be read: %s", strerror(errno));
    for (int64_t made = 1; made > 0;) {
        if ((status = grow(list, e)) < 0) return status;
        made = input_end(in, list->samples + list->n, READ_ROOM, e);
        if ((status = keep(list, made, e)) < 0) return status;
    }
    return 0;
}

int32_t wav_load(const char *path, int32_t to_rate, float **samples, int64_t *n, vox_error *e) {
    vox_error why = { 0 };
    sample_list list = { 0 };
    input *in = NULL;
    *samples = NULL;
    *n = 0;
    FILE *file = os_open(path);
    if (!file) return vox_fail(e, VOX_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
    uint8_t *bytes = malloc(READ_BYTES);
    int32_t status = bytes ? input_new(VOX_ENCODING_AUTO, 0, 0, to_rate, &in, &why)
                           : vox_fail(&why, VOX_E_MEMORY, "out of memory");
    if (status == 0) {
        in->stage = STAGE_HEADER; /* only WAVE will do */
        status = read_all(file, in, bytes, &list, &why);
    }
    fclose(file);
    free(bytes);
    input_free(in);
    if (status < 0) {
        free(list.samples);
        return vox_fail(e, status, "%s: %s", path, why.text);
    }
    *samples = list.samples;
    *n = list.n;
    return 0;
}
