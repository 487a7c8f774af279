/** Word error rate: (substitutions + deletions + insertions) / words said, over normalised words. */

/** Lower case, no punctuation but the apostrophe within a word. */
export function words(text: string): string[] {
  return (
    text
      .normalize("NFKC")
      .toLowerCase()
      .replaceAll("’", "'")
      .match(/[\p{L}\p{M}\p{N}]+(?:'[\p{L}\p{M}\p{N}]+)*/gu) ?? []
  );
}

/** The Levenshtein distance in words, so that counts of many recordings can be summed. */
export function wordErrors(said: string, heard: string): { errors: number; words: number } {
  const [a, b] = [words(said), words(heard)];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j); // distance from nothing to the first j words of b
  a.forEach((word, i) => {
    const next = [i + 1];
    b.forEach((other, j) => {
      next.push(Math.min(row[j]! + (word === other ? 0 : 1), row[j + 1]! + 1, next[j]! + 1));
    });
    row = next;
  });
  return { errors: row[b.length]!, words: a.length };
}

/** 0 where all is right; may pass 1. Any word heard where none was said makes it infinite. */
export function wordErrorRate(said: string, heard: string): number {
  const { errors, words } = wordErrors(said, heard);
  return errors === 0 ? 0 : errors / words;
}
