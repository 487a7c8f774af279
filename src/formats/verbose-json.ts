import { deflateSync } from "node:zlib";
import type { Segment, Token } from "../types.ts";
import { Collector } from "./collect.ts";
import { type FormatOptions, type Formatter, rounded } from "./formatter.ts";

/** The verbose_json of OpenAI's transcription API. */
export function verboseJson({ language = "unknown" }: FormatOptions): Formatter {
  const collector = new Collector();
  return {
    push(event) {
      collector.push(event);
      return "";
    },
    end(complete) {
      const { text, duration, segments, words, tokens } = collector.transcript;
      if (!complete && tokens.length === 0) return "";
      const shares = tokensOf(segments, tokens);
      const document = {
        task: "transcribe",
        language,
        duration,
        text,
        segments: segments.map((segment, id) => describe(segment, id, shares[id] ?? [])),
        words: words.map(({ text: word, start, end }) => ({ word, start, end })),
      };
      return `${JSON.stringify(document, rounded)}\n`;
    },
  };
}

/** Fields of Whisper that have no meaning for this model, seek, temperature and no_speech_prob, are 0. */
function describe({ text, start, end }: Segment, id: number, tokens: Token[]): object {
  const bytes = Buffer.from(text);
  return {
    id,
    seek: 0,
    start,
    end,
    text,
    tokens: tokens.map((token) => token.id),
    temperature: 0,
    avg_logprob: tokens.reduce((sum, { logprob }) => sum + logprob, 0) / Math.max(tokens.length, 1),
    compression_ratio: bytes.length / deflateSync(bytes).length,
    no_speech_prob: 0,
  };
}

/** The tokens that spell each segment: text and tokens are the same bytes, spaces apart. */
function tokensOf(segments: Segment[], tokens: Token[]): Token[][] {
  const spelling = tokens.filter(({ bytes }) => bytes.length > 0);
  let next = 0;
  let ahead = 0; // bytes of the tokens taken so far beyond the segments so far
  return segments.map(({ text }, i) => {
    const first = next;
    ahead -= inkOf(Buffer.from(text));
    while (next < spelling.length && (ahead < 0 || i === segments.length - 1)) ahead += inkOf(spelling[next++]!.bytes);
    return spelling.slice(first, next);
  });
}

const inkOf = (bytes: Uint8Array): number => bytes.reduce((count, byte) => count + (byte > 0x20 ? 1 : 0), 0);
