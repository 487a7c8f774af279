import { columns, isUnspaced, joinWords, wordsIn, wrap } from "./script.ts";
import type { SegmentEvent, Word } from "./types.ts";

/** What a viewer can read at once: lines of so many columns, and seconds. */
export const lineColumns = 42;
const mostLines = 2;
export const longest = 7;
/** Seconds of silence between words that end a segment. */
const pause = 1.2;

const sentenceEnd = /[.!?…。！？।؟]["'”’»）)\]」』]*$/u;
const abbreviation = /^(?:\p{Lu}|Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|vs|Sra?|Hr|Fr|Nr|ca|bzw)\.$/u;
const clauseEnd = /[,;:،、，；：–—]$/u;

/** Groups words into segments: sentences, or what a pause or the room of a subtitle ends. */
export class Segmenter {
  #words: Word[] = [];

  /** What ends before a word because of a pause, or for want of room. */
  breakBefore(word: Word): SegmentEvent[] {
    const last = this.#words.at(-1);
    if (last !== undefined && word.start - last.end > pause) return this.end();
    const ended: SegmentEvent[] = [];
    while (this.#words.length > 0 && !fits([...this.#words, word]))
      ended.push(...this.#take(goodBreak(this.#words, word)));
    return ended;
  }

  /** Takes a word; what it completes as the end of a sentence. */
  push(word: Word): SegmentEvent[] {
    this.#words.push(word);
    return sentenceEnd.test(word.text) && !abbreviation.test(word.text) ? this.end() : [];
  }

  /** The rest. */
  end(): SegmentEvent[] {
    return this.#take(this.#words.length);
  }

  #take(count: number): SegmentEvent[] {
    const words = this.#words.splice(0, count);
    const first = words[0];
    const last = words.at(-1);
    if (first === undefined || last === undefined) return [];
    return [
      { type: "segment", text: joinWords(words.map(({ text }) => text)), start: first.start, end: last.end, words },
    ];
  }
}

function fits(words: Word[]): boolean {
  const [first, last] = [words[0], words.at(-1)];
  if (first && last && last.end - first.start > longest) return false;
  return wrap(joinWords(words.map(({ text }) => text)), lineColumns).length <= mostLines;
}

/** How many words to end, at least half of them: up to the last clause, else up to the longest pause. */
function goodBreak(words: Word[], next: Word): number {
  const clause = words.findLastIndex(({ text }) => clauseEnd.test(text)) + 1;
  if (clause * 2 >= words.length) return clause;
  let best = words.length;
  const pauseAfter = (count: number): number => (words[count] ?? next).start - (words[count - 1]?.end ?? 0);
  for (let count = words.length; count * 2 >= words.length; count--)
    if (pauseAfter(count) > pauseAfter(best)) best = count;
  return best;
}

/**
 * The words of a run without spaces, such as a Chinese sentence, or of a run too wide
 * for a line; each has its share of the time.
 */
export function splitWord(word: Word): Word[] {
  if (!isUnspaced(word.text) && columns(word.text) <= lineColumns) return [word];
  const parts = wordsIn(word.text, lineColumns);
  const perColumn = (word.end - word.start) / Math.max(columns(parts.join("")), 1);
  let end = word.start;
  return parts.map((text, i) => {
    const start = end;
    end = i === parts.length - 1 ? word.end : start + columns(text) * perColumn;
    return { ...word, text, start, end };
  });
}
