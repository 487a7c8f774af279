import type { Formatter } from "./formatter.ts";

/** The text as it comes, on one line. */
export function text(): Formatter {
  const start = new Start();
  return {
    push: (event) => (event.type === "text" ? start.trim(event.text) : ""),
    end: (complete) => (complete || start.printed ? "\n" : ""),
  };
}

/** Takes the spaces before the first word away. */
export class Start {
  #open = true;

  trim(text: string): string {
    if (!this.#open) return text;
    const trimmed = text.replace(/^ +/, "");
    if (trimmed !== "") this.#open = false;
    return trimmed;
  }

  get printed(): boolean {
    return !this.#open;
  }
}
