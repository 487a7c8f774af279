/*
 * The one seam to hardware. The model (encoder.c, adapter.c, decoder.c) is a
 * sequence of these ops over device tensors; a backend computes them.
 *
 * - Ops between begin and submit belong to one step. They return nothing: the
 *   first failure latches and submit reports it. A backend may record the ops and
 *   run them at submit; it may replay a step whose key it has seen. Pointers given
 *   to ops (ids, positions, results) must stay valid until submit returns.
 * - A row of every op is computed the same whatever other rows are in the batch
 *   (CPU: bitwise), however many there are.
 * - Activations are f32. Weights are of any dtype, vectors (norms, biases) f32.
 */
#ifndef VOX_BACKEND_H
#define VOX_BACKEND_H

#include <stdint.h>

#include "config.h"
#include "error.h"
#include "tensor.h"

typedef struct backend backend;
typedef struct kv_cache kv_cache; /* keys and values of one stream in one transformer */

/* The ragged batch of one forward. Rows of one stream are adjacent and ascend by
 * one position; streams stand in any order. */
typedef struct batch {
    int32_t n;
    kv_cache *const *cache;   /* [n] */
    const int64_t *position;  /* [n] position in its stream, >= 0 */
    const int32_t *condition; /* [n] row of the delay-conditioning table; NULL: none */
} batch;

/* Candidates for one row of logits, best first. */
#define TOP_K 4
typedef struct top_tokens {
    int32_t id[TOP_K];        /* ties: the lower id first; -1 beyond the vocabulary */
    float logprob[TOP_K];     /* natural log of softmax */
} top_tokens;

typedef struct backend_ops {
    const char *name; /* "cpu" */
    void (*free)(backend *b);

    /* Writes one line for people, e.g. "cpu avx512, 2 threads". */
    void (*describe)(backend *b, char *text, int32_t capacity);

    /* ---- memory ---- */
    /* An uninitialised tensor in device memory. */
    int32_t (*alloc)(backend *b, dtype type, int32_t rows, int32_t cols, tensor *out, vox_error *e);
    void (*release)(backend *b, tensor *t);
    /* Makes a host weight usable by ops, in place: CPU leaves it where it is. */
    int32_t (*place)(backend *b, tensor *weight, vox_error *e);
    /* Copies between host and device (f32 rows); part of the step. */
    void (*upload)(backend *b, tensor to, const float *from);
    void (*download)(backend *b, float *to, tensor from);
    void (*copy)(backend *b, tensor to, tensor from);
    void (*zero)(backend *b, tensor t);

    /* A rolling cache for c->n_layers layers in which a row at position p sees
     * positions max(0, p - window + 1) .. p, also when up to max_rows rows of the
     * stream are written in one batch. type: DTYPE_F32 or DTYPE_F16. Memory is
     * touched as positions come, and bounded by window + max_rows. */
    int32_t (*kv_new)(backend *b, const transformer_config *c, dtype type, int32_t max_rows, kv_cache **out, vox_error *e);
    void (*kv_free)(backend *b, kv_cache *kv);
    /* Bytes that kv_new with these arguments uses at most. */
    int64_t (*kv_bytes)(backend *b, const transformer_config *c, dtype type, int32_t max_rows);

    /* ---- a step ---- */
    void (*begin)(backend *b, uint64_t key);
    int32_t (*submit)(backend *b, vox_error *e);

    /* ---- ops; shapes [rows, cols]; out never overlaps an input unless said ---- */
    /* out[r] = table[ids[r]] + add[r];  table [vocab, dim], add[r] a one-row tensor */
    void (*embed)(backend *b, tensor out, tensor table, const int32_t *ids, const tensor *add);
    /* Causal conv over frames, kernel 3, then exact GELU:
     * out[j] = gelu(bias + w . x[stride*j .. stride*j + 2]), x [2 + stride*out.rows - (stride - 1) or more, channels],
     * w [dim, 3 * channels] tap-major. The caller prepends the carried frames. */
    void (*conv1d)(backend *b, tensor out, tensor x, tensor w, tensor bias, int32_t stride);
    /* out = x w^T + bias + residual;  bias.rows, residual.rows may be 0; residual may be out */
    void (*linear)(backend *b, tensor out, tensor x, tensor w, tensor bias, tensor residual);
    /* out = silu(x gate^T) * (x up^T) */
    void (*linear_swiglu)(backend *b, tensor out, tensor x, tensor gate, tensor up);
    /* out = x / rms(x) * weight [* (1 + ada[rows->condition[r]])];  ada.rows 0: none */
    void (*rms_norm)(backend *b, tensor out, tensor x, tensor weight, float eps, tensor ada, const batch *rows);
    /* Rotates q and k (interleaved pairs, angle position * theta^(-2i/head_dim)) in
     * place and writes k and v to every row's cache at its position.
     * q [n, n_heads * head_dim]; k, v [n, n_kv_heads * head_dim] */
    void (*rope_kv)(backend *b, tensor q, tensor k, tensor v, const batch *rows, const transformer_config *c, int32_t layer);
    /* out[r] = softmax(q k^T / sqrt(head_dim)) v over the row's window; q head h uses
     * kv head h / (n_heads / n_kv_heads) */
    void (*attention)(backend *b, tensor out, tensor q, const batch *rows, const transformer_config *c, int32_t layer);
    /* x = gelu(x), exact (erf), in place */
    void (*gelu)(backend *b, tensor x);
    /* Best tokens of every row of logits, to host memory at submit. */
    void (*top_k)(backend *b, top_tokens *out, tensor logits);
} backend_ops;

struct backend {
    const backend_ops *ops;
};

/* The CPU backend. isa: "auto" or a name from cpu_isa_available; threads 0 = one
 * per core. Refuses model sizes that no kernel can do: there are none on CPU. */
int32_t cpu_backend_new(const char *isa, int32_t threads, backend **out, vox_error *e);

/* What the backend chose. */
const char *cpu_backend_isa(const backend *b);
int32_t cpu_backend_threads(const backend *b);

/* ISA levels of this machine, worst first, NULL-terminated; [0] is "scalar". */
const char *const *cpu_isa_available(void);
/* The one that "auto" takes. */
const char *cpu_isa_default(void);

#endif
