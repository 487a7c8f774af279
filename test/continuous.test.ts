// Always-on audio: the model starts afresh in silence and in ruts, and no word of what
// follows is lost or doubled.
import { afterAll, describe, expect, test } from "bun:test";
import { type RestartEvent, Voxtral, type Word } from "../src/index.ts";
import { nano, random, sample, samplesOf, toFloats } from "./helpers.ts";

const rate = 16000;
const model = await Voxtral.load(nano);
afterAll(() => model.close());

const digits = toFloats(await samplesOf(sample("digits.wav")));

/** Faint noise of a room; with `bursts`, bursts of noise at the rhythm of syllables. */
function room(seconds: number, bursts: boolean): Float32Array {
  const noise = random(5);
  return Float32Array.from({ length: seconds * rate }, (_, i) => {
    const swell = bursts ? 0.05 * Math.max(0, Math.sin((2 * Math.PI * 4 * i) / rate)) ** 2 : 0;
    return (swell + 0.0005) * (noise() - 0.5);
  });
}

async function hear(parts: Float32Array[], continuous: boolean, interval = 2) {
  const words: Word[] = [];
  const restarts: RestartEvent[] = [];
  for await (const event of model.transcribe(parts, { continuous, interval })) {
    if (event.type === "word") words.push(event);
    if (event.type === "restart") restarts.push(event);
  }
  return { words: words.map((word) => word.text), last: words.at(-1), restarts };
}

describe("continuous", () => {
  const pause = room(3, false);

  test("starts afresh after a minute of silence, and hears what follows", async () => {
    const { words: spoken } = await hear([pause, digits, pause], true);
    const { words, restarts, last } = await hear([digits, room(150, false), digits, pause], true);
    expect(restarts.map(({ reason }) => reason)).toEqual(["silence", "silence"]);
    expect(words).toEqual([...spoken, ...spoken]);
    const length = digits.length / rate;
    expect(last?.end).toBeGreaterThan(150 + length);
    expect(last?.end).toBeLessThan(150 + 2 * length + 0.5);
  }, 60_000);

  test("starts afresh when it gives no text over what sounds like speech", async () => {
    const { words: spoken } = await hear([pause, digits, pause], true);
    const { words, restarts } = await hear([pause, room(40, true), pause, digits, pause], true);
    expect(restarts.map(({ reason }) => reason)).toEqual(["rut", "rut"]);
    expect(words).toEqual(spoken);
  }, 60_000);

  test("restarts do not depend on how the audio comes", async () => {
    const parts = [room(30, true), digits, room(70, false), digits, pause];
    const whole = await hear(parts, true);
    const pieces = await hear(
      parts.flatMap((part) => [part.subarray(0, 12345), part.subarray(12345)]),
      true,
      0.3,
    );
    expect(whole.restarts.length).toBeGreaterThan(1);
    expect(pieces).toEqual(whole);
  }, 60_000);

  test("without it a stream runs on", async () => {
    const { restarts } = await hear([room(70, false)], false);
    expect(restarts).toEqual([]);
  }, 60_000);
});
