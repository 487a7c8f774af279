/** Token ids to text: ids below 1000 are control ids without text, the others are tekken rank + 1000. */

export interface Tekken {
  vocab: { rank: number; token_bytes: string }[];
}

const CONTROL_IDS = 1000;

/** A token's bytes need not be whole characters, so all are joined first; what stays ill-formed becomes U+FFFD. */
export function detokenize(tokens: number[], { vocab }: Tekken): string {
  const pieces = tokens
    .filter((id) => id >= CONTROL_IDS)
    .map((id) => Buffer.from(vocab[id - CONTROL_IDS]!.token_bytes, "base64"));
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(pieces));
}
