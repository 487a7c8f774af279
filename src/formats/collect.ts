import type { Segment, Token, Transcript, VoxtralEvent, Word } from "../types.ts";

/** Gathers events into a transcript. */
export class Collector {
  #text = "";
  #duration = 0;
  readonly #words: Word[] = [];
  readonly #segments: Segment[] = [];
  readonly #tokens: Token[] = [];

  push({ type, ...event }: VoxtralEvent): void {
    if (type === "text") this.#text += (event as { text: string }).text;
    else if (type === "word") this.#words.push(event as Word);
    else if (type === "segment") this.#segments.push(event as Segment);
    else if (type === "token") this.#tokens.push(event as Token);
    else if (type === "done") ({ duration: this.#duration } = event as { duration: number });
  }

  get transcript(): Transcript {
    const text = this.#text.trim();
    return { text, words: this.#words, segments: this.#segments, tokens: this.#tokens, duration: this.#duration };
  }
}
