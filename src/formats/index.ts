// Transcripts as documents; each format is a Formatter, whole or piece by piece.
import { VoxtralError } from "../errors.ts";
import type { Transcript, VoxtralEvent } from "../types.ts";
import { csv } from "./csv.ts";
import type { FormatOptions, Formatter } from "./formatter.ts";
import { json } from "./json.ts";
import { lrc } from "./lrc.ts";
import { srt } from "./srt.ts";
import { text } from "./text.ts";
import { tokens } from "./tokens.ts";
import { verboseJson } from "./verbose-json.ts";
import { vtt } from "./vtt.ts";

export type { FormatOptions, Formatter } from "./formatter.ts";

const makers = { text, json, verbose_json: verboseJson, srt, vtt, lrc, csv, tokens };

export type FormatName = keyof typeof makers;

/** The names of all formats. */
export const formatNames = Object.keys(makers) as FormatName[];

/** What a format's files end in. */
export const extensions: Readonly<Record<FormatName, string>> = {
  text: "txt",
  json: "json",
  verbose_json: "verbose.json",
  srt: "srt",
  vtt: "vtt",
  lrc: "lrc",
  csv: "csv",
  tokens: "tokens",
};

/** A formatter for the events of one transcription. */
export function formatter(name: FormatName, options: FormatOptions = {}): Formatter {
  if (!Object.hasOwn(makers, name))
    throw new VoxtralError("argument", `format is ${String(name)}; expected one of ${formatNames.join(", ")}`);
  return makers[name](options);
}

/** A whole transcript as a document. */
export function format(transcript: Transcript, name: FormatName, options: FormatOptions = {}): string {
  const document = formatter(name, options);
  return (
    eventsOf(transcript)
      .map((event) => document.push(event))
      .join("") + document.end(true)
  );
}

function eventsOf({ text, words, segments, tokens, duration }: Transcript): VoxtralEvent[] {
  return [
    { type: "text", text },
    ...tokens.map((token) => ({ type: "token", ...token }) as const),
    ...words.map((word) => ({ type: "word", ...word }) as const),
    ...segments.map((segment) => ({ type: "segment", ...segment }) as const),
    { type: "done", reason: "end", duration },
  ];
}
