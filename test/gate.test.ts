// The gate of live sound, the map of times across what it holds back, and listen()
// with sources that need no sound device.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Gate, type GateStep, Timeline } from "../src/audio/gate.ts";
import { type ListenOptions, type LiveEvent, type LiveSource, listen, Voxtral } from "../src/index.ts";
import { expected, failure, nano, random, sample, samplesOf, toFloats } from "./helpers.ts";

const rate = 16000;

/** Noise of this loudness (RMS). */
function noise(seconds: number, rms: number, seed = 1): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length: Math.round(seconds * rate) }, () => (next() * 2 - 1) * rms * Math.sqrt(3));
}

function joined(...parts: Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function pushAll(gate: Gate, samples: Float32Array, piece = 320): GateStep[] {
  const steps: GateStep[] = [];
  for (let at = 0; at < samples.length; at += piece) steps.push(...gate.push(samples.subarray(at, at + piece)));
  return [...steps, ...gate.end()];
}

const turns = (steps: GateStep[]): [string, number][] =>
  steps.filter(({ type }) => type !== "audio").map(({ type, at }) => [type, at / rate]);

describe("the gate", () => {
  test("passes sound from 300 ms before it to 600 ms after it, unchanged", () => {
    const samples = joined(
      new Float32Array(rate),
      noise(0.5, 0.1),
      new Float32Array(2 * rate),
      noise(0.5, 0.1, 2),
      new Float32Array(rate),
    );
    for (const piece of [1, 160, 333, samples.length]) {
      const steps = pushAll(new Gate(), samples, piece);
      expect(turns(steps)).toEqual([
        ["speech", 1],
        ["pause", 2.1],
        ["speech", 3.5],
        ["pause", 4.6],
      ]);
      const heard: Float32Array = new Float32Array(samples.length);
      let passed = 0;
      for (const step of steps) {
        if (step.type !== "audio") continue;
        heard.set(step.samples, step.at);
        passed += step.samples.length;
        expect(step.samples).toEqual(samples.slice(step.at, step.at + step.samples.length));
      }
      expect(passed / rate).toBeCloseTo(2 * (0.3 + 0.5 + 0.6), 5);
      expect(heard).toEqual(samples); // what was held back is silence
    }
  });

  test("a pause shorter than 600 ms stays", () => {
    const samples = joined(noise(0.5, 0.1), new Float32Array(0.55 * rate), noise(0.5, 0.1), new Float32Array(rate));
    expect(turns(pushAll(new Gate(), samples))).toEqual([
      ["speech", 0],
      ["pause", 2.15],
    ]);
  });

  test("adapts to a noisy room: it opens at first, then only for what is louder", () => {
    const gate = new Gate();
    const before = pushAll(gate, noise(6, 0.006));
    expect(turns(before)).toEqual([
      ["speech", 0],
      ["pause", expect.closeTo(2.6, 0.2)],
    ]); // 2 s to learn, 600 ms passed through
    expect(gate.threshold).toBeGreaterThan(0.012);
    const steps = pushAll(gate, joined(noise(0.5, 0.05, 3), noise(2, 0.006, 4)));
    expect(turns(steps).map(([type]) => type)).toEqual(["speech", "pause"]);
  });

  test("adapts to a quiet room: soft speech passes", () => {
    const gate = new Gate();
    pushAll(gate, noise(4, 0.0001));
    expect(gate.threshold).toBe(0.0005);
    expect(turns(pushAll(gate, noise(0.3, 0.0015)))).toEqual([["speech", 4]]); // below the threshold it began with
  });

  test("speech does not shut itself out", async () => {
    const speech = toFloats(await samplesOf(sample("long_mixed.wav")));
    const steps = pushAll(new Gate(), joined(speech, speech, speech));
    const passed = steps.reduce((sum, step) => sum + (step.type === "audio" ? step.samples.length : 0), 0);
    expect(passed / (3 * speech.length)).toBeGreaterThan(0.8);
  });

  test("open always: everything passes, pauses are told", () => {
    const samples = joined(new Float32Array(rate), noise(0.5, 0.1), new Float32Array(rate + 7));
    const steps = pushAll(new Gate(true), samples);
    expect(
      joined(...steps.map((step): Float32Array => (step.type === "audio" ? step.samples : new Float32Array(0)))),
    ).toEqual(samples);
    expect(turns(steps)).toEqual([
      ["speech", 1],
      ["pause", 2.1],
    ]);
  });

  test("missing samples move what follows", () => {
    const gate = new Gate();
    pushAll(gate, new Float32Array(rate));
    gate.lose(2 * rate);
    expect(turns(pushAll(gate, noise(0.1, 0.1)))).toEqual([["speech", 3]]);
    expect(gate.position).toBe(3.1 * rate);
  });
});

test("the timeline maps times of the stream to those of the capture", () => {
  const timeline = new Timeline();
  timeline.append(rate, rate); // 1 s .. 2 s
  timeline.append(2 * rate, rate); // goes on to 3 s
  timeline.append(10 * rate, 2 * rate); // 10 s .. 12 s
  const map = (seconds: number, edge: "start" | "end" = "start"): number => timeline.map(seconds, edge);
  expect([map(0), map(0.5), map(1.5), map(2.5), map(4)]).toEqual([1, 1.5, 2.5, 10.5, 12]);
  expect([map(2, "end"), map(2, "start")]).toEqual([3, 10]); // a word ends before the gap, the next begins after it
  timeline.forget(2.5);
  expect([map(2.5), map(4, "end")]).toEqual([10.5, 12]);
});

describe("listen()", () => {
  let model: Voxtral;
  let digits: Float32Array;
  let kitchen: Float32Array;

  beforeAll(async () => {
    model = await Voxtral.load(nano);
    digits = toFloats(await samplesOf(sample("digits.wav")));
    kitchen = toFloats(await samplesOf(sample("kitchen.wav")));
  });
  afterAll(() => model.close());

  /** Samples in pieces of 20 ms, at `speed` times real time. */
  async function* played(samples: Float32Array, speed = Infinity): AsyncGenerator<Float32Array> {
    const start = performance.now();
    for (let at = 0; at < samples.length; at += 320) {
      const ahead = at / rate / speed - (performance.now() - start) / 1000;
      if (ahead > 0) await Bun.sleep(ahead * 1000);
      yield samples.subarray(at, at + 320);
    }
  }

  const textOf = (events: LiveEvent[]): string =>
    events
      .map((event) => (event.type === "text" ? event.text : ""))
      .join("")
      .trim();
  const hear = (source: LiveSource, options: ListenOptions = {}): Promise<LiveEvent[]> =>
    Array.fromAsync(listen(model, source, options));

  test("two phrases with a long silence between: both texts, times of the capture", async () => {
    const gap = 20;
    const recording = joined(
      new Float32Array(2 * rate),
      digits,
      new Float32Array(gap * rate),
      kitchen,
      new Float32Array(rate),
    );
    const events = await hear(played(recording), { skip: false });
    expect(textOf(events)).toBe(`${expected["digits.wav"]?.text} ${expected["kitchen.wav"]?.text}`);
    const words = events.filter((event) => event.type === "word");
    const second = 2 + digits.length / rate + gap;
    for (const { text, start, end } of words) {
      expect(end).toBeGreaterThanOrEqual(start);
      if (text === "one") expect(start).toBeCloseTo(2, 0);
      if (text === "kitchen") expect(start).toBeGreaterThan(second);
    }
    expect(words.some(({ start }) => start > second)).toBe(true);
    expect(events.filter((event) => event.type === "speech").map(({ state }) => state)).toEqual([
      "start",
      "end",
      "start",
      "end",
    ]);
    expect(events.at(-1)).toEqual({ type: "done", reason: "end", duration: recording.length / rate });
  }, 30_000);

  test("silence is not decoded", async () => {
    const tokens = async (options: ListenOptions): Promise<number> =>
      (await hear(played(joined(digits, new Float32Array(30 * rate))), { skip: false, ...options })).filter(
        ({ type }) => type === "token",
      ).length;
    expect(await tokens({})).toBeLessThan(90);
    expect(await tokens({ gate: false })).toBeGreaterThan(400);
  }, 30_000);

  test("in real time the text of a phrase is there within the delay + 300 ms of its end", async () => {
    const loud = digits.findLastIndex((x) => Math.abs(x) > 0.01) / rate;
    let late = Infinity;
    for (let attempt = 0; attempt < 3 && late > 0.78; attempt++) {
      // a busy machine may miss one
      const start = performance.now();
      const events: LiveEvent[] = [];
      let last = 0;
      for await (const event of listen(model, played(joined(digits, new Float32Array(1.5 * rate)), 1))) {
        events.push(event);
        if (event.type === "text") last = (performance.now() - start) / 1000;
        if (event.type === "speech" && event.state === "end") break;
      }
      expect(textOf(events)).toBe(expected["digits.wav"]?.text as string); // before the end is told
      late = last - loud;
    }
    expect(late).toBeGreaterThan(0);
    expect(late).toBeLessThanOrEqual(0.78);
  }, 30_000);

  test("sound that comes too fast: it is skipped, and the end is heard", async () => {
    const long = toFloats(await samplesOf(sample("long_mixed.wav")));
    const events = await hear(played(joined(long, long, digits)), {});
    const lags = events.filter((event) => event.type === "lag");
    expect(lags.length).toBeGreaterThan(0);
    const skipped = lags.reduce((sum, lag) => sum + lag.skipped, 0);
    expect(skipped).toBeGreaterThan(20);
    for (const lag of lags) expect(lag.behind).toBeGreaterThanOrEqual(5);
    expect(textOf(events)).toEndWith("zero");
    const words = events.filter((event) => event.type === "word");
    expect(words.at(-1)?.end).toBeGreaterThan((2 * long.length) / rate); // skipping has not shifted the times
    for (let i = 1; i < words.length; i++) expect(words[i]?.start).toBeGreaterThanOrEqual(words[i - 1]?.start ?? 0);
  }, 30_000);

  test("skip: false: nothing is skipped, the lag is told once", async () => {
    const long = toFloats(await samplesOf(sample("long_mixed.wav")));
    const events = await hear(played(long), { skip: false });
    expect(events.filter((event) => event.type === "lag")).toEqual([
      { type: "lag", behind: expect.any(Number), skipped: 0, speed: expect.any(Number) },
    ]);
    expect(textOf(events).split(" ").length).toBeGreaterThan(40);
  }, 30_000);

  test("a source that fails: what was heard comes first, then its error", async () => {
    async function* breaking(): AsyncGenerator<Float32Array> {
      yield* played(digits);
      throw new Error("unplugged");
    }
    const events: LiveEvent[] = [];
    const error = await failure("io", async () => {
      for await (const event of listen(model, breaking(), { skip: false })) events.push(event);
    });
    expect(error.message).toContain("unplugged");
    expect(textOf(events)).toBe(expected["digits.wav"]?.text as string);
  });

  test("lost samples leave a gap in the times", async () => {
    const source: LiveSource & { lost: number } = {
      lost: 0,
      async *[Symbol.asyncIterator]() {
        yield* played(joined(digits, new Float32Array(rate)));
        source.lost = 100 * rate;
        yield* played(joined(kitchen, new Float32Array(rate)));
      },
    };
    const live = listen(model, source, { skip: false });
    const words = (await Array.fromAsync(live)).filter((event) => event.type === "word");
    expect(words.at(-1)?.start).toBeGreaterThan(100);
    expect(live.state).toMatchObject({ lost: 100, lag: 0, speaking: false });
    expect(live.state.realTimeFactor).toBeGreaterThan(0);
  });

  test("leaving the loop closes the source; the events are given once", async () => {
    let closed = false;
    async function* endless(): AsyncGenerator<Float32Array> {
      try {
        for (;;) yield* played(digits, 1);
      } finally {
        closed = true;
      }
    }
    const live = listen(model, endless());
    for await (const event of live) if (event.type === "token") break;
    await Bun.sleep(50);
    expect(closed).toBe(true);
    expect(model.info.streams).toBe(0);
    await failure("state", () => Array.fromAsync(live));
  }, 20_000);
});
