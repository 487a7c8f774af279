/** Seconds that one token stands for, and the weight of the latest measurement. */
const tokenSeconds = 0.08;
const weight = 0.2;

/** How fast the model computes: from a write to the last token before the next one. */
export class Speed {
  /** Seconds of computing per second of sound, averaged; 0 until known. */
  factor = 0;
  #warm = false; // the prompt, which is no sound, is done
  #tokens = 0;
  #from = 0; // ms
  #until = 0;

  /** Seconds of sound computed in a second; 0 until known. */
  get perSecond(): number {
    return this.factor > 0 ? 1 / this.factor : 0;
  }

  /** Sound has just been given to the model. */
  wrote(): void {
    if (this.#warm && this.#tokens > 0) {
      const now = (this.#until - this.#from) / 1000 / (this.#tokens * tokenSeconds);
      this.factor += (now - this.factor) * (this.factor > 0 ? weight : 1);
    }
    this.#warm ||= this.#tokens > 0;
    this.#tokens = 0;
    this.#from = performance.now();
  }

  /** A token has come. */
  decoded(): void {
    this.#tokens++;
    this.#until = performance.now();
  }
}
