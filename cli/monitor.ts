// --monitor: one symbol per step of the model, between the text.
import type { Progress, VoxtralEvent } from "../src/index.ts";

/** A decoder step slower than this, in ms, cannot keep up with speech for long. */
const slowStepMs = 40;

export const symbols = {
  encoder: "▶",
  prefill: "·",
  text: "▪",
  slowText: "▸",
  silence: "▫",
  slowSilence: "▹",
} as const;

const restarts = { eos: "↺", positions: "⟳", silence: "↻", rut: "⤾" } as const;

/** Tells from the events and the progress what the model has just done. */
export class Monitor {
  #encoded = 0;
  #prefilled = false;
  #steps = 0;
  #textSteps = 0;
  #since = performance.now();

  /** The symbols that an event adds. */
  see(event: VoxtralEvent, { encoded }: Progress): string {
    let seen = "";
    if (encoded > this.#encoded) {
      seen += this.#decoded() + symbols.encoder;
      this.#encoded = encoded;
    }
    if (event.type === "token") {
      if (!this.#prefilled) seen += symbols.prefill;
      this.#prefilled = true;
      this.#steps++;
      if (event.bytes.length > 0) this.#textSteps++;
    } else if (event.type === "restart") {
      seen += this.#decoded() + restarts[event.reason];
      this.#prefilled = false;
    } else if (event.type === "done") seen += this.#decoded();
    return seen;
  }

  /** The decoder's steps since the last run of the encoder. */
  #decoded(): string {
    const now = performance.now();
    const slow = now - this.#since > slowStepMs * this.#steps;
    const { text, slowText, silence, slowSilence } = symbols;
    const symbol =
      this.#steps === 0 ? "" : this.#textSteps > 0 ? (slow ? slowText : text) : slow ? slowSilence : silence;
    this.#since = now;
    this.#steps = this.#textSteps = 0;
    return symbol;
  }
}
