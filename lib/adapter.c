/* frames [4n, enc dim] = [n, 4 enc dim] -> linear -> gelu -> linear -> [n, dec dim] */
#include "adapter.h"

#include <stdlib.h>

struct adapter {
    const model *model;
    tensor hidden, out; /* [max, decoder dim] */
};

int32_t adapter_new(const model *m, int32_t max_positions, adapter **out, vox_error *e) {
    adapter *a = *out = calloc(1, sizeof *a);
    if (!a) return vox_fail(e, VOX_E_MEMORY, "out of memory for the adapter");
    a->model = m;
    backend *b = m->backend;
    if (b->ops->alloc(b, DTYPE_F32, max_positions, m->config.decoder.dim, &a->hidden, e)) return e->code;
    return b->ops->alloc(b, DTYPE_F32, max_positions, m->config.decoder.dim, &a->out, e);
}

void adapter_free(adapter *a) {
    if (!a) return;
    backend *b = a->model->backend;
    b->ops->release(b, &a->hidden);
    b->ops->release(b, &a->out);
    free(a);
}

tensor adapter_forward(adapter *a, tensor frames) {
    const weights *w = &a->model->weights;
    backend *b = a->model->backend;
    const tensor none = { 0 };
    int32_t group = a->model->config.downsample, n = frames.rows / group;
    tensor hidden = tensor_rows(a->hidden, 0, n), out = tensor_rows(a->out, 0, n);
    b->ops->linear(b, hidden, tensor_reshape(frames, n, group * frames.cols), w->adapter0, none, none);
    b->ops->gelu(b, hidden);
    b->ops->linear(b, out, hidden, w->adapter2, none, none);
    return out;
}
