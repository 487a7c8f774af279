// Which parts of live sound are worth decoding. Loudness is measured in windows of
// 10 ms against a threshold that follows the room: a fixed distance above the
// quietest moments of the last half minute. Sound passes from shortly before it
// gets loud until 600 ms after it was.

const rate = 16000;
/** Samples of a window. */
const window = 160;
/** Windows that still pass after the last loud one; then a pause begins. */
const hangover = 60;
/** Windows before the first loud one that pass with it: soft beginnings of words. */
const preroll = 30;
/** Windows whose mean power is one entry of the history, and entries in it (30 s). */
const blockWindows = 10;
const historyBlocks = 300;
/** Entries before the history is trusted (2 s), and its part that counts as quiet. */
const trustedBlocks = 20;
const quietPart = 0.05;
/** The threshold: 9 dB above the quiet part's loudness, -66 to -30 dBFS; -54 dBFS until it is known. */
const aboveQuiet = 2.8;
const lowest = 0.0005;
const highest = 0.03;
const initial = 0.002;

/** Samples that pass, and where they stand in the capture; or a turn between sound and silence. */
export type GateStep =
  | { type: "audio"; at: number; samples: Float32Array }
  | { type: "speech"; at: number }
  | { type: "pause"; at: number };

/** Lets sound pass and holds silence back. Positions are in samples since the start. */
export class Gate {
  readonly #always: boolean;
  #rest = new Float32Array(0); // less than a window
  #at = 0; // position of the next window
  #quiet = hangover; // windows since the last loud one, while open
  #held: Float32Array[] = []; // the last windows that did not pass
  #history: number[] = [];
  #power = 0;
  #windows = 0;
  #level = 0;
  #threshold = initial;

  /** always: everything passes; loudness is measured all the same. */
  constructor(always = false) {
    this.#always = always;
  }

  /** Samples heard so far, missing ones too. */
  get position(): number {
    return this.#at + this.#rest.length;
  }

  /** Loudness of the last window, RMS. */
  get level(): number {
    return this.#level;
  }

  /** The loudness that counts as sound. */
  get threshold(): number {
    return this.#threshold;
  }

  /** Whether sound passes now. */
  get open(): boolean {
    return this.#quiet < hangover;
  }

  /** What becomes of the next samples. */
  push(samples: Float32Array): GateStep[] {
    const all = new Float32Array(this.#rest.length + samples.length);
    all.set(this.#rest);
    all.set(samples, this.#rest.length);
    const steps: GateStep[] = [];
    let at = 0;
    for (; at + window <= all.length; at += window) this.#step(all.subarray(at, at + window), steps);
    this.#rest = all.slice(at);
    return joined(steps);
  }

  /** The samples that do not fill a window, at the end. */
  end(): GateStep[] {
    const samples = this.#rest;
    const at = this.#at;
    this.#rest = new Float32Array(0);
    this.#at += samples.length;
    return samples.length > 0 && (this.open || this.#always) ? [{ type: "audio", at, samples }] : [];
  }

  /** So many samples are missing before the next ones. */
  lose(n: number): void {
    this.#at += n;
    this.#held = [];
  }

  #step(samples: Float32Array, steps: GateStep[]): void {
    const wasOpen = this.open;
    this.#quiet = this.#measure(samples) ? 0 : Math.min(this.#quiet + 1, hangover);
    if (this.open && !wasOpen) {
      steps.push({ type: "speech", at: this.#at });
      this.#held.forEach((held, i) => {
        steps.push({ type: "audio", at: this.#at - (this.#held.length - i) * window, samples: held });
      });
      this.#held = [];
    }
    if (this.open || wasOpen || this.#always) steps.push({ type: "audio", at: this.#at, samples });
    else {
      this.#held.push(samples);
      if (this.#held.length > preroll) this.#held.shift();
    }
    this.#at += window;
    if (wasOpen && !this.open) steps.push({ type: "pause", at: this.#at });
  }

  /** Whether a window is loud; the threshold learns from it. */
  #measure(samples: Float32Array): boolean {
    let sum = 0;
    for (const x of samples) sum += x * x;
    this.#level = Math.sqrt(sum / window);
    this.#power += sum / (window * blockWindows);
    if (++this.#windows === blockWindows) {
      this.#history.push(Math.sqrt(this.#power));
      if (this.#history.length > historyBlocks) this.#history.shift();
      if (this.#history.length >= trustedBlocks) {
        const quiet = this.#history.toSorted((a, b) => a - b)[Math.floor(this.#history.length * quietPart)] ?? 0;
        this.#threshold = Math.min(Math.max(quiet * aboveQuiet, lowest), highest);
      }
      this.#power = this.#windows = 0;
    }
    return this.#level > this.#threshold;
  }
}

/** Neighbouring pieces of audio as one, copied. */
function joined(steps: GateStep[]): GateStep[] {
  const result: GateStep[] = [];
  for (let i = 0; i < steps.length; ) {
    const step = steps[i] as GateStep;
    let end = i + 1;
    if (step.type !== "audio") result.push(step);
    else {
      let n = step.samples.length;
      for (let next = steps[end]; next?.type === "audio" && next.at === step.at + n; next = steps[++end])
        n += next.samples.length;
      const samples = new Float32Array(n);
      for (let k = i, to = 0; k < end; k++) {
        const piece = (steps[k] as { samples: Float32Array }).samples;
        samples.set(piece, to);
        to += piece.length;
      }
      result.push({ ...step, samples });
    }
    i = end;
  }
  return result;
}

/** Where a stream's samples stand in the capture that they were taken from. */
export class Timeline {
  #runs: { stream: number; capture: number }[] = [{ stream: 0, capture: 0 }]; // where they begin
  #written = 0;

  /** n samples from `at` of the capture are written next. */
  append(at: number, n: number): void {
    const last = this.#runs.at(-1) as { stream: number; capture: number };
    if (this.#written - last.stream !== at - last.capture) {
      if (last.stream === this.#written) last.capture = at;
      else this.#runs.push({ stream: this.#written, capture: at });
    }
    this.#written += n;
  }

  /** Seconds of the capture for seconds of the stream; where two runs meet, a sound starts in the later and ends in the earlier one. */
  map(seconds: number, edge: "start" | "end"): number {
    const position = seconds * rate;
    const inRun = (begin: number): boolean => (edge === "start" ? begin <= position + 0.5 : begin < position - 0.5);
    const run =
      this.#runs.findLast(({ stream }) => inRun(stream)) ?? (this.#runs[0] as { stream: number; capture: number });
    return seconds + (run.capture - run.stream) / rate;
  }

  /** Times before this one of the stream will not be asked for. */
  forget(seconds: number): void {
    while ((this.#runs[1]?.stream ?? Infinity) < seconds * rate) this.#runs.shift();
  }
}
