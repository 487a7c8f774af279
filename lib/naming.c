/* The names of tensors in other layouts, by tables. */
#include "naming.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AUDIO "mm_streams_embeddings.embedding_module."
#define ENCODER AUDIO "whisper_encoder."
#define ENCODER_LAYERS ENCODER "transformer.layers."
#define DECODER_LAYERS "layers."

/* Without ".weight" and ".bias", which all share. */
static const struct { const char *name, *blk, *blocks; char part; const char *hf; } whole[] = {
    { AUDIO "tok_embeddings", "tok_embeddings", "dec.token_embd", 'd', "embed_tokens" },
    { AUDIO "audio_language_projection.0", "adapter.0", "proj.linear_1", 'p', "linear_1" },
    { AUDIO "audio_language_projection.2", "adapter.2", "proj.linear_2", 'p', "linear_2" },
    { ENCODER "conv_layers.0.conv", "enc.conv0", "enc.conv.0", 'a', "embedder.conv1" },
    { ENCODER "conv_layers.1.conv", "enc.conv1", "enc.conv.1", 'a', "embedder.conv2" },
    { ENCODER "transformer.norm", "enc.norm", "enc.final_norm", 'a', "norm" },
    { "norm", "norm", "dec.output_norm", 'd', "norm" },
};

/* Of a layer; where encoder and decoder differ, the encoder's comes first. */
static const struct { const char *name, *blk, *blocks[2], *hf[2]; } in_layer[] = {
    { "attention_norm", "attn_norm", { "norm_attn", "norm_attn" }, { "self_attn_layer_norm", "input_layernorm" } },
    { "attention.wq", "attn_q", { "attn.q", "attn.q" }, { "self_attn.q_proj", "self_attn.q_proj" } },
    { "attention.wk", "attn_k", { "attn.k", "attn.k" }, { "self_attn.k_proj", "self_attn.k_proj" } },
    { "attention.wv", "attn_v", { "attn.v", "attn.v" }, { "self_attn.v_proj", "self_attn.v_proj" } },
    { "attention.wo", "attn_o", { "attn.out", "attn.o" }, { "self_attn.o_proj", "self_attn.o_proj" } },
    { "ffn_norm", "ffn_norm", { "norm_ffn", "norm_ffn" }, { "final_layer_norm", "post_attention_layernorm" } },
    { "feed_forward.w1", "ffn_w1", { "ffn.gate", "ffn.gate" }, { "mlp.gate_proj", "mlp.gate_proj" } },
    { "feed_forward.w2", "ffn_w2", { "ffn.down", "ffn.down" }, { "mlp.down_proj", "mlp.down_proj" } },
    { "feed_forward.w3", "ffn_w3", { "ffn.up", "ffn.up" }, { "mlp.up_proj", "mlp.up_proj" } },
    { "ada_rms_norm_t_cond.0", "ada0", { "", "ada.linear_1" }, { "", "ada_rms_norm.linear1" } },
    { "ada_rms_norm_t_cond.2", "ada2", { "", "ada.linear_2" }, { "", "ada_rms_norm.linear2" } },
};

static bool begins(const char *text, const char *with) { return !strncmp(text, with, strlen(with)); }

/* What stands before `end` in the first name that ends so. */
static bool prefix_of(const safetensors *index, const char *end, char prefix[static 256]) {
    size_t n = strlen(end);
    for (int32_t i = 0; i < index->n; i++) {
        size_t size = strlen(index->tensors[i].name);
        if (size < n || strcmp(index->tensors[i].name + size - n, end)) continue;
        snprintf(prefix, 256, "%.*s", (int)(size - n), index->tensors[i].name);
        return true;
    }
    return false;
}

void naming_detect(const safetensors *index, naming *out) {
    *out = (naming){ .kind = NAMING_CONSOLIDATED };
    if (safetensors_find(index, AUDIO "tok_embeddings.weight")) return;
    if (safetensors_find(index, "tok_embeddings.weight")) out->kind = NAMING_BLK;
    else if (safetensors_find(index, "dec.token_embd.weight")) out->kind = NAMING_BLOCKS;
    else if (prefix_of(index, "embed_tokens.weight", out->decoder)) {
        out->kind = NAMING_HF;
        prefix_of(index, "embedder.conv1.weight", out->audio);
        prefix_of(index, "linear_1.weight", out->projector);
    }
}

static const char *hf_prefix(const naming *n, char part) {
    return part == 'a' ? n->audio : part == 'd' ? n->decoder : n->projector;
}

static const char *translate_layer(const naming *n, const char *name, bool decoder, char text[static NAMING_CHARS]) {
    char *rest;
    long layer = strtol(name + strlen(decoder ? DECODER_LAYERS : ENCODER_LAYERS), &rest, 10);
    const char *kind = strrchr(name, '.'), *side = decoder ? "dec" : "enc";
    size_t size = (size_t)(kind - ++rest);
    for (size_t i = 0; i < sizeof in_layer / sizeof *in_layer; i++) {
        if (strncmp(in_layer[i].name, rest, size) || in_layer[i].name[size]) continue;
        if (n->kind == NAMING_BLK) snprintf(text, NAMING_CHARS, "%s.blk.%ld.%s%s", side, layer, in_layer[i].blk, kind);
        else if (n->kind == NAMING_BLOCKS) snprintf(text, NAMING_CHARS, "%s.blocks.%ld.%s%s", side, layer, in_layer[i].blocks[decoder], kind);
        else snprintf(text, NAMING_CHARS, "%slayers.%ld.%s%s", hf_prefix(n, decoder ? 'd' : 'a'), layer, in_layer[i].hf[decoder], kind);
        return text;
    }
    return name;
}

const char *naming_translate(const naming *n, const char *name, char text[static NAMING_CHARS]) {
    if (n->kind == NAMING_CONSOLIDATED) return name;
    if (begins(name, ENCODER_LAYERS)) return translate_layer(n, name, false, text);
    if (begins(name, DECODER_LAYERS)) return translate_layer(n, name, true, text);
    const char *kind = strrchr(name, '.');
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        size_t size = (size_t)(kind - name);
        if (strncmp(whole[i].name, name, size) || whole[i].name[size]) continue;
        if (n->kind == NAMING_HF) snprintf(text, NAMING_CHARS, "%s%s%s", hf_prefix(n, whole[i].part), whole[i].hf, kind);
        else snprintf(text, NAMING_CHARS, "%s%s", n->kind == NAMING_BLK ? whole[i].blk : whole[i].blocks, kind);
        return text;
    }
    return name;
}
