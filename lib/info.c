/* What there is, as JSON: the machine and a model. */
#include <inttypes.h>

#include "engine.h"
#include "json.h"
#include "os.h"

int32_t vox_system_info(char *json, int32_t capacity) {
    if (capacity < 0 || (capacity && !json)) return VOX_E_ARGUMENT;
    int64_t n = 0;
    const char *const *isa = cpu_isa_available();
    json_append(json, capacity, &n, "{\"cpu\": {\"available\": [");
    for (int32_t i = 0; isa[i]; i++) json_append(json, capacity, &n, "%s\"%s\"", i ? ", " : "", isa[i]);
    json_append(json, capacity, &n, "], \"isa\": \"%s\", \"cores\": %d}, \"backends\": [\"cpu\"]}", cpu_isa_default(), os_cores());
    return (int32_t)n;
}

static void append_transformer(char *json, int64_t capacity, int64_t *n, const char *name, const transformer_config *c) {
    json_append(json, capacity, n,
                ", \"%s\": {\"dim\": %d, \"layers\": %d, \"heads\": %d, \"kv_heads\": %d, \"head_dim\": %d, \"hidden_dim\": %d, \"window\": %d}",
                name, c->dim, c->n_layers, c->n_heads, c->n_kv_heads, c->head_dim, c->hidden_dim, c->window);
}

int32_t vox_info(vox_ctx_t *ctx, char *json, int32_t capacity) {
    if (!ctx || capacity < 0 || (capacity && !json)) return VOX_E_ARGUMENT;
    const model *m = ctx->model;
    if (!m->backend) return VOX_E_STATE;
    const vox_config *c = &m->config;
    int64_t n = 0;
    pthread_mutex_lock(&ctx->lock);
    int32_t streams = ctx->n_streams;
    int64_t stream_bytes = ctx->stream_bytes, passes = ctx->passes, tokens = ctx->tokens;
    pthread_mutex_unlock(&ctx->lock);
    json_append(json, capacity, &n, "{\"model\": ");
    json_append_string(json, capacity, &n, m->name);
    json_append(json, capacity, &n, ", \"backend\": \"%s\", \"isa\": \"%s\", \"threads\": %d", m->backend->ops->name,
                cpu_backend_isa(m->backend), cpu_backend_threads(m->backend));
    json_append(json, capacity, &n, ", \"parameters\": %" PRId64 ", \"weight_bytes\": %" PRId64 ", \"decoder_bytes\": %" PRId64,
                config_parameters(c), m->weights.bytes, m->weights.decoder_bytes);
    append_transformer(json, capacity, &n, "encoder", &c->encoder);
    append_transformer(json, capacity, &n, "decoder", &c->decoder);
    json_append(json, capacity, &n, ", \"vocab_size\": %d, \"max_positions\": %d, \"delays_ms\": [", c->vocab_size, c->max_positions);
    for (int32_t i = 0; i < N_DELAYS; i++) json_append(json, capacity, &n, i ? ", %d" : "%d", delay_ms_at(i));
    json_append(json, capacity, &n, "], \"streams\": %d, \"stream_bytes\": %" PRId64 ", \"passes\": %" PRId64 ", \"tokens\": %" PRId64 "}", streams,
                stream_bytes, passes, tokens);
    return (int32_t)n;
}
