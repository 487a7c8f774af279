// Live transcription: silence is held back, pauses bring the text out, times are
// those of the capture, and a machine that is too slow skips instead of falling behind.
import { defaultDelayMs } from "./abi.ts";
import { Gate, type GateStep, Timeline } from "./audio/gate.ts";
import { VoxtralError } from "./errors.ts";
import type { ListenOptions, LiveEvent, LiveSource, LiveState } from "./live.ts";
import { Speed } from "./speed.ts";
import type { VoxtralStream } from "./stream.ts";
import type { VoxtralEvent } from "./types.ts";
import type { Voxtral } from "./voxtral.ts";

const rate = 16000;
/** Default of `interval`, in seconds: with it text appears within the delay + 0.3 s of its sound. */
export const liveInterval = 0.24;
/** Seconds behind at which sound is skipped, and what is kept of the latest sound then. */
const mostBehind = 5;
const kept = 0.5;
/** Seconds of sound that wait at most when nothing may be skipped. */
const mostWaiting = 600;
/** Tokens at most in which the last word before a pause may still come: what a flush pads. */
const lateTokens = 10;
/** Seconds given to the model beyond what its delay and interval hold back. */
const slack = 1;

/** Transcribes live sound. The end of the source, an aborted microphone's too, brings the rest out. */
export function listen(model: Voxtral, source: LiveSource, options: ListenOptions = {}): Listening {
  return new Listening(model, source, options);
}

/** Live sound being transcribed: iterate its events, once. Leaving the loop ends the work. */
export class Listening implements AsyncIterable<LiveEvent> {
  readonly #model: Voxtral;
  readonly #source: LiveSource;
  readonly #options: ListenOptions & { interval: number };
  readonly #gate: Gate;
  readonly #timeline = new Timeline();
  readonly #events: LiveEvent[] = [];
  #stream: VoxtralStream | undefined;
  #waiting: GateStep[] = [];
  #waitingSamples = 0;
  #sourceEnded = false;
  #lost = 0;
  #ended = false;
  #pause: { at: number; written: number; tokens: number } | undefined; // text before it may still come
  #speaking = false; // as told
  #failure: unknown;
  #changed = Promise.withResolvers<void>();
  readonly #speed = new Speed();
  #told = false; // that nothing is skipped though it should be
  #consumed = false;

  /** Use listen(). */
  constructor(model: Voxtral, source: LiveSource, options: ListenOptions) {
    this.#model = model;
    this.#source = source;
    this.#options = { continuous: true, ...options, interval: options.interval ?? liveInterval };
    this.#gate = new Gate(options.gate === false);
  }

  get state(): LiveState {
    const { level, threshold, open } = this.#gate;
    const lost = (this.#source.lost ?? 0) / rate;
    return { level, threshold, speaking: open, lag: this.#lag(), realTimeFactor: this.#speed.factor, lost };
  }

  [Symbol.asyncIterator](): AsyncGenerator<LiveEvent, void, void> {
    if (this.#consumed)
      throw new VoxtralError("state", "the sound is already being listened to: its events are given once");
    this.#consumed = true;
    return this.#run();
  }

  async *#run(): AsyncGenerator<LiveEvent, void, void> {
    const { gate: _, skip: __, ...options } = this.#options;
    using stream = this.#model.stream(options);
    this.#stream = stream;
    const samples = this.#source[Symbol.asyncIterator]();
    void this.#hear(samples);
    void this.#feed(stream);
    void this.#collect(stream);
    try {
      for (;;) {
        const event = this.#events.shift();
        if (event) yield event;
        else if (this.#ended) break;
        else await this.#changed.promise;
      }
      if (this.#failure !== undefined) throw this.#failure;
    } finally {
      this.#sourceEnded = true;
      Promise.resolve(samples.return?.()).catch(() => {});
    }
  }

  /** Takes the sound in as it comes; its failure shows after the text of what was heard. */
  async #hear(samples: AsyncIterator<Float32Array>): Promise<void> {
    try {
      for (let next = await samples.next(); !next.done && !this.#sourceEnded; next = await samples.next()) {
        this.#count();
        this.#take(this.#gate.push(next.value));
        this.#keepUp();
      }
      this.#take(this.#gate.end());
    } catch (cause) {
      this.#failure ??=
        cause instanceof VoxtralError
          ? cause
          : new VoxtralError("io", `the source of sound failed: ${(cause as Error)?.message ?? cause}`, { cause });
    }
    this.#sourceEnded = true;
    this.#change();
  }

  /** What was lost before these samples leaves a gap in the times. */
  #count(): void {
    const lost = this.#source.lost ?? 0;
    if (lost > this.#lost) this.#gate.lose(lost - this.#lost);
    this.#lost = lost;
  }

  #take(steps: GateStep[]): void {
    for (const step of steps) {
      this.#waiting.push(step);
      if (step.type === "audio") this.#waitingSamples += step.samples.length;
    }
    if (steps.length > 0) this.#change();
  }

  /** Skips sound, or only says so, when too much of it waits. */
  #keepUp(): void {
    const skip = this.#options.skip !== false;
    const behind = this.#lag() - this.#held;
    if (behind < (skip ? mostBehind : mostWaiting)) {
      if (skip || behind < mostBehind || this.#told) return;
      this.#told = true;
      this.#events.push({ type: "lag", behind, skipped: 0, speed: this.#speed.perSecond });
      return;
    }
    let skipped = 0;
    const keep = (skip ? kept : mostWaiting - kept) * rate;
    while (this.#waitingSamples > keep && this.#waiting.length > 1) {
      const step = this.#waiting.shift();
      if (step?.type !== "audio") continue;
      this.#waitingSamples -= step.samples.length;
      skipped += step.samples.length / rate;
    }
    if (skipped > 0) this.#events.push({ type: "lag", behind, skipped, speed: this.#speed.perSecond });
  }

  /** Gives the model what waits, an interval at a time, never far ahead of its work. */
  async #feed(stream: VoxtralStream): Promise<void> {
    try {
      for (;;) {
        const changed = this.#changed.promise;
        const enough = this.#waitingSamples >= this.#options.interval * rate;
        const due = enough || this.#sourceEnded || this.#waiting.some(({ type }) => type !== "audio");
        const { written, decoded } = stream.progress;
        if (stream.ended) return;
        if (due && this.#waiting.length > 0 && written - decoded < this.#held + slack) await this.#give(stream);
        else if (this.#sourceEnded && this.#waiting.length === 0) break;
        else await changed;
      }
      await stream.end();
    } catch (error) {
      if (!stream.ended) stream.fail(error as VoxtralError);
    }
  }

  /** Writes what waits, up to a pause or one second. */
  async #give(stream: VoxtralStream): Promise<void> {
    const { written, decoded } = stream.progress;
    if (written - decoded < this.#held + slack / 2) this.#speed.begin();
    for (let given = 0; given < rate; ) {
      const step = this.#waiting.shift();
      if (step === undefined) break;
      this.#endPause();
      if (step.type === "speech") this.#turn("start", step.at);
      else if (step.type === "pause") {
        this.#pause = { at: step.at, written: stream.progress.written, tokens: 0 };
        if (this.#options.gate !== false) await stream.flush();
        break;
      } else {
        this.#waitingSamples -= step.samples.length;
        given += step.samples.length;
        this.#timeline.append(step.at, step.samples.length);
        await stream.write(step.samples);
      }
    }
    this.#change();
  }

  /** All text before the pause has come. */
  #endPause(): void {
    if (this.#pause) this.#turn("end", this.#pause.at);
    this.#pause = undefined;
  }

  /** Starts and ends take turns, whatever was skipped between. */
  #turn(state: "start" | "end", at: number): void {
    if (this.#speaking === (state === "start")) return;
    this.#speaking = !this.#speaking;
    this.#events.push({ type: "speech", state, at: at / rate });
  }

  /** Puts the stream's events, in times of the capture, among the others. */
  async #collect(stream: VoxtralStream): Promise<void> {
    try {
      for await (const event of stream) {
        if (event.type === "done") this.#endPause();
        this.#events.push(this.#timed(event));
        if (event.type === "token") this.#decoded(stream);
        this.#change();
      }
    } catch (error) {
      this.#failure = error;
    }
    this.#ended = true;
    this.#change();
  }

  #decoded({ progress }: VoxtralStream): void {
    this.#speed.decoded();
    const pause = this.#pause;
    if (pause && progress.decoded >= pause.written - 1 / rate && ++pause.tokens >= lateTokens) this.#endPause();
  }

  #timed(event: VoxtralEvent): VoxtralEvent {
    const span = <T extends { start: number; end: number }>(of: T): T => ({
      ...of,
      start: this.#timeline.map(of.start, "start"),
      end: this.#timeline.map(of.end, "end"),
    });
    switch (event.type) {
      case "token":
      case "word":
        return span(event);
      case "segment":
        this.#timeline.forget(event.start);
        return { ...span(event), words: event.words.map(span) };
      case "restart":
        return { ...event, at: this.#timeline.map(event.at, "end") };
      case "done":
        return { ...event, duration: this.#gate.position / rate };
      default:
        return event;
    }
  }

  /** Seconds that the model holds back by design. */
  get #held(): number {
    return (this.#options.delayMs ?? defaultDelayMs) / 1000 + this.#options.interval;
  }

  #lag(): number {
    const { written, decoded } = this.#stream?.progress ?? { written: 0, decoded: 0 };
    return this.#waitingSamples / rate + Math.max(0, written - decoded);
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
