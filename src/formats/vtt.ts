import { Cues } from "./cues.ts";
import { clock, type Formatter } from "./formatter.ts";

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** WebVTT. */
export function vtt(): Formatter {
  const cues = new Cues();
  let header = "WEBVTT\n\n";

  function withHeader(text: string): string {
    const all = header + text;
    header = "";
    return all;
  }

  return {
    push(event) {
      if (event.type !== "segment") return withHeader("");
      const { startMs, endMs, lines } = cues.next(event);
      const text = lines.join("\n").replace(/[&<>]/g, (character) => escapes[character] ?? character);
      return withHeader(`${time(startMs)} --> ${time(endMs)}\n${text}\n\n`);
    },
    end: (complete) => (complete ? withHeader("") : ""),
  };
}

function time(at: number): string {
  const { h, m, s, ms } = clock(at);
  return `${h}:${m}:${s}.${ms}`;
}
