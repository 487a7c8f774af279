import type { FormatName } from "./formats/index.ts";

/** Text that became certain: whole code points, joined they are the transcript; the first has no white space before it. */
export interface TextEvent {
  type: "text";
  text: string;
}

/** A token the model considered. */
export interface Alternative {
  id: number;
  /** The token's text; absent for control tokens and for bytes that are not UTF-8 by themselves. */
  text?: string;
  bytes: Uint8Array;
  /** Natural logarithm of its probability. */
  logprob: number;
}

/** Every generated token, control tokens too; times in seconds bound its frame. */
export interface TokenEvent extends Alternative {
  type: "token";
  start: number;
  end: number;
  /** The next best tokens, if asked for and near enough. */
  alternatives?: Alternative[];
}

/** A finished word. Times are approximate by nature. */
export interface WordEvent {
  type: "word";
  text: string;
  start: number;
  end: number;
  /** Mean natural logarithm of its tokens' probabilities. */
  logprob: number;
  /** exp(logprob), 0..1. */
  confidence: number;
}

export type Word = Omit<WordEvent, "type">;
export type Token = Omit<TokenEvent, "type">;

/** A sentence, or what a pause or its length ended. */
export interface SegmentEvent {
  type: "segment";
  text: string;
  start: number;
  end: number;
  words: Word[];
}

export type Segment = Omit<SegmentEvent, "type">;

/** The model started afresh at `at` seconds. */
export interface RestartEvent {
  type: "restart";
  /**
   * "positions": its last position was reached. With `continuous` also "eos": it ended
   * the text; "silence": a minute without text; "rut": no text over what sounds like speech.
   */
  reason: "eos" | "positions" | "silence" | "rut";
  at: number;
}

/** The last event. */
export interface DoneEvent {
  type: "done";
  /** "end": all audio was transcribed; "eos": the model ended the text before. */
  reason: "end" | "eos";
  /** Seconds of audio. */
  duration: number;
}

export type VoxtralEvent = TextEvent | TokenEvent | WordEvent | SegmentEvent | RestartEvent | DoneEvent;

/** A whole transcription. */
export interface Transcript {
  text: string;
  words: Word[];
  segments: Segment[];
  tokens: Token[];
  /** Seconds of audio. */
  duration: number;
}

/** How far a stream is, in seconds of audio. */
export interface Progress {
  written: number;
  encoded: number;
  decoded: number;
  /** About how much there is, where a source tells its length. */
  total?: number;
}

/** Float32Array is f32, Int16Array is s16; bytes are what `encoding` says. */
export type AudioChunk = Float32Array | Int16Array | Uint8Array | ArrayBufferLike | DataView;

/** Anything audio can come from: a string is a path. */
export type AudioSource =
  | string
  | URL
  | Blob
  | Response
  | AudioChunk
  | ReadableStream<AudioChunk>
  | AsyncIterable<AudioChunk>
  | Iterable<AudioChunk>;

/** What raw samples are. */
export interface RawFormat {
  /** Sample rate in Hz, 1000..768000. Default 16000. */
  rate?: number;
  /** Interleaved channels, 1..64, averaged. Default 1. */
  channels?: number;
  /** What bytes are: "auto" (default) is any known format by its first bytes, else raw s16le 16 kHz mono. */
  encoding?: "auto" | "f32" | "s16";
}

export interface StreamOptions extends RawFormat {
  /** Transcription delay: a multiple of 80 from 80 to 1200, or 2400. Longer hears more before it decides. Default 480. */
  delayMs?: number;
  /** Least new audio in seconds between two runs of the encoder, 0.08..10. Small: text soon; large: cheaper. Default 2. */
  interval?: number;
  /** Up to `count` tokens a position, 1..4, the best included; those with 1 - p/p_best <= cutoff (0..1). */
  alternatives?: { count: number; cutoff: number };
  /** Start again on the audio that follows an end-of-sequence token instead of ending. Default false. */
  continuous?: boolean;
  /** Phrases to prefer where the model hesitates between words; `bonus` in nats, 0..20, default 4. */
  hotwords?: readonly string[] | { phrases: readonly string[]; bonus: number };
  signal?: AbortSignal;
  /** Takes a sentence about a source that is damaged yet transcribed as far as possible. Default: process.emitWarning(). */
  onWarning?: (message: string) => void;
}

export interface TranscribeOptions extends StreamOptions {
  /** What document() writes. Default "text". */
  format?: FormatName;
  /** Give `word` events. Default true; segments have their words either way. */
  words?: boolean;
}

export interface LoadOptions {
  backend?: "auto" | "cpu";
  /** Instruction set; one that the machine lacks is an error. */
  isa?: "auto" | "scalar" | "avx2" | "avx512" | "avx512bf16" | "neon";
  /** 0 (default): one per core. */
  threads?: number;
  signal?: AbortSignal;
  /** Called with 0..1 while loading. */
  onProgress?: (fraction: number) => void;
}

export interface ModelInfo {
  model: string;
  backend: string;
  isa: string;
  threads: number;
  parameters: number;
  weightBytes: number;
  decoderBytes: number;
  encoder: Record<string, number>;
  decoder: Record<string, number>;
  vocabSize: number;
  maxPositions: number;
  /** Legal values of `delayMs`. */
  delaysMs: number[];
  /** Open streams. */
  streams: number;
  /** Bytes one stream may use at most. */
  streamBytes: number;
  /** Decoder passes so far, and the tokens they gave: more where guesses were confirmed. */
  passes: number;
  tokens: number;
}

export interface SystemInfo {
  cpu: { isa: string; available: string[]; cores: number };
  backends: string[];
}

/** What a weights file holds. */
export interface WeightsInfo {
  file: string;
  format: string;
  bytes: number;
  tensors: { name: string; dtype: string; shape: number[]; bytes: number }[];
}
