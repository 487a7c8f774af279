import type { SegmentEvent, Word } from "./types.ts";

/** Seconds of silence between words that end a segment. */
const pause = 1.2;
/** A segment grows no longer than this, in seconds and in words. */
const longest = 20;
const mostWords = 60;

const sentenceEnd = /[.!?…。！？।؟]["'”’»）)\]]*$/u;
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}、。！？]/u;

/** Groups words into segments: sentences, or what a pause or the length ends. */
export class Segmenter {
  #words: Word[] = [];

  /** What ends before a word because of a pause or the length. */
  breakBefore(word: Word): SegmentEvent[] {
    const first = this.#words[0];
    const last = this.#words.at(-1);
    if (first === undefined || last === undefined) return [];
    return word.start - last.end > pause || word.end - first.start > longest || this.#words.length >= mostWords
      ? this.end()
      : [];
  }

  /** Takes a word; what it completes as the end of a sentence. */
  push(word: Word): SegmentEvent[] {
    this.#words.push(word);
    return sentenceEnd.test(word.text) ? this.end() : [];
  }

  /** The rest. */
  end(): SegmentEvent[] {
    const words = this.#words;
    const first = words[0];
    const last = words.at(-1);
    if (first === undefined || last === undefined) return [];
    this.#words = [];
    return [{ type: "segment", text: joinWords(words), start: first.start, end: last.end, words }];
  }
}

/** Words with spaces between them, where their script writes spaces. */
function joinWords(words: Word[]): string {
  let text = "";
  for (const { text: word } of words) {
    const glued = text === "" || (unspaced.test(text.at(-1) ?? "") && unspaced.test(word[0] ?? ""));
    text += glued ? word : ` ${word}`;
  }
  return text;
}
