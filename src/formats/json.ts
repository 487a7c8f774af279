import type { Alternative } from "../types.ts";
import { Collector } from "./collect.ts";
import { type FormatOptions, type Formatter, rounded } from "./formatter.ts";

/** One object: text, segments, words and tokens with their times and log-probabilities. */
export function json({ model }: FormatOptions): Formatter {
  const collector = new Collector();
  return {
    push(event) {
      collector.push(event);
      return "";
    },
    end(complete) {
      const { text, duration, segments, words, tokens } = collector.transcript;
      if (!complete && tokens.length === 0) return "";
      const document = {
        text,
        duration,
        ...(model !== undefined && { model }),
        segments: segments.map(({ start, end, text }) => ({ start, end, text })),
        words: words.map(({ text: word, start, end, logprob }) => ({ word, start, end, logprob })),
        tokens: tokens.map(({ start, end, alternatives, ...token }) => ({
          ...candidate(token),
          start,
          end,
          ...(alternatives && { alternatives: alternatives.map(candidate) }),
        })),
      };
      return `${JSON.stringify(document, rounded)}\n`;
    },
  };
}

const candidate = ({ id, text = "", logprob }: Alternative) => ({ id, text, logprob });
