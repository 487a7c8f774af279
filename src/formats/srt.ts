import { Cues } from "./cues.ts";
import { clock, type Formatter } from "./formatter.ts";

/** SubRip. */
export function srt(): Formatter {
  const cues = new Cues();
  let number = 0;
  return {
    push(event) {
      if (event.type !== "segment") return "";
      const { startMs, endMs, lines } = cues.next(event);
      const text = lines.join("\n").replaceAll("-->", "->"); // the format has no escapes
      return `${++number}\n${time(startMs)} --> ${time(endMs)}\n${text}\n\n`;
    },
    end: () => "",
  };
}

function time(at: number): string {
  const { h, m, s, ms } = clock(at);
  return `${h}:${m}:${s},${ms}`;
}
