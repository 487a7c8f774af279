/* The tensors of a model by their role. Matrices are views of the mapped file, of
 * the type that it has; vectors (norms, biases) and conv kernels are small f32 or
 * rearranged copies. */
#ifndef VOX_WEIGHTS_H
#define VOX_WEIGHTS_H

#include "config.h"
#include "container.h"
#include "tensor.h"

typedef struct layer_weights {
    tensor attention_norm, ffn_norm;               /* [1, dim] f32 */
    tensor wq, wk, wv, wo;                         /* [out, in] */
    tensor wq_bias, wv_bias, wo_bias;              /* [1, out] f32; encoder only */
    tensor w1, w2, w3;                             /* gate, down, up */
    tensor w2_bias;                                /* encoder only */
    tensor ada_down, ada_up;                       /* [ada_dim, dim], [dim, ada_dim]; decoder only */
} layer_weights;

typedef struct weights {
    tensor conv0, conv1;           /* [dim, 3 * in]: columns are (tap, channel), tap-major */
    tensor conv0_bias, conv1_bias; /* [1, dim] f32 */
    layer_weights *encoder;        /* [encoder.n_layers] */
    tensor encoder_norm;
    tensor adapter0, adapter2;     /* [dec dim, downsample * enc dim], [dec dim, dec dim] */
    tensor tok_embeddings;         /* [vocab, dim]; also the output projection */
    layer_weights *decoder;        /* [decoder.n_layers] */
    tensor norm;
    int64_t bytes, decoder_bytes;    /* of all, and of what one decode step reads, as they are stored */
    struct weights_storage *storage; /* the mapping and the copies */
} weights;

/* Called now and then while loading; fraction in [0, 1]. Non-zero stops the
 * load with VOX_E_CANCELLED. */
typedef int32_t (*weights_progress)(void *user, double fraction);

/* Finds every tensor that config asks for and takes the mapping over. `sizes` says
 * where config comes from. Errors name file, tensor, and expected against found shape
 * or dtype. */
int32_t weights_bind(container *from, const char *sizes, const vox_config *c, weights *out, vox_error *e);

/* The same with a file, or a folder, whose config is in its params.json. */
int32_t weights_open(const char *path, const vox_config *c, weights *out, vox_error *e);

/* Random BF16 weights, the same for the same seed, scaled so that activations
 * stay finite. Written by `threads` threads (0 = one per core). */
int32_t weights_synthesize(const vox_config *c, uint64_t seed, int32_t threads, weights *out,
                           weights_progress progress, void *user, vox_error *e);

void weights_close(weights *w);

#endif
