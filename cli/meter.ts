// The status line of live transcription: below the text on a terminal, in the place
// of one line if the text goes elsewhere, nowhere if standard error is no terminal.
import type { LiveState } from "../src/index.ts";
import { write } from "./terminal.ts";

const bars = 12;
const quietestDb = -66;
const newlines = /[\r\n]/;

/** "▮▮▮▮▮▯▯▯▯▯▯▯ -31 dB  lag 0.62 s  0.11 x real time". */
export function meterLine({ level, speaking, lag, realTimeFactor, lost }: LiveState): string {
  const db = Math.max(quietestDb, 20 * Math.log10(level + 1e-9));
  const on = Math.round((1 - db / quietestDb) * bars);
  const parts = [
    `${(speaking ? "▮" : "▪").repeat(on)}${"▯".repeat(bars - on)} ${db.toFixed(0)} dB`,
    `lag ${lag.toFixed(1)} s`,
  ];
  if (realTimeFactor > 0) parts.push(`real-time factor ${realTimeFactor.toFixed(2)}`);
  if (lost > 0) parts.push(`${lost.toFixed(1)} s lost`);
  return parts.join("  ");
}

/** Text with a status line below it. */
export class Meter implements Disposable {
  readonly #enabled: boolean;
  readonly #below: boolean;
  #column = 0; // of the text
  #shown = false;

  constructor(enabled: boolean) {
    this.#enabled = enabled && process.stderr.isTTY === true;
    this.#below = process.stdout.isTTY === true;
  }

  show(line: string): void {
    if (!this.#enabled) return;
    const width = process.stderr.columns || 80;
    const cut = Bun.stringWidth(line) < width ? line : "";
    process.stderr.write(this.#below ? `\n\r\x1b[K${cut}\x1b[A\x1b[${this.#column + 1}G` : `\r\x1b[K${cut}`);
    this.#shown = true;
  }

  /** Text for stdout. */
  async print(text: string): Promise<void> {
    if (text === "") return;
    if (this.#below) this.clear();
    this.#follow(text);
    await write("out", text);
  }

  /** A line of its own for stderr. */
  async say(line: string): Promise<void> {
    this.clear();
    await write("err", this.#below && this.#column > 0 ? `\n${line}\n` : `${line}\n`);
    this.#column = 0;
  }

  clear(): void {
    if (this.#shown) process.stderr.write(this.#below ? "\x1b[J" : "\r\x1b[K");
    this.#shown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  /** Where the cursor stands after the text. */
  #follow(text: string): void {
    const width = process.stdout.columns || 80;
    const lines = text.split(newlines);
    this.#column = ((lines.length > 1 ? 0 : this.#column) + Bun.stringWidth(lines.at(-1) ?? "")) % width;
  }
}
