// One bell per process. When it rings, every consumer takes what its native side
// holds; then the bell is armed again. Nothing is called per event, and a consumer
// that is full simply leaves the rest in its native ring.
import { JSCallback } from "bun:ffi";
import { VoxtralError } from "./errors.ts";
import { type Handle, native } from "./native.ts";

export interface Consumer {
  /** Takes a bounded amount; true if more could be taken at once. */
  drain(): boolean;
}

export class Pump {
  readonly bell: Handle;
  /** Where consumers read event records; valid until the next read. */
  readonly buffer = new Uint8Array(16384);
  readonly #consumers = new Set<Consumer>();
  readonly #ring: JSCallback;
  #scheduled = false;
  #holds = 0;
  #keepAlive: Timer | undefined;

  constructor() {
    this.#ring = new JSCallback(() => this.schedule(), { returns: "void", threadsafe: true });
    const bell = native().vox_bell_init(this.#ring);
    if (!bell) throw new VoxtralError("memory", "out of memory for a bell");
    this.bell = bell;
    native().vox_bell_arm(bell);
    process.once("exit", () => native().vox_bell_free(bell)); // no call into a dying runtime
  }

  add(consumer: Consumer): void {
    this.#consumers.add(consumer);
  }

  remove(consumer: Consumer): void {
    this.#consumers.delete(consumer);
  }

  /** Serves the consumers after other events of the loop had their turn. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  /** Keeps the process alive until released: somebody waits for news. */
  hold(): Disposable {
    if (this.#holds++ === 0) this.#keepAlive = setInterval(() => {}, 2 ** 30);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held && --this.#holds === 0) clearInterval(this.#keepAlive);
        held = false;
      },
    };
  }

  #run = (): void => {
    this.#scheduled = false;
    let more = false;
    for (const consumer of this.#consumers) more = consumer.drain() || more;
    if (more || native().vox_bell_arm(this.bell) > 0) this.schedule();
  };
}

let shared: Pump | undefined;

/** The process's pump. */
export function pump(): Pump {
  return (shared ??= new Pump());
}
