// An hour of speech and pauses: memory stays flat, and the last minutes are heard as
// well as the first.
import { describe, expect, test } from "bun:test";
import { Voxtral } from "../src/index.ts";
import { nano, sample, samplesOf, toFloats } from "./helpers.ts";

const rate = 16000;
const pauseSeconds = 8;
const speech = toFloats(await samplesOf(sample("long_mixed.wav")));
const roundSeconds = speech.length / rate + pauseSeconds;
const rounds = Math.ceil(3600 / roundSeconds);

function* hour(): Generator<Float32Array> {
  const pause = new Float32Array(pauseSeconds * rate);
  for (let i = 0; i < rounds; i++) {
    yield speech;
    yield pause;
  }
}

describe("an hour of audio", () => {
  test("memory is flat and every part is heard", async () => {
    await using model = await Voxtral.load(nano);
    const words: number[] = Array(rounds).fill(0);
    let duration = 0;
    let early = 0;
    let last = 0;
    for await (const event of model.transcribe(hour())) {
      if (event.type === "done") ({ duration } = event);
      if (event.type !== "word") continue;
      const round = Math.min(rounds - 1, Math.floor(event.end / roundSeconds));
      words[round] = (words[round] ?? 0) + 1;
      if (round !== last && round === Math.floor(rounds / 6)) {
        Bun.gc(true);
        early = process.memoryUsage.rss();
      }
      last = round;
    }
    Bun.gc(true);
    const growth = process.memoryUsage.rss() - early;
    expect(duration).toBeCloseTo(rounds * roundSeconds, 3);
    expect(growth).toBeLessThan(24 * 2 ** 20);
    const usual = words.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
    expect(usual).toBeGreaterThan(30);
    for (const count of words) {
      expect(count).toBeGreaterThan(usual * 0.8);
      expect(count).toBeLessThan(usual * 1.2);
    }
  }, 300_000);
});
