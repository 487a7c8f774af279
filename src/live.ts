// Types of live transcription.
import type { StreamOptions, VoxtralEvent } from "./types.ts";

/** 16 kHz mono samples as they come, microphone() for one; `lost` counts missing ones. */
export interface LiveSource extends AsyncIterable<Float32Array> {
  readonly lost?: number;
}

export interface ListenOptions extends Omit<StreamOptions, "rate" | "channels" | "encoding"> {
  /** Hold silence back. Default true. */
  gate?: boolean;
  /** Skip sound when more than 5 s behind. Default true. */
  skip?: boolean;
}

/** Sound begins after silence; or it has ended, and (if the model keeps up) its text is out. */
export interface SpeechEvent {
  type: "speech";
  state: "start" | "end";
  at: number;
}

/** The model is slower than the sound. */
export interface LagEvent {
  type: "lag";
  /** Seconds of sound that waited. */
  behind: number;
  /** Seconds of it that were skipped; 0 with `skip: false`. */
  skipped: number;
  /** Seconds of sound that the model transcribes in a second; 0 until known. */
  speed: number;
}

export type LiveEvent = VoxtralEvent | SpeechEvent | LagEvent;

/** How it goes, for a meter. */
export interface LiveState {
  /** Loudness now and the one that counts as sound, RMS. */
  level: number;
  threshold: number;
  speaking: boolean;
  /** Seconds of sound heard whose text is not certain yet. */
  lag: number;
  /** Seconds of computing per second of sound; 0 until known. */
  realTimeFactor: number;
  /** Seconds of sound missing: not read in time, or lost by the device. */
  lost: number;
}
