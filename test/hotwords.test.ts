// Hotwords help where the model hesitates, and change nothing elsewhere.
import { afterAll, describe, expect, test } from "bun:test";
import { Voxtral } from "../src/index.ts";
import { expected, failure, nano, sample } from "./helpers.ts";
import { wordErrors } from "./reference/wer.ts";

const model = await Voxtral.load(nano);
afterAll(() => model.close());

const names = Object.keys(expected);
const vocabulary = [...new Set(names.flatMap((name) => expected[name]?.text.split(" ") ?? []))];

async function errors(hotwords?: string[]): Promise<number> {
  const found = await Promise.all(
    names.map(async (name) => {
      const { text } = await model.transcribe(sample(name), hotwords ? { hotwords } : {}).result();
      return wordErrors(expected[name]?.text ?? "", text).errors;
    }),
  );
  return found.reduce((sum, n) => sum + n, 0);
}

describe("hotwords", () => {
  test("the words of the recordings are heard no worse with them", async () => {
    expect(await errors(vocabulary)).toBeLessThanOrEqual(await errors());
  }, 60_000);

  test("words that are not spoken stay out", async () => {
    const plain = await model.transcribe(sample("digits.wav")).result();
    const biased = await model.transcribe(sample("digits.wav"), { hotwords: ["umbrella", "garden path"] }).result();
    expect(biased.text).toBe(plain.text);
  });

  test("silence does not become a word", async () => {
    const { text } = await model.transcribe(new Float32Array(5 * 16000), { hotwords: vocabulary }).result();
    expect(text).toBe("");
  });

  test("a list out of range is refused", async () => {
    expect((await failure("argument", () => model.stream({ hotwords: ["x".repeat(300)] }))).message).toContain(
      "line 1",
    );
    await failure("argument", () => model.stream({ hotwords: { phrases: ["x"], bonus: 100 } }));
  });
});
