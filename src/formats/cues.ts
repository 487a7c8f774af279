// Segments as subtitles: in lines, one after the other.
import { wrap } from "../script.ts";
import { lineColumns, longest } from "../segments.ts";
import type { Segment } from "../types.ts";

/** ms between two subtitles, and that one is shown at least. */
const gapMs = 80;
const shortestMs = 200;

export interface Cue {
  startMs: number;
  endMs: number;
  lines: string[];
}

export class Cues {
  #free = 0; // the next may start

  next({ text, start, end }: Segment): Cue {
    const startMs = Math.max(Math.round(start * 1000), this.#free);
    const endMs = Math.min(Math.max(Math.round(end * 1000), startMs + shortestMs), startMs + longest * 1000);
    this.#free = endMs + gapMs;
    return { startMs, endMs, lines: wrap(text, lineColumns) };
  }
}
