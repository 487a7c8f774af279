import type { Formatter } from "./formatter.ts";

/** A row a segment: start and end in seconds, text (RFC 4180, lines ended by \n). */
export function csv(): Formatter {
  let header = "start,end,text\n";

  function withHeader(row: string): string {
    const all = header + row;
    header = "";
    return all;
  }

  return {
    push(event) {
      if (event.type !== "segment") return withHeader("");
      const { start, end, text } = event;
      return withHeader(`${start.toFixed(3)},${end.toFixed(3)},"${text.replaceAll('"', '""')}"\n`);
    },
    end: (complete) => (complete ? withHeader("") : ""),
  };
}
