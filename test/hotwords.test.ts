// Hotwords: what they may change and what not.
import { afterAll, describe, expect, test } from "bun:test";
import { Voxtral } from "../src/index.ts";
import { expected, failure, nano, random, runCli, sample, samplesOf, toFloats } from "./helpers.ts";
import { wordErrors } from "./reference/wer.ts";

const model = await Voxtral.load(nano);
afterAll(() => model.close());

/** The longest words of a text: names, as a user would list them. */
const longest = (text: string): string[] =>
  [...new Set(text.split(" "))].sort((a, b) => b.length - a.length).slice(0, 4);

const vocabulary = [...new Set(Object.values(expected).flatMap(({ text }) => text.split(" ")))];

/** Word errors over all recordings in white noise of this amplitude. */
async function errors(noise: number, biased: boolean): Promise<number> {
  const chance = random(3);
  let total = 0;
  for (const [name, { text }] of Object.entries(expected)) {
    const samples = toFloats(await samplesOf(sample(name))).map((value) => value + (chance() - 0.5) * 2 * noise);
    const heard = await model.transcribe(samples, biased ? { hotwords: longest(text) } : {}).result();
    total += wordErrors(text, heard.text).errors;
  }
  return total;
}

describe("hotwords", () => {
  // Not that they help: on the nano model, over noise that had no part in choosing the
  // default bonus, they do not (docs/MODEL.md).
  test("do little harm, in noise too", async () => {
    let plain = 0;
    let biased = 0;
    for (const noise of [0, 0.01, 0.02, 0.04]) {
      plain += await errors(noise, false);
      biased += await errors(noise, true);
    }
    console.log(`word errors without hotwords ${plain}, with them ${biased}`);
    expect(biased).toBeLessThanOrEqual(plain * 1.1);
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

  test("what is no list of phrases is refused", async () => {
    for (const hotwords of ["abc", [1], ["a\nb"], { phrases: ["a\0b"], bonus: 2 }, null, 7] as never[])
      await failure("argument", () => model.transcribe(sample("digits.wav"), { hotwords }));
    expect((await failure("argument", () => model.stream({ hotwords: "abc" as never }))).message).toBe(
      "hotwords is abc; expected an array of phrases, or { phrases, bonus }",
    );
  });

  test("--hotwords: a file that cannot be used is refused with the reason", async () => {
    const say = async (file: string): Promise<string> => {
      const { out, err, code } = await runCli([sample("digits.wav"), "--silent", "--hotwords", file]);
      expect([out, code]).toEqual(["", 1]);
      return err;
    };
    expect(await say("/no/file")).toBe("voxtral: /no/file: no such file\n");
    expect(await say(nano)).toBe(`voxtral: ${nano}: is a folder; expected a file\n`);
    expect(await say(sample("digits.wav"))).toEndWith(": not a text in UTF-8; expected phrases, one a line\n");
  });
});
