// Word times against the synthesisers' own: mean and 95th percentile of the error.
import { afterAll, describe, expect, test } from "bun:test";
import { Voxtral, type Word } from "../src/index.ts";
import { expected, nano, sample } from "./helpers.ts";

const model = await Voxtral.load(nano);
afterAll(() => model.close());

interface SpokenWord {
  word: string;
  start: number;
  end: number;
}

/** Pairs of words that were said and heard, by their longest common subsequence. */
function pairs(said: SpokenWord[], heard: Word[]): [SpokenWord, Word][] {
  const same = Array.from({ length: said.length + 1 }, () => new Int32Array(heard.length + 1));
  const at = (i: number, j: number): number => same[i]?.[j] ?? 0;
  for (let i = said.length - 1; i >= 0; i--)
    for (let j = heard.length - 1; j >= 0; j--)
      (same[i] as Int32Array)[j] =
        said[i]?.word === heard[j]?.text ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const found: [SpokenWord, Word][] = [];
  for (let i = 0, j = 0; i < said.length && j < heard.length; ) {
    if (said[i]?.word === heard[j]?.text) found.push([said[i++] as SpokenWord, heard[j++] as Word]);
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return found;
}

const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const percentile = (values: number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? 0;
const ms = (seconds: number): string => `${Math.round(seconds * 1e3)} ms`;

describe("word times", () => {
  for (const delayMs of [240, 480, 2400])
    test(`at a delay of ${delayMs} ms`, async () => {
      const starts: number[] = [];
      const ends: number[] = [];
      for (const [name, { words: said }] of Object.entries(expected)) {
        const { words, duration } = await model.transcribe(sample(name), { delayMs }).result();
        let before = 0;
        for (const { start, end } of words) {
          expect(start).toBeGreaterThanOrEqual(before);
          expect(end).toBeGreaterThanOrEqual(start);
          before = end;
        }
        expect(before).toBeLessThanOrEqual(duration);
        for (const [spoken, word] of pairs(said, words)) {
          starts.push(Math.abs(word.start - spoken.start));
          ends.push(Math.abs(word.end - spoken.end));
        }
      }
      console.log(
        `word times, ${delayMs} ms, ${ends.length} words: starts ${ms(mean(starts))} off (95 %: ${ms(percentile(starts, 0.95))}), ends ${ms(mean(ends))} (${ms(percentile(ends, 0.95))})`,
      );
      expect(ends.length).toBeGreaterThan(150);
      expect(mean(ends)).toBeLessThan(0.05);
      expect(percentile(ends, 0.95)).toBeLessThan(0.15);
      expect(mean(starts)).toBeLessThan(0.07);
      expect(percentile(starts, 0.95)).toBeLessThan(0.2);
    }, 60_000);
});
