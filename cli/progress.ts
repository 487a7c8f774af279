// One line on a terminal: which file, how far, how fast, how long still.
import type { Progress } from "../src/index.ts";
import { Status } from "./terminal.ts";

const everyMs = 200;
const barColumns = 20;

interface Running {
  name: string;
  since: number;
  progress: () => Progress;
}

/** Shows the first of the transcriptions that are running. */
export class ProgressLine implements Disposable {
  readonly #status: Status;
  readonly #count: number;
  readonly #running = new Map<number, Running>();
  readonly #timer: Timer;

  constructor(enabled: boolean, count: number) {
    this.#status = new Status(enabled);
    this.#count = count;
    this.#timer = setInterval(() => this.#show(), everyMs);
  }

  start(i: number, name: string, progress: () => Progress): void {
    this.#running.set(i, { name, since: performance.now(), progress });
  }

  end(i: number): void {
    this.#running.delete(i);
  }

  /** Makes room for other output. */
  clear(): void {
    this.#status.clear();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.clear();
  }

  #show(): void {
    const i = Math.min(...this.#running.keys());
    const first = this.#running.get(i);
    if (first === undefined) return;
    const seconds = (performance.now() - first.since) / 1000;
    const which = this.#count > 1 ? `${i + 1}/${this.#count} ` : "";
    this.#status.show(progressLine(`${which}${first.name}`, first.progress(), seconds, process.stderr.columns || 80));
  }
}

/** The line after so many seconds of work, in at most `width` columns. */
export function progressLine(name: string, { decoded, total }: Progress, seconds: number, width: number): string {
  const speed = decoded / seconds;
  const times = `${speed.toFixed(1)}x real time`;
  let line = ` ${clock(decoded)}, ${times}`;
  if (total) {
    const done = Math.round(Math.min(decoded / total, 1) * barColumns);
    const bar = "█".repeat(done) + "░".repeat(barColumns - done);
    const left = speed > 0 ? `, ${clock(Math.max(total - decoded, 0) / speed)} left` : "";
    line = ` ${bar} ${clock(decoded)} of ${clock(total)}, ${times}${left}`;
  }
  const room = width - 1 - Bun.stringWidth(line);
  const shown = Bun.stringWidth(name) <= room ? name : `…${name.slice(-Math.max(room - 1, 0))}`;
  return room > 1 ? shown + line : line.slice(0, width - 1);
}

/** 65 is 1:05, 3700 is 1:01:40. */
function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const two = (value: number): string => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
