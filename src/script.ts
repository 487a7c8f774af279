// Text as scripts write it: with spaces between words or without, in lines of a width.

/** Scripts that write no spaces between words, and their punctuation. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\u3000-\u303f\uff00-\uffef]/u;
/** Punctuation that begins no line, and that ends none. */
const closing = /^[\p{Pe}\p{Pf}\p{Po}ーゝゞ々ぁぃぅぇぉっゃゅょァィゥェォッャュョ]+$/u;
const opening = /[\p{Ps}\p{Pi}]$/u;

const wordBreaks = new Intl.Segmenter(undefined, { granularity: "word" });
const graphemeBreaks = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Columns on a terminal or in a subtitle; Chinese characters take two. */
export const columns = (text: string): number => Bun.stringWidth(text);

export const isUnspaced = (text: string): boolean => unspaced.test(text);

/** Words with spaces between them, where their script writes spaces. */
export function joinWords(words: readonly string[]): string {
  let text = "";
  for (const word of words) {
    const glued = text === "" || isUnspaced(text.at(-1) ?? "") || isUnspaced(word[0] ?? "");
    text += glued ? word : ` ${word}`;
  }
  return text;
}

/**
 * The words in a run without spaces, punctuation with the word it belongs to; none is
 * wider than `width`.
 */
export function wordsIn(run: string, width: number): string[] {
  const words: string[] = [];
  for (const { segment } of isUnspaced(run) ? wordBreaks.segment(run) : [{ segment: run }]) {
    const last = words.at(-1);
    if (last !== undefined && (closing.test(segment) || opening.test(last))) words[words.length - 1] = last + segment;
    else words.push(segment);
  }
  return words.flatMap((word) => (columns(word) > width ? chopped(word, width) : word));
}

function chopped(word: string, width: number): string[] {
  const parts = [""];
  for (const { segment } of graphemeBreaks.segment(word)) {
    const last = parts.at(-1) ?? "";
    if (last !== "" && columns(last + segment) > width) parts.push(segment);
    else parts[parts.length - 1] = last + segment;
  }
  return parts;
}

/** Text in lines of at most `width` columns; two lines are of about the same length. */
export function wrap(text: string, width: number): string[] {
  const words = text
    .split(/\s+/)
    .flatMap((run) => wordsIn(run, width).map((word, i) => (i > 0 && isUnspaced(run) ? word : ` ${word}`)));
  const lines = filled(words, width);
  if (lines.length !== 2) return lines;
  for (let narrow = Math.ceil(columns(text) / 2); narrow < width; narrow++) {
    const balanced = filled(words, narrow);
    if (balanced.length === 2) return balanced;
  }
  return lines;
}

/** Words, each with the space before it, put into lines while they fit. */
function filled(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && columns(last + word) <= width) lines[lines.length - 1] = last + word;
    else lines.push(word.trimStart());
  }
  return lines.filter((line) => line !== "");
}
