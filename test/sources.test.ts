import { afterAll, beforeAll, expect, test } from "bun:test";
import { pathToFileURL } from "node:url";
import { type AudioSource, type StreamOptions, Voxtral } from "../src/index.ts";
import { failure, nano, readable, sample, samplesOf, toFloats } from "./helpers.ts";

const file = sample("weather.wav");
let model: Voxtral;
let bytes: Uint8Array;
let samples: Int16Array;
let reference: number[];

beforeAll(async () => {
  model = await Voxtral.load(nano);
  bytes = await Bun.file(file).bytes();
  samples = await samplesOf(file);
  reference = await ids(file);
});
afterAll(() => model.close());

async function ids(source: AudioSource, options: StreamOptions = {}): Promise<number[]> {
  return (await model.transcribe(source, options).result()).tokens.map(({ id }) => id);
}

async function* generated() {
  for (let at = 0; at < samples.length; at += 3000) yield samples.subarray(at, at + 3000);
}

const sources: Record<string, () => AudioSource> = {
  path: () => file,
  "file: URL": () => pathToFileURL(file),
  "Bun.file": () => Bun.file(file),
  Blob: () => new Blob([bytes as Uint8Array<ArrayBuffer>]),
  File: () => new File([bytes as Uint8Array<ArrayBuffer>], "weather.wav"),
  Response: () => new Response(bytes as Uint8Array<ArrayBuffer>),
  Uint8Array: () => bytes,
  Buffer: () => Buffer.from(bytes),
  ArrayBuffer: () => bytes.slice().buffer,
  DataView: () => new DataView(bytes.slice().buffer),
  SharedArrayBuffer: () => {
    const shared = new SharedArrayBuffer(bytes.length);
    new Uint8Array(shared).set(bytes);
    return shared;
  },
  "part of a buffer": () =>
    Buffer.concat([Buffer.alloc(100, 1), bytes, Buffer.alloc(100, 1)]).subarray(100, 100 + bytes.length),
  "raw s16le bytes": () => new Uint8Array(samples.buffer),
  Int16Array: () => samples,
  Float32Array: () => toFloats(samples),
  "ReadableStream of bytes": () => new Blob([bytes as Uint8Array<ArrayBuffer>]).stream(),
  "ReadableStream of samples": () => readable([samples.subarray(0, 3000), samples.subarray(3000)]),
  "AsyncIterable of samples": () => generated(),
  "Iterable of samples": () => [samples.subarray(0, 1000), samples.subarray(1000)],
  "Iterable of ArrayBuffer": () => [bytes.slice(0, 7).buffer, bytes.slice(7).buffer],
};

for (const [name, source] of Object.entries(sources))
  test(name, async () => {
    expect(reference.length).toBeGreaterThan(15);
    expect(await ids(source())).toEqual(reference);
  });

test("a Response of fetch()", async () => {
  using server = Bun.serve({
    port: 0,
    fetch: ({ url }) => (url.endsWith(".wav") ? new Response(Bun.file(file)) : new Response("no", { status: 404 })),
  });
  expect(await ids(await fetch(new URL("/a.wav", server.url)))).toEqual(reference);
  const missing = await fetch(new URL("/b", server.url));
  expect((await failure("io", () => ids(missing))).message).toContain("404");
});

test("interleaved channels are averaged", async () => {
  const stereo = new Int16Array(samples.length * 2);
  for (const [i, value] of samples.entries()) stereo.fill(value, 2 * i, 2 * i + 2);
  expect(await ids(stereo, { channels: 2 })).toEqual(reference);
  expect(await ids(new Uint8Array(stereo.buffer), { channels: 2, encoding: "s16" })).toEqual(reference);
  const floats = toFloats(stereo);
  expect(await ids(new Uint8Array(floats.buffer), { channels: 2, encoding: "f32" })).toEqual(reference);
});

test("other rates are resampled: the same words from 48 kHz", async () => {
  const high = Float32Array.from({ length: samples.length * 3 }, (_, i) => {
    const at = i / 3;
    const [before, after] = [samples[Math.floor(at)] ?? 0, samples[Math.floor(at) + 1] ?? 0];
    return (before + (after - before) * (at % 1)) / 32768;
  });
  const { text, duration } = await model.transcribe(high, { rate: 48000 }).result();
  expect(duration).toBeCloseTo(samples.length / 16000, 2);
  expect(text.split(" ").length).toBeGreaterThanOrEqual(3);
});

test("what is no source is refused", async () => {
  const cases: [unknown, string][] = [
    [42, "42"],
    [null, "null"],
    [{}, "source"],
    [new URL("ftp://example.com/a.wav"), "http"],
    [[1, 2, 3], "number"],
    [["a.wav"], "string"],
    [new Float64Array(4), "Float64Array"],
    [[new Float64Array(4)], "Float64Array"],
    [[null], "null"],
  ];
  for (const [source, said] of cases) {
    const error = await failure("argument", () => ids(source as AudioSource));
    expect(error.message).toContain(said);
  }
});

test("a failing source fails the transcription, with its error as the cause", async () => {
  const cause = new Error("the microphone fell");
  async function* failing() {
    yield samples.subarray(0, 4000);
    throw cause;
  }
  const error = await failure("io", () => ids(failing()));
  expect(error.message).toContain("the microphone fell");
  expect(error.cause).toBe(cause);
});

test("chunks of another kind than the first are refused", async () => {
  const error = await failure("argument", () => ids([samples.subarray(0, 100), toFloats(samples)]));
  expect(error.message).toContain("Float32Array");
});

test("a ReadableStream that is being read elsewhere is refused", async () => {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  stream.getReader();
  await failure("state", () => ids(stream));
});
