import { afterEach, beforeEach, expect, test } from "bun:test";
import { Voxtral } from "../src/index.ts";
import { failure, nano, sample, samplesOf } from "./helpers.ts";

let model: Voxtral;
const long = sample("long_mixed.wav");

beforeEach(async () => {
  model = await Voxtral.load(nano);
});
afterEach(() => model.close());

test("leaving the loop stops the work and releases the stream", async () => {
  for await (const event of model.transcribe(long)) if (event.type === "text") break;
  expect(model.info.streams).toBe(0);
  const { text } = await model.transcribe(sample("weather.wav")).result();
  expect(text).not.toBe("");
});

test("leaving the loop closes the source", async () => {
  let closed = false;
  const chunk = new Int16Array(16000);
  async function* endless() {
    try {
      for (;;) yield chunk;
    } finally {
      closed = true;
    }
  }
  for await (const event of model.transcribe(endless(), { interval: 0.08 })) if (event.type === "token") break;
  await Bun.sleep(10);
  expect(closed).toBe(true);
  let cancelled = false;
  const stream = new ReadableStream({ pull: () => new Promise<void>(() => {}), cancel: () => void (cancelled = true) }); // never gives anything
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 20);
  await failure("cancelled", () => model.transcribe(stream, { signal: controller.signal }).result());
  expect(cancelled).toBe(true);
});

test("an AbortSignal stops a transcription; its reason is the cause", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const error = await failure("cancelled", async () => {
    for await (const event of model.transcribe(long, { signal: controller.signal }))
      if (event.type === "text") controller.abort(reason);
  });
  expect(error.cause).toBe(reason);
  expect(model.info.streams).toBe(0);
});

test("an aborted signal starts nothing", async () => {
  const signal = AbortSignal.abort();
  await failure("cancelled", () => model.transcribe(long, { signal }).result());
  await failure("cancelled", () => model.stream({ signal }));
  await failure("cancelled", () => Voxtral.load(nano, { signal }));
  expect(model.info.streams).toBe(0);
});

test("AbortSignal.timeout stops a stream that waits", async () => {
  const stream = model.stream({ signal: AbortSignal.timeout(30) });
  const started = performance.now();
  const error = await failure("cancelled", async () => {
    for await (const _ of stream);
  });
  expect((error.cause as Error).name).toBe("TimeoutError");
  expect(performance.now() - started).toBeLessThan(2000);
  await failure("cancelled", () => stream.write(new Int16Array(10)));
});

test("loading can be stopped", async () => {
  const controller = new AbortController();
  const error = await failure("cancelled", () => {
    const loading = Voxtral.load("synthetic:4b", { signal: controller.signal });
    setTimeout(() => controller.abort("stop"), 50);
    return loading;
  });
  expect(error.cause).toBe("stop");
}, 20_000);

test("closing the model fails its streams and refuses new ones", async () => {
  const running = model.transcribe(long).result();
  const stream = model.stream();
  const waiting = Array.fromAsync(stream);
  await Bun.sleep(20);
  const closing = model.close();
  expect(model.close()).toBe(closing); // the same end
  await failure("cancelled", () => running);
  await failure("cancelled", () => waiting);
  await closing;
  await failure("state", () => model.stream());
  await failure("state", () => model.transcribe(long));
  await failure("state", () => model.info);
});

test("using: stream and model end with their scope", async () => {
  let ended: Voxtral;
  {
    await using inner = await Voxtral.load(nano);
    using stream = inner.stream();
    await stream.write(new Int16Array(1000));
    ended = inner;
  }
  await failure("state", () => ended.info);
  {
    await using _stream = model.stream();
    expect(model.info.streams).toBe(1);
  }
  expect(model.info.streams).toBe(0);
});

test("a closed stream refuses everything, and closing it again is nothing", async () => {
  const stream = model.stream();
  const samples = await samplesOf(sample("weather.wav"));
  await stream.write(samples);
  const reading = Array.fromAsync(stream);
  stream.close();
  stream.close();
  expect(await reading).toEqual([]);
  await failure("state", () => stream.write(samples));
  await failure("state", () => stream.flush());
  await failure("state", () => stream[Symbol.asyncIterator]());
  expect(stream.progress.written).toBeCloseTo(samples.length / 16000, 6);
});

test("many streams begun and dropped leave nothing behind", async () => {
  const samples = await samplesOf(sample("weather.wav"));
  for (let round = 0; round < 50; round++) {
    const stream = model.stream({ interval: 0.08 });
    await stream.write(samples.subarray(0, 3000 * (round % 5)));
    if (round % 2) stream.close();
    else {
      await stream.end();
      for await (const _ of stream) break;
    }
  }
  expect(model.info.streams).toBe(0);
}, 30_000);
