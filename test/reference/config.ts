/** The sizes of a model, under the names that params.json gives them. */

/** One transformer: the encoder or the decoder. */
export interface Stack {
  dim: number;
  n_layers: number;
  n_heads: number;
  n_kv_heads: number;
  head_dim: number;
  rope_theta: number;
  norm_eps: number;
  /** How many positions a query sees, its own included. */
  sliding_window: number;
}

export interface Audio {
  sampling_rate: number;
  num_mel_bins: number;
  hop_length: number;
  window_size: number;
  global_log_mel_max: number;
}

/** params.json: the decoder's sizes, and the rest within. */
interface Params extends Stack {
  multimodal: {
    whisper_model_args: {
      encoder_args: Stack & { audio_encoding_args: Audio };
      downsample_args: { downsample_factor: number };
    };
  };
}

export interface Config {
  audio: Audio;
  encoder: Stack;
  decoder: Stack;
  /** Encoder frames in one audio embedding. */
  downsample: number;
}

export function toConfig(params: Params): Config {
  const { encoder_args: encoder, downsample_args } = params.multimodal.whisper_model_args;
  return {
    audio: encoder.audio_encoding_args,
    encoder,
    decoder: params,
    downsample: downsample_args.downsample_factor,
  };
}
