// Options of a stream, checked and handed to the library.
import { defaultHotwordBonus, maxAlt, maxIntervalS, minIntervalS } from "./abi.ts";
import { statusError, VoxtralError } from "./errors.ts";
import { type Handle, native } from "./native.ts";
import type { StreamOptions } from "./types.ts";

const within = (value: number, low: number, high: number): boolean => value >= low && value <= high; // false for NaN

function refuse(name: string, value: unknown, expected: string): never {
  throw new VoxtralError("argument", `${name} is ${String(value)}; expected ${expected}`);
}

/** Throws for options out of range. */
export function checkOptions(options: StreamOptions, delaysMs: readonly number[]): void {
  const { delayMs, interval, alternatives, rate, channels, encoding, hotwords } = options;
  if (delayMs !== undefined && !delaysMs.includes(delayMs)) refuse("delayMs", delayMs, `one of ${delaysMs.join(", ")}`);
  if (interval !== undefined && !within(interval, minIntervalS, maxIntervalS))
    refuse("interval", interval, `${minIntervalS} to ${maxIntervalS} seconds`);
  if (alternatives !== undefined) {
    const { count, cutoff } = alternatives;
    if (!Number.isInteger(count) || !within(count, 1, maxAlt)) refuse("alternatives.count", count, `1 to ${maxAlt}`);
    if (!within(cutoff, 0, 1)) refuse("alternatives.cutoff", cutoff, "0 to 1");
  }
  if (rate !== undefined && (!Number.isInteger(rate) || !within(rate, 1000, 768000)))
    refuse("rate", rate, "1000 to 768000 Hz");
  if (channels !== undefined && (!Number.isInteger(channels) || !within(channels, 1, 64)))
    refuse("channels", channels, "1 to 64");
  if (encoding !== undefined && !["auto", "f32", "s16"].includes(encoding))
    refuse("encoding", encoding, '"auto", "f32" or "s16"');
  if (hotwords !== undefined) checkPhrases(phrasesOf(hotwords));
}

type Hotwords = NonNullable<StreamOptions["hotwords"]>;

const phrasesOf = (hotwords: Hotwords): unknown =>
  Object(hotwords) === hotwords && "phrases" in hotwords ? hotwords.phrases : hotwords;

function checkPhrases(phrases: unknown): void {
  if (!Array.isArray(phrases)) refuse("hotwords", phrases, "an array of phrases, or { phrases, bonus }");
  for (const phrase of phrases)
    if (typeof phrase !== "string" || /[\0\n]/.test(phrase))
      refuse("a hotword", JSON.stringify(phrase), "a phrase without NUL and line ends");
}

/** Sets a new stream up. */
export function configure(stream: Handle, options: StreamOptions, delaysMs: readonly number[]): void {
  checkOptions(options, delaysMs);
  const { delayMs, interval, alternatives, continuous, hotwords } = options;
  if (delayMs !== undefined) native().vox_stream_set_delay(stream, delayMs);
  if (interval !== undefined) native().vox_set_processing_interval(stream, interval);
  if (alternatives !== undefined) native().vox_stream_set_alt(stream, alternatives.count, alternatives.cutoff);
  if (continuous) native().vox_stream_set_continuous(stream, 1);
  if (hotwords !== undefined) setHotwords(stream, hotwords);
}

function setHotwords(stream: Handle, hotwords: Hotwords): void {
  const { phrases, bonus } = "phrases" in hotwords ? hotwords : { phrases: hotwords, bonus: defaultHotwordBonus };
  const status = native().vox_stream_set_hotwords(stream, phrases.join("\n"), bonus);
  if (status < 0) throw statusError(status, native().vox_stream_error(stream) ?? "");
}
