import type { VoxtralEvent } from "../types.ts";

/** Turns the events of one transcription into a document, piece by piece. */
export interface Formatter {
  /** What an event adds; it is final. */
  push(event: VoxtralEvent): string;
  /** What ends it. Incomplete: the transcription failed or was stopped; nothing then follows nothing. */
  end(complete: boolean): string;
}

export interface FormatOptions {
  /** Name of the model, for "json". */
  model?: string;
  /** Language of the speech, for "verbose_json"; the model does not tell it. */
  language?: string;
}

/** For JSON.stringify: log-probabilities to 4 decimals, other numbers, such as times, to 3. */
export function rounded(key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toFixed(key.endsWith("logprob") ? 4 : 3)) : value;
}

/** Hours, minutes, seconds and thousandths of a time in whole ms. */
export function clock(ms: number): { h: string; m: string; s: string; ms: string; minutes: string } {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  return {
    h: two(ms / 3_600_000),
    m: two((ms / 60_000) % 60),
    s: two((ms / 1000) % 60),
    ms: String(ms % 1000).padStart(3, "0"),
    minutes: two(ms / 60_000),
  };
}
