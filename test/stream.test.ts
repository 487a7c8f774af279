import { afterAll, beforeAll, expect, test } from "bun:test";
import { Voxtral, type VoxtralEvent } from "../src/index.ts";
import { failure, nano, readable, sample, samplesOf } from "./helpers.ts";

let model: Voxtral;
let samples: Int16Array;
let text: string;

beforeAll(async () => {
  model = await Voxtral.load(nano);
  samples = await samplesOf(sample("kitchen.wav"));
  ({ text } = await model.transcribe(sample("kitchen.wav")).result());
});
afterAll(() => model.close());

const textOf = (events: VoxtralEvent[]): string =>
  events
    .map((event) => (event.type === "text" ? event.text : ""))
    .join("")
    .trim();

test("text comes before the audio has ended", async () => {
  const long = await samplesOf(sample("long_mixed.wav"));
  await using stream = model.stream({ interval: 0.2 });
  const events = stream[Symbol.asyncIterator]();
  await stream.write(long.subarray(0, 8 * 16000));
  for (;;) {
    const { value, done } = await events.next();
    expect(done).toBeFalsy();
    if (value.type === "text" && value.text.trim() !== "") break;
  }
  expect(stream.progress.written).toBeCloseTo(8, 3);
  expect(stream.progress.decoded).toBeGreaterThan(0);
  expect(stream.progress.decoded).toBeLessThanOrEqual(stream.progress.encoded + 1e-9);
}, 20_000);

test("the first text begins with no space, the others are as they are", async () => {
  let joined = "";
  for await (const event of model.transcribe(sample("kitchen.wav"))) if (event.type === "text") joined += event.text;
  expect(joined).toBe(text);
});

test("writes that are not awaited keep their order", async () => {
  await using stream = model.stream();
  const half = samples.length >> 1;
  const writes = [stream.write(samples.subarray(0, half)), stream.write(samples.subarray(half)), stream.end()];
  const events = await Array.fromAsync(stream);
  await Promise.all(writes);
  expect(textOf(events)).toBe(text);
});

test("flush brings the delayed words out and leaves the stream open", async () => {
  await using stream = model.stream({ interval: 10 });
  const events = stream[Symbol.asyncIterator]();
  await stream.write(samples);
  await stream.flush();
  let heard = "";
  while (heard.trim() !== text) {
    const { value, done } = await events.next();
    expect(done).toBeFalsy();
    if (value.type === "text") heard += value.text;
    expect(text).toStartWith(heard.trim());
  }
  await stream.write(samples); // still open
  await stream.end();
  let last: VoxtralEvent | undefined;
  for await (const event of events) last = event;
  expect(last).toMatchObject({ type: "done", reason: "end" });
  expect((last as { duration: number }).duration).toBeCloseTo((2 * samples.length) / 16000, 6);
}, 20_000);

test("a writer waits for the model, and the model for the reader", async () => {
  await using stream = model.stream({ interval: 0.08 });
  const minute = new Int16Array(60 * 16000);
  let taken = 0;
  const writing = (async () => {
    for (let minutes = 0; minutes < 30; minutes++) {
      await stream.write(minute);
      taken++;
    }
    await stream.end();
  })();
  let before = -1;
  while (stream.progress.written > before) {
    // until nothing moves: the reader is missing
    before = stream.progress.written;
    await Bun.sleep(500);
  }
  expect(taken).toBeLessThan(30);
  const stuck = stream.progress;
  expect(stuck.written - stuck.decoded).toBeLessThanOrEqual(30); // the audio ring
  expect(stuck.decoded).toBeLessThan(20 * 60); // bounded events
  let n = 0;
  for await (const event of stream) if (event.type === "token" && ++n > 6000) break; // 8 minutes: it goes on
  expect(n).toBeGreaterThan(6000);
  await failure("state", () => writing); // closed by leaving the loop
}, 120_000);

test("an empty stream is done at once", async () => {
  await using stream = model.stream();
  await stream.end();
  expect(await Array.fromAsync(stream)).toEqual([{ type: "done", reason: "end", duration: 0 }]);
});

test("end() twice is one end; writing after it is an error", async () => {
  await using stream = model.stream();
  await stream.write(samples);
  await stream.end();
  await stream.end();
  await failure("state", () => stream.write(samples));
  expect(textOf(await Array.fromAsync(stream))).toBe(text);
  await failure("state", () => stream.write(samples));
});

test("events are given to one reader", async () => {
  await using stream = model.stream();
  stream[Symbol.asyncIterator]();
  await failure("state", () => stream[Symbol.asyncIterator]());
});

test("transformStream: pipeThrough gives the events", async () => {
  const chunks = readable([samples.subarray(0, 5000), samples.subarray(5000)]);
  const events = await Array.fromAsync(chunks.pipeThrough(model.transformStream()));
  expect(textOf(events as VoxtralEvent[])).toBe(text);
  expect((events.at(-1) as VoxtralEvent).type).toBe("done");
});

test("transformStream: cancelling the reader ends the stream", async () => {
  const { readable, writable } = model.transformStream();
  const writer = writable.getWriter();
  await writer.write(samples);
  const reader = readable.getReader();
  expect((await reader.read()).done).toBe(false);
  await reader.cancel();
  expect(model.info.streams).toBe(0);
  await failure("state", () => writer.write(samples));
});

test("continuous streams restart instead of ending", async () => {
  // Twice the same words with a pause between: both must come out, whatever the model does at the pause.
  const twice = new Int16Array(samples.length * 2 + 32000);
  twice.set(samples);
  twice.set(samples, samples.length + 32000);
  const { tokens, text: heard } = await model.transcribe(twice, { continuous: true }).result();
  expect(heard.split(/\s+/).length).toBeGreaterThan(text.split(/\s+/).length * 1.5);
  expect(tokens.length).toBeGreaterThan(twice.length / 1280);
});
