#!/usr/bin/env bun
// An always-on stream, faster than real time: speech with long pauses for hours.
//
//     bun bench/soak.ts [hours]            default 10
//
// A line an hour: memory, work, words, restarts. At the end the word error rate, beside
// that of the same audio cut into pieces of a few minutes. Fails if memory or cost grow, or
// the stream hears worse by more than a point.
import { join } from "node:path";
import { Voxtral } from "../src/index.ts";
import { wordErrors } from "../test/reference/wer.ts";

const hours = Number(process.argv[2] ?? 10);
const rate = 16000;
const samples = join(import.meta.dir, "..", "samples");
const expected: Record<string, { text: string }> = await Bun.file(join(samples, "expected.json")).json();
const mostGrowth = 32 * 2 ** 20;

const pieceSeconds = 300;

let seed = 1;
const chance = (): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};

const recordings = await Promise.all(
  Object.entries(expected).map(async ([name, { text }]) => {
    const bytes = await Bun.file(join(samples, name)).arrayBuffer();
    return { text, samples: Float32Array.from(new Int16Array(bytes.slice(44)), (s) => s / 32768) };
  }),
);

/** Faint noise: a room in which nobody speaks. */
const room = (seconds: number): Float32Array =>
  Float32Array.from({ length: Math.round(seconds * rate) }, () => (chance() - 0.5) * 0.0005);

interface Turn {
  text: string;
  audio: Float32Array[];
  seconds: number;
}

/** The same recordings and pauses at every call. */
function* day(): Generator<Turn> {
  seed = 1;
  for (let at = 0; at < hours * 3600; ) {
    const recording = recordings[Math.floor(chance() * recordings.length)];
    if (!recording) return;
    const pause = room(chance() < 0.1 ? 60 + 120 * chance() : 2 + 10 * chance());
    const seconds = (recording.samples.length + pause.length) / rate;
    yield { text: recording.text, audio: [recording.samples, pause], seconds };
    at += seconds;
  }
}

const said: string[] = [];

function* stream(): Generator<Float32Array> {
  for (const { text, audio } of day()) {
    said.push(text);
    yield* audio;
  }
}

/** What is said and what is heard in pieces of the day, each transcribed by itself. */
async function inPieces(): Promise<{ errors: number; words: number }> {
  const total = { errors: 0, words: 0 };
  let piece: Turn = { text: "", audio: [], seconds: 0 };
  const finish = async (): Promise<void> => {
    const { errors, words } = wordErrors(piece.text, (await model.transcribe(piece.audio).result()).text);
    total.errors += errors;
    total.words += words;
    piece = { text: "", audio: [], seconds: 0 };
  };
  for (const { text, audio, seconds } of day()) {
    piece.text += ` ${text}`;
    piece.audio.push(...audio);
    piece.seconds += seconds;
    if (piece.seconds >= pieceSeconds) await finish();
  }
  if (piece.seconds > 0) await finish();
  return total;
}

await using model = await Voxtral.load(join(import.meta.dir, "..", "models", "nano"));

let text = "";
let words = 0;
const restarts: Record<string, number> = {};
const lines: { rss: number; cost: number }[] = [];
let start = process.cpuUsage();

function report(): void {
  Bun.gc(true);
  const { user, system } = process.cpuUsage(start);
  const line = { rss: process.memoryUsage.rss(), cost: (user + system) / 1e6 / 3600 };
  lines.push(line);
  console.log(
    `hour ${String(lines.length).padStart(2)}: ${(line.rss / 2 ** 20).toFixed(0)} MB, ${(line.cost * 1e3).toFixed(2)} ms of work per s, ${words} words, restarts ${JSON.stringify(restarts)}`,
  );
  words = 0;
  start = process.cpuUsage();
}

for await (const event of model.transcribe(stream(), { continuous: true })) {
  if (event.type === "text") text += event.text;
  if (event.type === "restart") restarts[event.reason] = (restarts[event.reason] ?? 0) + 1;
  if (event.type !== "word") continue;
  words++;
  if (event.end >= (lines.length + 1) * 3600) report();
}
if (lines.length < hours) report();

const pieces = await inPieces();
// The whole Levenshtein table of hours would be huge.
const whole = bandedErrors(said, text);
const percent = ({ errors, words }: { errors: number; words: number }): number => (100 * errors) / words;
console.log(`word error rate: stream ${percent(whole).toFixed(2)} %, in pieces ${percent(pieces).toFixed(2)} %`);

const [first, last] = [lines[Math.min(1, lines.length - 1)], lines.at(-1)];
const failures = [
  (last?.rss ?? 0) - (first?.rss ?? 0) > mostGrowth && "memory grows",
  (last?.cost ?? 0) > 1.5 * (first?.cost ?? 0) && "the cost of a second grows",
  percent(whole) > percent(pieces) + 1 && "the stream hears worse than its pieces",
].filter(Boolean);
for (const failure of failures) console.error(`soak: ${failure}`);
process.exitCode = failures.length > 0 ? 1 : 0;

/** Edit distance in a band around the diagonal, which it leaves only if hundreds of words in a row go wrong. */
function bandedErrors(texts: string[], heard: string): { errors: number; words: number } {
  const a = texts.join(" ").split(" ");
  const b = heard.trim().split(/\s+/);
  const band = 2000;
  let row = new Int32Array(b.length + 1).map((_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = new Int32Array(b.length + 1).fill(2 ** 30);
    if (i <= band) next[0] = i;
    const middle = Math.round((i / a.length) * b.length);
    for (let j = Math.max(1, middle - band); j <= Math.min(b.length, middle + band); j++)
      next[j] = Math.min(
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
      );
    row = next;
  }
  return { errors: row[b.length] ?? 0, words: a.length };
}
