// How transcripts look: documents as the package formats them, and text made for people:
// with candidates, or shaded by confidence.

import { Start } from "../src/formats/text.ts";
import { type Alternative, type FormatName, type Formatter, formatter, type VoxtralEvent } from "../src/index.ts";
import { joinWords } from "../src/script.ts";

/** Text with the candidates in place: "the[ V| Vo]ox". */
class AlternativesPrinter implements Formatter {
  readonly #start = new Start();
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  push(event: VoxtralEvent): string {
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

/** Colours of words that are as sure as this, by the codes of terminals. */
const shades: [least: number, code: string][] = [
  [0.9, "32"],
  [0.7, "33"],
  [0.5, "38;5;208"],
  [0, "31"],
];

/** Words as they are finished, green to red. */
class ShadedPrinter implements Formatter {
  #last: string | undefined;

  push(event: VoxtralEvent): string {
    if (event.type !== "word") return "";
    const { text, confidence } = event;
    const before = this.#last === undefined ? "" : joinWords([this.#last, text]).slice(this.#last.length, -text.length);
    this.#last = text;
    const code = shades.find(([least]) => confidence >= least)?.[1] ?? "31";
    return `${before}\x1b[${code}m${text}\x1b[0m`;
  }

  end(complete: boolean): string {
    return complete || this.#last !== undefined ? "\n" : "";
  }
}

export interface Looks {
  alternatives: boolean;
  shaded: boolean;
  model: string;
}

export function newPrinter(format: FormatName, { alternatives, shaded, model }: Looks): Formatter {
  if (format === "text" && alternatives) return new AlternativesPrinter();
  if (format === "text" && shaded) return new ShadedPrinter();
  return formatter(format, { model });
}
