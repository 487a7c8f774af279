import type { Formatter } from "./formatter.ts";

/** Every generated id, on one line. */
export function tokens(): Formatter {
  let first = true;
  return {
    push(event) {
      if (event.type !== "token") return "";
      const space = first ? "" : " ";
      first = false;
      return `${space}${event.id}`;
    },
    end: (complete) => (complete || !first ? "\n" : ""),
  };
}
