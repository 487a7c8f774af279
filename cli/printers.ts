// What the events of one file become on stdout.
import type { Alternative, VoxtralEvent } from "../src/index.ts";

export interface Printer {
  /** What an event adds to the output. */
  print(event: VoxtralEvent): string;
  /** What ends it; incomplete: the transcription failed or was stopped. */
  end(complete: boolean): string;
}

export type Format = "text" | "json" | "tokens";

/** Takes the spaces before the first word away. */
class Start {
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

class TextPrinter implements Printer {
  readonly #start = new Start();

  print(event: VoxtralEvent): string {
    return event.type === "text" ? this.#start.trim(event.text) : "";
  }

  end(complete: boolean): string {
    return complete || this.#start.printed ? "\n" : "";
  }
}

/** Text with the candidates in place: "the[ V| Vo]ox". */
class AlternativesPrinter implements Printer {
  readonly #start = new Start();
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  print(event: VoxtralEvent): string {
    if (event.type !== "token" || event.bytes.length === 0) return "";
    const others = event.alternatives?.filter((other) => other.bytes.length > 0) ?? [];
    if (others.length === 0) return this.#start.trim(this.#decoder.decode(event.bytes, { stream: true }));
    const best = this.#start.trim(spelled(event));
    return `${this.#decoder.decode()}[${[best, ...others.map(spelled)].join("|")}]`;
  }

  end(complete: boolean): string {
    const rest = this.#start.trim(this.#decoder.decode());
    return rest + (complete || this.#start.printed ? "\n" : "");
  }
}

const spelled = ({ bytes }: Alternative): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

class TokensPrinter implements Printer {
  #first = true;

  print(event: VoxtralEvent): string {
    if (event.type !== "token") return "";
    const space = this.#first ? "" : " ";
    this.#first = false;
    return `${space}${event.id}`;
  }

  end(complete: boolean): string {
    return complete || !this.#first ? "\n" : "";
  }
}

class JsonPrinter implements Printer {
  #text = "";
  #duration = 0;
  readonly #words: object[] = [];
  readonly #tokens: object[] = [];
  readonly #model: string;

  constructor(model: string) {
    this.#model = model;
  }

  print(event: VoxtralEvent): string {
    if (event.type === "text") this.#text += event.text;
    else if (event.type === "word") this.#words.push({ word: event.text, start: event.start, end: event.end });
    else if (event.type === "token") {
      const { id, text = "", start, end, logprob } = event;
      this.#tokens.push({ id, text, start, end, logprob });
    } else if (event.type === "done") this.#duration = event.duration;
    return "";
  }

  end(complete: boolean): string {
    if (!complete && this.#tokens.length === 0) return "";
    const text = this.#text.trim();
    return `${JSON.stringify({ text, duration: this.#duration, model: this.#model, words: this.#words, tokens: this.#tokens })}\n`;
  }
}

export function newPrinter(format: Format, alternatives: boolean, model: string): Printer {
  if (format === "json") return new JsonPrinter(model);
  if (format === "tokens") return new TokensPrinter();
  return alternatives ? new AlternativesPrinter() : new TextPrinter();
}
