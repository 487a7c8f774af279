// Generated from lib/voxtral.h by tools/abi.ts. Do not edit.

import { FFIType } from "bun:ffi";

export const abiVersion = 1;
export const sampleRate = 16000;
export const maxAlt = 4;
export const defaultDelayMs = 480;
export const defaultIntervalS = 2;
export const eventMaxBytes = 4096;
export const ringMinBytes = 32768;
export const ringMaxBytes = 67108864;
export const defaultRingBytes = 65536;
export const captureRingS = 8;
export const minIntervalS = 0.08;
export const maxIntervalS = 10;
export const defaultHotwordBonus = 4;
export const maxHotwordBonus = 20;

export const Status = {
  OK: 0,
  E_ARGUMENT: -1,
  E_MEMORY: -2,
  E_IO: -3,
  E_FORMAT: -4,
  E_UNSUPPORTED: -5,
  E_STATE: -6,
  E_BACKEND: -7,
  E_CANCELLED: -8,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

export const Encoding = {
  AUTO: 0,
  F32: 1,
  S16: 2,
} as const;
export type Encoding = (typeof Encoding)[keyof typeof Encoding];

export const EventType = {
  TOKEN: 1,
  TEXT: 2,
  WORD: 3,
  RESTART: 4,
  DONE: 5,
  ERROR: 6,
} as const;
export type EventType = (typeof EventType)[keyof typeof EventType];

export const Restart = {
  EOS: 1,
  POSITIONS: 2,
  SILENCE: 3,
  RUT: 4,
} as const;
export type Restart = (typeof Restart)[keyof typeof Restart];

export const Done = {
  END: 0,
  EOS: 1,
  CANCELLED: 2,
  ERROR: 3,
} as const;
export type Done = (typeof Done)[keyof typeof Done];

/** vox_event_t: bytes of the record and of its fields' offsets. */
export const eventLayout = {
  size: 40,
  offset: {
    size: 0, // uint32_t
    type: 4, // uint32_t
    start: 8, // double
    end: 16, // double
    id: 24, // int32_t
    logprob: 28, // float
    textSize: 32, // uint32_t
    alternatives: 36, // uint32_t
  },
} as const;

/** vox_alternative_t: bytes of the record and of its fields' offsets. */
export const alternativeLayout = {
  size: 16,
  offset: {
    id: 0, // int32_t
    logprob: 4, // float
    textSize: 8, // uint32_t
    reserved: 12, // uint32_t
  },
} as const;

/** For dlopen of bun:ffi: every function of the header. */
export const symbols = {
  /** int32_t () */
  vox_abi_version: { args: [], returns: FFIType.i32 },
  /** const char * () */
  vox_version: { args: [], returns: FFIType.cstring },
  /** int32_t (json, capacity) */
  vox_system_info: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  /** int64_t (path, json, capacity, error, error_capacity) */
  vox_inspect: { args: [FFIType.cstring, FFIType.ptr, FFIType.i64_fast, FFIType.ptr, FFIType.i32], returns: FFIType.i64_fast },
  /** vox_ctx_t * (model) */
  vox_load: { args: [FFIType.cstring], returns: FFIType.ptr },
  /** void (ctx) */
  vox_free: { args: [FFIType.ptr], returns: FFIType.void },
  /** int32_t (model, backend, isa, threads, bell, out) */
  vox_load_start: { args: [FFIType.cstring, FFIType.cstring, FFIType.cstring, FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  /** int32_t (loader, fraction) */
  vox_load_poll: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  /** vox_ctx_t * (loader) */
  vox_load_take: { args: [FFIType.ptr], returns: FFIType.ptr },
  /** const char * (loader) */
  vox_load_error: { args: [FFIType.ptr], returns: FFIType.cstring },
  /** void (loader) */
  vox_load_free: { args: [FFIType.ptr], returns: FFIType.void },
  /** void (ctx) */
  vox_close: { args: [FFIType.ptr], returns: FFIType.void },
  /** int32_t (ctx) */
  vox_is_closed: { args: [FFIType.ptr], returns: FFIType.i32 },
  /** int32_t (ctx, json, capacity) */
  vox_info: { args: [FFIType.ptr, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  /** void (ctx, delay_ms) */
  vox_set_delay: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.void },
  /** const char * (ctx, id, size) */
  vox_token_bytes: { args: [FFIType.ptr, FFIType.i32, FFIType.ptr], returns: FFIType.ptr },
  /** vox_stream_t * (ctx) */
  vox_stream_init: { args: [FFIType.ptr], returns: FFIType.ptr },
  /** void (s) */
  vox_stream_free: { args: [FFIType.ptr], returns: FFIType.void },
  /** int32_t (s, delay_ms) */
  vox_stream_set_delay: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  /** int32_t (s, encoding, rate, channels) */
  vox_stream_set_input: { args: [FFIType.ptr, FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  /** int32_t (s, bytes) */
  vox_stream_set_ring: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  /** int32_t (s, bell) */
  vox_stream_set_bell: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  /** int32_t (s, phrases, bonus) */
  vox_stream_set_hotwords: { args: [FFIType.ptr, FFIType.cstring, FFIType.f32], returns: FFIType.i32 },
  /** void (s, n_alt, cutoff) */
  vox_stream_set_alt: { args: [FFIType.ptr, FFIType.i32, FFIType.f32], returns: FFIType.void },
  /** void (s, enable) */
  vox_stream_set_continuous: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.void },
  /** void (s, seconds) */
  vox_set_processing_interval: { args: [FFIType.ptr, FFIType.f32], returns: FFIType.void },
  /** int64_t (s, bytes, size) */
  vox_stream_write: { args: [FFIType.ptr, FFIType.ptr, FFIType.i64_fast], returns: FFIType.i64_fast },
  /** int32_t (s) */
  vox_stream_end: { args: [FFIType.ptr], returns: FFIType.i32 },
  /** int32_t (s) */
  vox_stream_cancel: { args: [FFIType.ptr], returns: FFIType.i32 },
  /** int32_t (s) */
  vox_stream_flush: { args: [FFIType.ptr], returns: FFIType.i32 },
  /** int32_t (s, buffer, capacity) */
  vox_stream_read: { args: [FFIType.ptr, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  /** int32_t (s, written, encoded, decoded) */
  vox_stream_progress: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  /** int32_t (s, samples, n_samples) */
  vox_stream_feed: { args: [FFIType.ptr, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  /** int32_t (s) */
  vox_stream_finish: { args: [FFIType.ptr], returns: FFIType.i32 },
  /** int32_t (s, out_tokens, max) */
  vox_stream_get: { args: [FFIType.ptr, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  /** int32_t (s, out_tokens, max_tokens, n_alt) */
  vox_stream_get_alt: { args: [FFIType.ptr, FFIType.ptr, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  /** const char * (s) */
  vox_stream_error: { args: [FFIType.ptr], returns: FFIType.cstring },
  /** vox_bell_t * (ring) */
  vox_bell_init: { args: [FFIType.function], returns: FFIType.ptr },
  /** int32_t (bell) */
  vox_bell_arm: { args: [FFIType.ptr], returns: FFIType.i32 },
  /** void (bell) */
  vox_bell_free: { args: [FFIType.ptr], returns: FFIType.void },
  /** int64_t (json, capacity, error, error_capacity) */
  vox_capture_devices: { args: [FFIType.ptr, FFIType.i64_fast, FFIType.ptr, FFIType.i32], returns: FFIType.i64_fast },
  /** int32_t (device, system, bell, out) */
  vox_capture_open: { args: [FFIType.cstring, FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  /** int32_t (c, samples, max) */
  vox_capture_read: { args: [FFIType.ptr, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  /** int64_t (c) */
  vox_capture_lost: { args: [FFIType.ptr], returns: FFIType.i64_fast },
  /** int32_t (c, json, capacity) */
  vox_capture_info: { args: [FFIType.ptr, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  /** const char * (c) */
  vox_capture_error: { args: [FFIType.ptr], returns: FFIType.cstring },
  /** void (c) */
  vox_capture_close: { args: [FFIType.ptr], returns: FFIType.void },
  /** char * (ctx, wav_path) */
  vox_transcribe: { args: [FFIType.ptr, FFIType.cstring], returns: FFIType.ptr },
  /** char * (ctx, samples, n_samples) */
  vox_transcribe_audio: { args: [FFIType.ptr, FFIType.ptr, FFIType.i32], returns: FFIType.ptr },
  /** char * (ctx) */
  vox_transcribe_stdin: { args: [FFIType.ptr], returns: FFIType.ptr },
  /** float * (path, n_samples) */
  vox_load_wav: { args: [FFIType.cstring, FFIType.ptr], returns: FFIType.ptr },
  /** int32_t (threads, gb_per_s) */
  vox_bench_bandwidth: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  /** int32_t (isa, threads, gflop_per_s) */
  vox_bench_flops: { args: [FFIType.cstring, FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  /** int32_t (ctx, rows, context, repeats, ms) */
  vox_bench_decode: { args: [FFIType.ptr, FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  /** int32_t (ctx, repeats, ms) */
  vox_bench_prefill: { args: [FFIType.ptr, FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  /** int32_t (ctx, seconds, repeats, ms) */
  vox_bench_encode: { args: [FFIType.ptr, FFIType.f64, FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
} as const;
