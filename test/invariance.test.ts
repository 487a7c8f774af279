import { afterAll, beforeAll, expect, test } from "bun:test";
import { type AudioChunk, type StreamOptions, type TokenEvent, Voxtral } from "../src/index.ts";
import { nano, random, sample, samplesOf, toFloats } from "./helpers.ts";

let model: Voxtral;
let samples: Int16Array;
let reference: object[];

beforeAll(async () => {
  model = await Voxtral.load(nano, { threads: 1 });
  samples = await samplesOf(sample("timer.wav"));
  reference = signature((await model.transcribe(sample("timer.wav")).result()).tokens);
});
afterAll(() => model.close());

/** What must not change, bit for bit. */
function signature(tokens: Omit<TokenEvent, "type">[]): object[] {
  return tokens.map(({ id, logprob, start, end }) => ({ id, logprob, start, end }));
}

async function streamed(chunks: Iterable<AudioChunk>, options: StreamOptions = {}, on = model): Promise<object[]> {
  await using stream = on.stream(options);
  const writing = (async () => {
    for (const chunk of chunks) await stream.write(chunk);
    await stream.end();
  })();
  const tokens: TokenEvent[] = [];
  for await (const event of stream) if (event.type === "token") tokens.push(event);
  await writing;
  return signature(tokens);
}

/** Pieces of random sizes up to `most`. */
function* pieces<T extends Int16Array | Float32Array | Uint8Array>(all: T, most: number, seed: number): Generator<T> {
  const next = random(seed);
  for (let at = 0; at < all.length; ) {
    const size = 1 + Math.floor(next() * most);
    yield all.slice(at, at + size) as T;
    at += size;
  }
}

test("a live stream gives the tokens of the file", async () => {
  expect(reference.length).toBeGreaterThan(20);
  expect(await streamed([samples])).toEqual(reference);
  expect(await streamed([toFloats(samples)])).toEqual(reference);
  expect(await streamed([new Uint8Array(samples.buffer)])).toEqual(reference);
  expect(await streamed([await Bun.file(sample("timer.wav")).bytes()])).toEqual(reference);
}, 30_000);

for (const [most, seed] of [
  [100, 1],
  [777, 2],
  [5000, 3],
  [40_000, 4],
] as const)
  test(`any split of the audio: pieces up to ${most} samples`, async () => {
    expect(await streamed(pieces(samples, most, seed))).toEqual(reference);
    expect(await streamed(pieces(toFloats(samples), most, seed + 10))).toEqual(reference);
  }, 30_000);

test("any split of the bytes, within samples and within the WAVE header", async () => {
  const file = await Bun.file(sample("timer.wav")).bytes();
  expect(await streamed(pieces(new Uint8Array(samples.buffer), 333, 5))).toEqual(reference);
  expect(await streamed(pieces(file, 17, 6))).toEqual(reference);
}, 30_000);

for (const interval of [0.08, 0.1, 0.5, 2, 10])
  test(`any interval: ${interval} s`, async () => {
    expect(await streamed(pieces(samples, 3000, 7), { interval })).toEqual(reference);
  }, 30_000);

for (const count of [2, 3, 8])
  test(`${count} streams at once`, async () => {
    const others = ["kitchen.wav", "nato.wav", "digits.wav"];
    const alone = await Promise.all(
      others.map(async (file) => signature((await model.transcribe(sample(file)).result()).tokens)),
    );
    const runs = await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        await Bun.sleep(i * 7); // not in step
        if (i % 2 === 0)
          return [reference, await streamed(pieces(samples, 2000 + 500 * i, i), { interval: 0.2 + 0.1 * i })];
        const which = (i >> 1) % others.length;
        return [alone[which], signature((await model.transcribe(sample(others[which] as string)).result()).tokens)];
      }),
    );
    for (const [expected, got] of runs) expect(got as object[]).toEqual(expected as object[]);
  }, 60_000);

test("any number of threads", async () => {
  for (const threads of [2, 3]) {
    await using other = await Voxtral.load(nano, { threads });
    expect(await streamed(pieces(samples, 4000, 8), {}, other)).toEqual(reference);
  }
}, 30_000);
