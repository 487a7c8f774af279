/** Seconds that one token stands for, and what is left of a measurement after each. */
const tokenSeconds = 0.08;
const memory = 1 - tokenSeconds / 10; // some 10 s of sound

/** How fast the model computes: the sound decoded in the time in which there was some to decode. */
export class Speed {
  #busy = 0; // s, weighted
  #sound = 0;
  #since = 0; // ms: of what is being computed; 0 before the first token, whose prompt is no sound

  /** Seconds of computing per second of sound, averaged; 0 until known. */
  get factor(): number {
    return this.#sound > 0 ? this.#busy / this.#sound : 0;
  }

  /** Seconds of sound computed in a second; 0 until known. */
  get perSecond(): number {
    return this.#busy > 0 ? this.#sound / this.#busy : 0;
  }

  /** Sound is given to a model that had nothing to do. */
  begin(): void {
    if (this.#since > 0) this.#since = performance.now();
  }

  /** A token has come. */
  decoded(): void {
    const now = performance.now();
    if (this.#since > 0) {
      this.#busy = this.#busy * memory + (now - this.#since) / 1000;
      this.#sound = this.#sound * memory + tokenSeconds;
    }
    this.#since = now;
  }
}
