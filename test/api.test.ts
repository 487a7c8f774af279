import { afterAll, beforeAll, expect, test } from "bun:test";
import { pathToFileURL } from "node:url";
import packageJson from "../package.json" with { type: "json" };
import { inspect, systemInfo, type Transcript, Voxtral, type VoxtralEvent, version } from "../src/index.ts";
import { expected, failure, nano, sample } from "./helpers.ts";
import { wordErrors } from "./reference/wer.ts";

let model: Voxtral;
beforeAll(async () => {
  model = await Voxtral.load(nano);
});
afterAll(() => model.close());

async function eventsOf(file: string, options = {}): Promise<VoxtralEvent[]> {
  return Array.fromAsync(model.transcribe(sample(file), options));
}

test("transcribes the bundled recordings with few word errors", async () => {
  let errors = 0;
  let words = 0;
  for (const [file, { text }] of Object.entries(expected)) {
    const heard = await model.transcribe(sample(file)).result();
    const counts = wordErrors(text, heard.text);
    errors += counts.errors;
    words += counts.words;
  }
  expect(words).toBeGreaterThan(90);
  expect(errors / words).toBeLessThan(0.2);
}, 60_000);

test("events agree with each other", async () => {
  const events = await eventsOf("long_mixed.wav");
  const result = await model.transcribe(sample("long_mixed.wav")).result();
  const of = <T extends VoxtralEvent["type"]>(type: T) =>
    events.filter((event) => event.type === type) as Extract<VoxtralEvent, { type: T }>[];
  const text = of("text")
    .map((event) => event.text)
    .join("");
  const { duration } = events.at(-1) as Extract<VoxtralEvent, { type: "done" }>;

  expect(events.at(-1)?.type).toBe("done");
  expect(of("done")).toHaveLength(1);
  expect(duration).toBeCloseTo((await Bun.file(sample("long_mixed.wav")).arrayBuffer()).byteLength / 32000, 1);
  expect(result.text).toBe(text.trim());
  expect(result.duration).toBe(duration);
  expect(result.tokens).toHaveLength(of("token").length);

  const decoder = new TextDecoder();
  expect(
    of("token")
      .map((token) => decoder.decode(token.bytes, { stream: true }))
      .join("")
      .trimStart(), // the first text begins without its space
  ).toBe(text);
  for (const token of of("token")) {
    expect(token.logprob).toBeLessThanOrEqual(0);
    expect(token.end).toBeGreaterThanOrEqual(token.start);
    expect(token.end).toBeLessThanOrEqual(duration + 1e-9);
    expect(token.text === undefined).toBe(token.bytes.length === 0);
  }

  const words = of("word");
  expect(words.map((word) => word.text)).toEqual(text.trim().split(/\s+/));
  let last = 0;
  for (const word of words) {
    expect(word.start).toBeGreaterThanOrEqual(last);
    expect(word.end).toBeGreaterThanOrEqual(word.start);
    expect(word.end).toBeLessThanOrEqual(duration);
    expect(word.confidence).toBeCloseTo(Math.exp(word.logprob), 6);
    last = word.end;
  }
  const segments = of("segment");
  expect(segments.length).toBeGreaterThan(0);
  expect(segments.flatMap((segment) => segment.words)).toEqual(words.map(({ type: _, ...word }) => word));
  for (const segment of segments) {
    expect(segment.text).toBe(segment.words.map((word) => word.text).join(" "));
    expect(segment.start).toBe(segment.words[0]?.start as number);
    expect(segment.end).toBe(segment.words.at(-1)?.end as number);
  }
}, 30_000);

test("words lie where they are spoken", async () => {
  // digits.wav says ten words one after the other: their times must spread over it.
  const { words, duration } = await model.transcribe(sample("digits.wav")).result();
  expect(words.length).toBeGreaterThanOrEqual(8);
  expect(words[0]?.start).toBeLessThan(duration / 3);
  expect(words.at(-1)?.end).toBeGreaterThan(duration / 2);
});

test("every legal delay is accepted, the default is 480, others are refused", async () => {
  const legal = [...Array.from({ length: 15 }, (_, i) => 80 * (i + 1)), 2400];
  expect(model.info.delaysMs).toEqual(legal);
  for (const delayMs of legal) {
    const { duration, tokens } = await model.transcribe(sample("weather.wav"), { delayMs }).result();
    expect(duration).toBeGreaterThan(1);
    expect(tokens.length).toBeGreaterThan(10);
  }
  const ids = async (options: object) =>
    (await model.transcribe(sample("weather.wav"), options).result()).tokens.map(({ id }) => id);
  expect(await ids({ delayMs: 480 })).toEqual(await ids({}));
  for (const delayMs of [0, -80, 79, 81, 479.5, 1280, 2399, 4800, Number.NaN]) {
    const error = await failure("argument", () => model.transcribe(sample("weather.wav"), { delayMs }));
    expect(error.message).toContain("delayMs");
    await failure("argument", () => model.stream({ delayMs }));
  }
}, 60_000);

test("alternatives: none by default, those within the cutoff when asked for", async () => {
  const tokensOf = async (options: object): Promise<Transcript["tokens"]> =>
    (await model.transcribe(sample("nato.wav"), options).result()).tokens;
  const plain = await tokensOf({});
  expect(plain.every((token) => token.alternatives === undefined)).toBe(true);
  for (const [count, cutoff] of [
    [4, 1],
    [3, 0.9],
    [2, 0.5],
    [1, 1],
  ] as const) {
    const tokens = await tokensOf({ alternatives: { count, cutoff } });
    expect(tokens.map(({ id }) => id)).toEqual(plain.map(({ id }) => id));
    for (const { id, logprob, alternatives = [] } of tokens) {
      expect(alternatives.length).toBeLessThan(count);
      let previous = logprob;
      for (const other of alternatives) {
        expect(other.id).not.toBe(id);
        expect(other.logprob).toBeLessThanOrEqual(previous);
        expect(1 - Math.exp(other.logprob - logprob)).toBeLessThanOrEqual(cutoff + 1e-5);
        previous = other.logprob;
      }
    }
    if (count > 1 && cutoff === 1) expect(tokens.every((token) => token.alternatives?.length === count - 1)).toBe(true);
  }
}, 30_000);

test("a transcription is read once", async () => {
  const transcription = model.transcribe(sample("weather.wav"));
  await transcription.result();
  await failure("state", () => transcription.result());
  await failure("state", () => transcription[Symbol.asyncIterator]());
});

test("nothing happens before a transcription is read", async () => {
  model.transcribe("/no/such/file.wav"); // no unhandled rejection either
  await Bun.sleep(20);
  expect(model.info.streams).toBe(0);
});

test("info tells what is loaded", () => {
  const { info } = model;
  expect(info.backend).toBe("cpu");
  expect(systemInfo().cpu.available).toContain(info.isa);
  expect(info.threads).toBeGreaterThan(0);
  expect(info.vocabSize).toBe(4096);
  expect(info.encoder.layers).toBe(4);
  expect(info.decoder.hiddenDim).toBe(640);
  expect(info.parameters).toBeGreaterThan(5_000_000);
  expect(info.weightBytes).toBeGreaterThan(info.decoderBytes);
  expect(info.streamBytes).toBeGreaterThan(0);
});

test("loads by path, by URL, with progress, and every instruction set gives the same words", async () => {
  const fractions: number[] = [];
  await using byUrl = await Voxtral.load(pathToFileURL(nano), { onProgress: (fraction) => fractions.push(fraction) });
  expect(fractions.length).toBeGreaterThan(0);
  expect(fractions.every((fraction, i) => fraction >= (fractions[i - 1] ?? 0) && fraction <= 1)).toBe(true);
  const reference = await byUrl.transcribe(sample("weather.wav")).result();
  for (const isa of systemInfo().cpu.available as ("scalar" | "avx2")[]) {
    await using other = await Voxtral.load(nano, { isa, threads: 1 });
    expect(other.info.isa).toBe(isa);
    expect(other.info.threads).toBe(1);
    expect((await other.transcribe(sample("weather.wav")).result()).text).toBe(reference.text);
  }
}, 60_000);

test("the version is the package's", () => {
  expect(version()).toBe(packageJson.version);
});

test("inspect lists the tensors of a model", () => {
  const { tensors, bytes, format } = inspect(nano);
  expect(format.toLowerCase()).toContain("safetensors");
  expect(bytes).toBe(Bun.file(`${nano}/consolidated.safetensors`).size);
  expect(tensors.find(({ name }) => name === "norm.weight")).toMatchObject({ dtype: "BF16", shape: [256], bytes: 512 });
});
