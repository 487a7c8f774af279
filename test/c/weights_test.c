/* lib/weights.c and synthetic.c: a tiny model written here, its roles and rearranged
 * copies; wrong files; the bundled model; and random weights. */
#include <sys/stat.h>

#include "config.h"
#include "safetensors.h"
#include "test.h"
#include "weights.h"

/* ---- A model file ---- */

enum { MAX_TENSORS = 64 };

typedef struct entry { char name[128], dtype[8], shape[40]; int32_t elements, offset; } entry;

typedef struct model_file {
    char dir[64], path[96];
    entry entries[MAX_TENSORS];
    int32_t n, n_elements;
} model_file;

static const vox_config tiny = {
    .encoder = { .dim = 6, .n_layers = 2, .n_heads = 3, .n_kv_heads = 3, .head_dim = 4, .hidden_dim = 10, .window = 8, .norm_eps = 1e-5f, .rope_theta = 1e4 },
    .decoder = { .dim = 8, .n_layers = 1, .n_heads = 4, .n_kv_heads = 2, .head_dim = 2, .hidden_dim = 9, .window = 8, .norm_eps = 1e-5f, .rope_theta = 1e4 },
    .sample_rate = 16000, .hop = 160, .window_size = 400, .n_mels = 5, .log_mel_max = 1.5f,
    .downsample = 4, .frame_samples = 1280, .vocab_size = 1003, .max_positions = 100, .ada_dim = 3,
};

static void add(model_file *m, const char *prefix, const char *name, int32_t a, int32_t b, int32_t c) {
    entry *t = &m->entries[m->n++];
    snprintf(t->name, sizeof t->name, "%s%s", prefix, name);
    snprintf(t->dtype, sizeof t->dtype, "BF16");
    snprintf(t->shape, sizeof t->shape, c ? "%d,%d,%d" : b ? "%d,%d" : "%d", a, b, c);
    t->elements = a * (b ? b : 1) * (c ? c : 1);
    t->offset = m->n_elements;
    m->n_elements += t->elements;
}

static void add_layer(model_file *m, const char *prefix, const transformer_config *t) {
    int32_t q = t->n_heads * t->head_dim, kv = t->n_kv_heads * t->head_dim;
    add(m, prefix, "attention.wk.weight", kv, t->dim, 0);
    add(m, prefix, "attention.wo.weight", t->dim, q, 0);
    add(m, prefix, "attention.wq.weight", q, t->dim, 0);
    add(m, prefix, "attention.wv.weight", kv, t->dim, 0);
    add(m, prefix, "attention_norm.weight", t->dim, 0, 0);
    add(m, prefix, "feed_forward.w1.weight", t->hidden_dim, t->dim, 0);
    add(m, prefix, "feed_forward.w2.weight", t->dim, t->hidden_dim, 0);
    add(m, prefix, "feed_forward.w3.weight", t->hidden_dim, t->dim, 0);
    add(m, prefix, "ffn_norm.weight", t->dim, 0, 0);
}

#define AUDIO "mm_streams_embeddings.embedding_module."
#define WHISPER AUDIO "whisper_encoder."
#define LAYER WHISPER "transformer.layers."
static void list_tensors(model_file *m) {
    const transformer_config *n = &tiny.encoder, *d = &tiny.decoder;
    static const char *const layers[] = { LAYER "0.", LAYER "1." };
    m->n = m->n_elements = 0;
    add_layer(m, "layers.0.", d);
    add(m, "layers.0.", "ada_rms_norm_t_cond.0.weight", tiny.ada_dim, d->dim, 0);
    add(m, "layers.0.", "ada_rms_norm_t_cond.2.weight", d->dim, tiny.ada_dim, 0);
    add(m, AUDIO, "audio_language_projection.0.weight", d->dim, 4 * n->dim, 0);
    add(m, AUDIO, "audio_language_projection.2.weight", d->dim, d->dim, 0);
    add(m, AUDIO, "tok_embeddings.weight", tiny.vocab_size, d->dim, 0);
    add(m, WHISPER, "conv_layers.0.conv.bias", n->dim, 0, 0);
    add(m, WHISPER, "conv_layers.0.conv.weight", n->dim, tiny.n_mels, 3);
    add(m, WHISPER, "conv_layers.1.conv.bias", n->dim, 0, 0);
    add(m, WHISPER, "conv_layers.1.conv.weight", n->dim, n->dim, 3);
    for (int i = 0; i < 2; i++) {
        add_layer(m, layers[i], n);
        add(m, layers[i], "attention.wq.bias", n->n_heads * n->head_dim, 0, 0);
        add(m, layers[i], "attention.wv.bias", n->n_heads * n->head_dim, 0, 0);
        add(m, layers[i], "attention.wo.bias", n->dim, 0, 0);
        add(m, layers[i], "feed_forward.w2.bias", n->dim, 0, 0);
    }
    add(m, WHISPER, "transformer.norm.weight", n->dim, 0, 0);
    add(m, "", "norm.weight", d->dim, 0, 0);
}

/* Element i of the file's data, as BF16. */
static uint16_t element(int32_t i) { return (uint16_t)(i * 40503u >> 3); }

static void write_model(const model_file *m, int32_t cut) {
    char *header = malloc(1 << 16);
    int n = snprintf(header, 1 << 16, "{\"__metadata__\":{}");
    for (int32_t i = 0; i < m->n; i++) {
        const entry *t = &m->entries[i];
        int width = strcmp(t->dtype, "F32") ? 2 : 4;
        if (t->name[0])
            n += snprintf(header + n, 512, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%d,%d]}", t->name, t->dtype, t->shape,
                          t->offset * 2, t->offset * 2 + t->elements * width);
    }
    n += snprintf(header + n, 16, "}");
    while (n % 8) header[n++] = ' ';
    FILE *f = fopen(m->path, "wb");
    uint8_t length[8] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16) };
    fwrite(length, 1, 8, f);
    fwrite(header, 1, (size_t)n, f);
    for (int32_t i = 0; i < m->n_elements - cut; i++) {
        uint8_t bytes[2] = { (uint8_t)element(i), (uint8_t)(element(i) >> 8) };
        fwrite(bytes, 1, 2, f);
    }
    fclose(f);
    free(header);
}

static entry *find(model_file *m, const char *name) {
    for (int32_t i = 0; i < m->n; i++)
        if (!strcmp(m->entries[i].name, name)) return &m->entries[i];
    printf("no tensor %s\n", name);
    exit(2);
}

/* ---- Good files ---- */

static void check_matrix(test_state *t, model_file *m, const char *name, const tensor *w, int32_t rows, int32_t cols) {
    const entry *e = find(m, name);
    const uint16_t *bits = tensor_host(w);
    int32_t wrong = 0;
    CHECK(t, w->rows == rows && w->cols == cols && w->type == DTYPE_BF16, "%s: [%d, %d]", name, w->rows, w->cols);
    for (int32_t i = 0; i < e->elements; i++) wrong += bits[i] != element(e->offset + i);
    CHECK(t, wrong == 0, "%s: %d elements differ", name, wrong);
}

static void check_vector(test_state *t, model_file *m, const char *name, const tensor *w, int32_t cols) {
    const entry *e = find(m, name);
    const uint32_t *bits = tensor_host(w);
    int32_t wrong = 0;
    CHECK(t, w->rows == 1 && w->cols == cols && w->type == DTYPE_F32, "%s: [%d, %d]", name, w->rows, w->cols);
    for (int32_t i = 0; i < cols; i++) wrong += bits[i] != (uint32_t)element(e->offset + i) << 16;
    CHECK(t, wrong == 0, "%s: %d elements differ", name, wrong);
}

static void check_conv(test_state *t, model_file *m, const char *name, const tensor *w, int32_t in) {
    const entry *e = find(m, name);
    const uint16_t *bits = tensor_host(w);
    int32_t wrong = 0, dim = tiny.encoder.dim;
    CHECK(t, w->rows == dim && w->cols == 3 * in && w->type == DTYPE_BF16, "%s: [%d, %d]", name, w->rows, w->cols);
    for (int32_t o = 0; o < dim; o++)
        for (int32_t k = 0; k < 3; k++)
            for (int32_t c = 0; c < in; c++) wrong += bits[(o * 3 + k) * in + c] != element(e->offset + (o * in + c) * 3 + k);
    CHECK(t, wrong == 0, "%s: %d elements differ", name, wrong);
}

static void check_layer(test_state *t, model_file *m, const char *prefix, const layer_weights *w, const transformer_config *c, int biases) {
    char name[160];
    int32_t q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
    const struct { const char *name; const tensor *w; int32_t rows, cols; } matrices[] = {
        { "attention.wq", &w->wq, q, c->dim }, { "attention.wk", &w->wk, kv, c->dim }, { "attention.wv", &w->wv, kv, c->dim },
        { "attention.wo", &w->wo, c->dim, q }, { "feed_forward.w1", &w->w1, c->hidden_dim, c->dim },
        { "feed_forward.w2", &w->w2, c->dim, c->hidden_dim }, { "feed_forward.w3", &w->w3, c->hidden_dim, c->dim },
    };
    const struct { const char *name; const tensor *w; int32_t cols; int present; } vectors[] = {
        { "attention_norm.weight", &w->attention_norm, c->dim, 1 }, { "ffn_norm.weight", &w->ffn_norm, c->dim, 1 },
        { "attention.wq.bias", &w->wq_bias, q, biases }, { "attention.wv.bias", &w->wv_bias, kv, biases },
        { "attention.wo.bias", &w->wo_bias, c->dim, biases }, { "feed_forward.w2.bias", &w->w2_bias, c->dim, biases },
    };
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        snprintf(name, sizeof name, "%s%s.weight", prefix, matrices[i].name);
        check_matrix(t, m, name, matrices[i].w, matrices[i].rows, matrices[i].cols);
    }
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        snprintf(name, sizeof name, "%s%s", prefix, vectors[i].name);
        if (vectors[i].present) check_vector(t, m, name, vectors[i].w, vectors[i].cols);
        else CHECK(t, vectors[i].w->rows == 0, "%s is absent", name);
    }
}

static void test_good(test_state *t, model_file *m) {
    weights w;
    vox_error e = { 0 };
    list_tensors(m);
    write_model(m, 0);
    CHECK(t, weights_open(m->dir, &tiny, &w, &e) == 0, "%s", e.text);
    if (e.code) return;
    check_matrix(t, m, AUDIO "tok_embeddings.weight", &w.tok_embeddings, 1003, 8);
    check_matrix(t, m, AUDIO "audio_language_projection.0.weight", &w.adapter0, 8, 24);
    check_matrix(t, m, AUDIO "audio_language_projection.2.weight", &w.adapter2, 8, 8);
    check_conv(t, m, WHISPER "conv_layers.0.conv.weight", &w.conv0, 5);
    check_conv(t, m, WHISPER "conv_layers.1.conv.weight", &w.conv1, 6);
    check_vector(t, m, WHISPER "conv_layers.0.conv.bias", &w.conv0_bias, 6);
    check_vector(t, m, WHISPER "conv_layers.1.conv.bias", &w.conv1_bias, 6);
    check_vector(t, m, WHISPER "transformer.norm.weight", &w.encoder_norm, 6);
    check_vector(t, m, "norm.weight", &w.norm, 8);
    check_layer(t, m, LAYER "0.", &w.encoder[0], &tiny.encoder, 1);
    check_layer(t, m, LAYER "1.", &w.encoder[1], &tiny.encoder, 1);
    check_layer(t, m, "layers.0.", &w.decoder[0], &tiny.decoder, 0);
    check_matrix(t, m, "layers.0.ada_rms_norm_t_cond.0.weight", &w.decoder[0].ada_down, 3, 8);
    check_matrix(t, m, "layers.0.ada_rms_norm_t_cond.2.weight", &w.decoder[0].ada_up, 8, 3);
    CHECK(t, w.encoder[0].ada_down.rows == 0 && w.encoder[0].ada_up.rows == 0, "the encoder has no delay conditioning");
    weights_close(&w);
    CHECK(t, !w.encoder && !w.storage && !w.norm.data, "closed");
    weights_close(&w);
}

static void test_nano(test_state *t) {
    vox_config c;
    weights w;
    vox_error e = { 0 };
    CHECK(t, config_load("models/nano/params.json", &c, &e) == 0 && weights_open("models/nano", &c, &w, &e) == 0, "%s", e.text);
    if (e.code) return;
    CHECK(t, w.decoder[2].w2.rows == 256 && w.decoder[2].w2.cols == 640 && w.encoder[3].wq_bias.cols == 256, "shapes");
    CHECK(t, w.tok_embeddings.data == w.decoder[0].wq.data && w.tok_embeddings.data == w.adapter0.data, "matrices are views of one mapping");
    CHECK(t, w.tok_embeddings.data != w.norm.data, "vectors are copies");
    float sum = 0;
    for (int32_t i = 0; i < 256; i++) sum += fabsf(((float *)tensor_host(&w.norm))[i]);
    CHECK(t, sum > 25 && sum < 2560, "mean |norm| %g", (double)sum / 256);
    weights_close(&w);
    c.decoder.n_layers = 4;
    CHECK(t, weights_open("models/nano", &c, &w, &e) == VOX_E_FORMAT &&
                 !strcmp(e.text, "models/nano/consolidated.safetensors: tensor layers.3.attention_norm.weight is missing"), "%s", e.text);
}

/* ---- Wrong files ---- */

static void refuse(test_state *t, const model_file *m, int32_t cut, int32_t status, const char *message) {
    weights w;
    vox_error e = { 0 };
    write_model(m, cut);
    CHECK(t, weights_open(m->dir, &tiny, &w, &e) == status && !w.encoder && !w.storage, "status %d", e.code);
    CHECK(t, strstr(e.text, message) && strstr(e.text, m->path), "\"%s\" lacks \"%s\"", e.text, message);
}

static void test_wrong(test_state *t, model_file *m) {
    char message[256];
    list_tensors(m);
    for (int32_t i = 0; i < m->n; i++) { /* every one is asked for */
        list_tensors(m);
        snprintf(message, sizeof message, ": tensor %s is missing", m->entries[i].name);
        m->entries[i].name[0] = 0;
        refuse(t, m, 0, VOX_E_FORMAT, message);
    }
    list_tensors(m);
    strcpy(find(m, "layers.0.attention.wk.weight")->shape, "8,4");
    refuse(t, m, 0, VOX_E_FORMAT, ": tensor layers.0.attention.wk.weight: expected shape [4, 8] as params.json has it, found [8, 4]");
    list_tensors(m);
    strcpy(find(m, "norm.weight")->shape, "1,8");
    refuse(t, m, 0, VOX_E_FORMAT, ": tensor norm.weight: expected shape [8] as params.json has it, found [1, 8]");
    list_tensors(m);
    strcpy(find(m, WHISPER "conv_layers.1.conv.weight")->shape, "6,18");
    refuse(t, m, 0, VOX_E_FORMAT, "conv_layers.1.conv.weight: expected shape [6, 6, 3] as params.json has it, found [6, 18]");
    list_tensors(m);
    strcpy(find(m, "layers.0.attention.wk.weight")->dtype, "U16");
    refuse(t, m, 0, VOX_E_UNSUPPORTED, ": tensor layers.0.attention.wk.weight: expected dtype BF16, F16, F32 or a block type of GGUF, found U16");
    list_tensors(m);
    refuse(t, m, 1, VOX_E_FORMAT, ": tensor norm.weight ends at byte ");
    find(m, "layers.0.attention.wk.weight")->offset += 1;
    refuse(t, m, 0, VOX_E_FORMAT, ": tensors layers.0.attention.wk.weight and layers.0.attention.wo.weight overlap");
    FILE *f = fopen(m->path, "wb");
    fclose(f);
    weights w;
    vox_error e = { 0 };
    CHECK(t, weights_open(m->dir, &tiny, &w, &e) == VOX_E_FORMAT && strstr(e.text, ": the file is empty"), "%s", e.text);
    e = (vox_error){ 0 };
    CHECK(t, weights_open("/no/such", &tiny, &w, &e) == VOX_E_IO && strstr(e.text, "/no/such: cannot be opened: No such file"), "%s", e.text);
    e = (vox_error){ 0 };
    remove(m->path);
    mkdir(m->path, 0700);
    CHECK(t, weights_open(m->dir, &tiny, &w, &e) == VOX_E_IO && strstr(e.text, "not a regular file"), "%s", e.text);
    rmdir(m->path);
}

/* ---- Random weights ---- */

typedef struct watch { int calls, stop_at; double last; int ordered; } watch;

static int32_t on_progress(void *user, double fraction) {
    watch *w = user;
    w->ordered &= fraction >= w->last && fraction <= 1;
    w->last = fraction;
    return ++w->calls == w->stop_at;
}

static double rms(const tensor *w, double *mean) {
    const uint16_t *bits = tensor_host(w);
    int64_t n = (int64_t)w->rows * w->cols;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t wide = (uint32_t)bits[i] << 16;
        float x;
        memcpy(&x, &wide, 4);
        sum += x;
        squares += (double)x * x;
    }
    *mean = sum / (double)n;
    return sqrt(squares / (double)n);
}

static void test_synthetic(test_state *t) {
    vox_config c;
    weights a, b;
    vox_error e = { 0 };
    watch seen = { .ordered = 1 }, stop = { .stop_at = 1, .ordered = 1 };
    CHECK(t, config_load("models/nano/params.json", &c, &e) == 0, "%s", e.text);
    c.vocab_size = 65521; /* several blocks of work */
    CHECK(t, weights_synthesize(&c, 7, 1, &a, on_progress, &seen, &e) == 0, "%s", e.text);
    CHECK(t, seen.calls > 4 && seen.ordered && seen.last == 1, "%d calls, last %g", seen.calls, seen.last);
    CHECK(t, weights_synthesize(&c, 7, 5, &b, NULL, NULL, &e) == 0, "%s", e.text);
    if (e.code) return;
    const struct { const char *name; const tensor *a, *b; int32_t fan_in; } matrices[] = {
        { "tok_embeddings", &a.tok_embeddings, &b.tok_embeddings, 256 }, { "conv0", &a.conv0, &b.conv0, 3 * 128 },
        { "adapter0", &a.adapter0, &b.adapter0, 768 }, { "wq", &a.encoder[3].wq, &b.encoder[3].wq, 192 },
        { "w1", &a.decoder[0].w1, &b.decoder[0].w1, 256 }, { "w2", &a.decoder[2].w2, &b.decoder[2].w2, 640 },
        { "ada_up", &a.decoder[2].ada_up, &b.decoder[2].ada_up, 32 },
    };
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        double mean, scale = rms(matrices[i].a, &mean) * sqrt(matrices[i].fan_in);
        CHECK(t, scale > 0.7 && scale < 1.42, "%s: rms * sqrt(fan in) %g", matrices[i].name, scale);
        CHECK(t, fabs(mean) * sqrt(matrices[i].fan_in) < 0.05, "%s: mean %g", matrices[i].name, mean);
        CHECK(t, !memcmp(tensor_host(matrices[i].a), tensor_host(matrices[i].b), tensor_bytes(matrices[i].a)), "%s: threads matter", matrices[i].name);
        CHECK(t, (uintptr_t)tensor_host(matrices[i].a) % 64 == 0, "%s: alignment", matrices[i].name);
    }
    CHECK(t, memcmp(tensor_host(&a.decoder[0].w1), tensor_host(&a.decoder[1].w1), tensor_bytes(&a.decoder[0].w1)), "layers differ");
    const float *norm = tensor_host(&a.norm), *bias = tensor_host(&a.encoder[1].w2_bias);
    int32_t ones = 0, small = 0;
    for (int32_t i = 0; i < 256; i++) ones += norm[i] == 1.0f;
    for (int32_t i = 0; i < 192; i++) small += bias[i] != 0 && fabsf(bias[i]) < 1;
    CHECK(t, ones == 256 && small == 192, "%d ones, %d small biases", ones, small);
    weights_close(&b);
    CHECK(t, weights_synthesize(&c, 8, 2, &b, NULL, NULL, &e) == 0, "%s", e.text);
    CHECK(t, memcmp(tensor_host(&a.conv1), tensor_host(&b.conv1), tensor_bytes(&a.conv1)), "seeds differ");
    weights_close(&a);
    weights_close(&b);
    CHECK(t, weights_synthesize(&c, 7, 2, &a, on_progress, &stop, &e) == VOX_E_CANCELLED && !a.storage && stop.calls == 1, "%d calls: %s", stop.calls, e.text);
}

int main(void) {
    test_state t = { 0 };
    model_file m = { 0 };
    const char *tmp = getenv("TMPDIR");
    if (!tmp || strlen(tmp) > 30) tmp = "/tmp";
    snprintf(m.dir, sizeof m.dir, "%s/voxtral-weights-XXXXXX", tmp);
    if (!mkdtemp(m.dir)) return 2;
    snprintf(m.path, sizeof m.path, "%s/consolidated.safetensors", m.dir);
    test_good(&t, &m);
    test_nano(&t);
    test_wrong(&t, &m);
    test_synthetic(&t);
    rmdir(m.dir);
    return test_report(&t);
}
