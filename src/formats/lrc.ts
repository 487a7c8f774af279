import { clock, type Formatter } from "./formatter.ts";

/** Lyrics: a line a segment, with the time it begins. */
export function lrc(): Formatter {
  return {
    push(event) {
      if (event.type !== "segment") return "";
      const { minutes, s, ms } = clock(Math.round(event.start * 1000));
      return `[${minutes}:${s}.${ms.slice(0, 2)}]${event.text}\n`;
    },
    end: () => "",
  };
}
