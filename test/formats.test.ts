import { describe, expect, test } from "bun:test";
import { createRequire } from "node:module";
import { parse as parsePlus } from "@plussub/srt-vtt-parser";
import { parseSync as parseSubtitle } from "subtitle";
import { type FormatName, format, formatNames, formatter, type Transcript, Voxtral, type Word } from "../src/index.ts";
import { columns, joinWords, wrap } from "../src/script.ts";
import { Segmenter, splitWord } from "../src/segments.ts";
import { failure, nano, random, sample } from "./helpers.ts";

type WebVtt = {
  cues: { startTime: number; endTime: number; tree: { children: unknown[] }; text: string }[];
  errors: { message: string }[];
};
const { WebVTTParser } = createRequire(import.meta.url)("webvtt-parser") as {
  WebVTTParser: new () => { parse(text: string, kind: string): WebVtt };
};

const model = await Voxtral.load(nano);
const transcript = await model.transcribe(sample("long_mixed.wav"), { alternatives: { count: 2, cutoff: 1 } }).result();
const live = await Array.fromAsync(model.transcribe(sample("long_mixed.wav")));
await model.close();

/** A transcript of these runs of letters, each so many seconds long, at once or after a pause. */
function transcriptOf(runs: string[], seconds = 0.4, pauses: Record<number, number> = {}): Transcript {
  const segmenter = new Segmenter();
  const words: Word[] = [];
  const segments: Transcript["segments"] = [];
  let time = 0;
  runs.forEach((text, i) => {
    time += pauses[i] ?? 0;
    const run = { text, start: time, end: time + seconds, logprob: -0.1, confidence: Math.exp(-0.1) };
    time = run.end;
    for (const word of splitWord(run)) {
      words.push(word);
      for (const { type: _, ...segment } of [...segmenter.breakBefore(word), ...segmenter.push(word)])
        segments.push(segment);
    }
  });
  for (const { type: _, ...segment } of segmenter.end()) segments.push(segment);
  return { text: runs.join(" "), words, segments, tokens: [], duration: time };
}

const awkward = transcriptOf(
  [
    "I",
    "<b>said</b>",
    "&",
    "-->",
    "said:",
    '"no",',
    "twice.",
    "00:00:01,000",
    "-->",
    "NOTE",
    "{x}",
    "naïve",
    "🙂🙂.",
    "1",
    "2",
  ],
  0.5,
);
const chinese = transcriptOf(
  ["我们今天去公园散步，然后（如果天气好）吃冰淇淋。".repeat(2) + "我们明天去公园散步然后吃冰淇淋".repeat(4)],
  40,
);
const transcripts: Record<string, Transcript> = {
  speech: transcript,
  awkward,
  chinese,
  empty: transcriptOf([]),
  rapid: transcriptOf(
    Array.from({ length: 200 }, (_, i) => `word${i}${i % 9 === 8 ? "." : ""}`),
    0.02,
  ),
};

interface ReadCue {
  start: number;
  end: number;
  text: string;
}

const plus = (text: string): ReadCue[] =>
  parsePlus(text).entries.map(({ from, to, text: said }) => ({ start: from, end: to, text: said }));
const readers: Record<"srt" | "vtt", Record<string, (text: string) => ReadCue[]>> = {
  srt: {
    "@plussub/srt-vtt-parser": plus,
    subtitle: (text) => parseSubtitle(text).flatMap((node) => (node.type === "cue" ? [node.data] : [])),
  },
  vtt: {
    "@plussub/srt-vtt-parser": plus,
    "webvtt-parser": (text) => {
      const { cues, errors } = new WebVTTParser().parse(text, "subtitles/captions/descriptions");
      expect(errors).toEqual([]);
      return cues.map(({ startTime, endTime, text: said }) => ({
        start: Math.round(startTime * 1000),
        end: Math.round(endTime * 1000),
        text: said,
      }));
    },
  },
};

const unescaped = (text: string): string =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
const flat = (text: string): string => text.replaceAll(/\s+/g, "");

describe("subtitles, read back by other programs", () => {
  for (const [name, whole] of Object.entries(transcripts))
    for (const kind of ["srt", "vtt"] as const)
      for (const [reader, read] of Object.entries(readers[kind]))
        test(`${kind} of ${name} speech by ${reader}`, () => {
          const document = format(whole, kind);
          const cues = document === "" ? [] : read(document);
          expect(cues).toHaveLength(whole.segments.length);
          let free = -1;
          cues.forEach(({ start, end, text }, i) => {
            const said = whole.segments[i]?.text ?? "";
            if (kind === "vtt") expect(flat(unescaped(text))).toBe(flat(said));
            else expect(flat(text)).toBe(flat(said.replaceAll("-->", "->")));
            expect(start).toBeGreaterThan(free);
            expect(end - start).toBeGreaterThan(0);
            expect(end - start).toBeLessThanOrEqual(7000);
            free = end + 79; // ms between two subtitles
            const lines = unescaped(text).split("\n");
            expect(lines.length).toBeLessThanOrEqual(2);
            for (const line of lines) expect(columns(line)).toBeLessThanOrEqual(42);
          });
        });
});

describe("segments", () => {
  const textsOf = ({ segments }: Transcript): string[] => segments.map(({ text }) => text);

  test("end with sentences, not with abbreviations", () => {
    const said = "Good morning, Dr. Smith. How are you? Fine!".split(" ");
    expect(textsOf(transcriptOf(said))).toEqual(["Good morning, Dr. Smith.", "How are you?", "Fine!"]);
  });

  test("end at a pause", () => {
    expect(textsOf(transcriptOf("one two three four".split(" "), 0.4, { 2: 1.3 }))).toEqual(["one two", "three four"]);
  });

  test("end after the last clause where the room ends, else at the longest pause", () => {
    const long = "when the long night was finally over at last, everybody went home and slept until noon".split(" ");
    expect(textsOf(transcriptOf(long, 0.1))[0]).toEndWith("last,");
    const even = Array.from({ length: 30 }, () => "even");
    expect(textsOf(transcriptOf(even, 0.1, { 10: 0.5 }))[0]?.split(" ")).toHaveLength(10);
  });

  test("are no longer than 7 s, and words are neither lost nor doubled", () => {
    for (const whole of Object.values(transcripts)) {
      for (const { start, end } of whole.segments) expect(end - start).toBeLessThanOrEqual(7.0001);
      expect(whole.segments.flatMap(({ words }) => words)).toEqual(whole.words);
    }
  });

  test("Chinese and Japanese break between words, never before punctuation", () => {
    expect(chinese.segments.length).toBeGreaterThan(4);
    for (const text of textsOf(chinese)) expect(text).not.toMatch(/^[，。）]|（$/u);
    expect(chinese.words.map(({ text }) => text)).toContain("公园");
    expect(joinWords(chinese.words.map(({ text }) => text))).toBe(chinese.text);
    const japanese = transcriptOf(["今日は天気がいいですね。明日も晴れるといいな。"], 8);
    expect(textsOf(japanese)).toEqual(["今日は天気がいいですね。", "明日も晴れるといいな。"]);
  });

  test("times of the parts of a run are in order and fill it", () => {
    for (let i = 1; i < chinese.words.length; i++)
      expect(chinese.words[i]?.start).toBe(chinese.words[i - 1]?.end as number);
    expect(chinese.words[0]?.start).toBe(0);
    expect(chinese.words.at(-1)?.end).toBe(40);
  });
});

test("lines: never wider than asked, nothing lost, two of about the same length", () => {
  const next = random(3);
  const alphabet = "aaaaaaaabcdé語中🙂    ،-,";
  for (let round = 0; round < 300; round++) {
    const letters = [...alphabet];
    const text = Array.from({ length: Math.floor(next() * 150) }, () => letters[Math.floor(next() * letters.length)])
      .join("")
      .trim();
    const lines = wrap(text, 20);
    for (const line of lines) expect(columns(line)).toBeLessThanOrEqual(20);
    expect(flat(lines.join(""))).toBe(flat(text));
  }
  const [first = "", second = ""] = wrap("the quick brown fox jumps over the lazy dog", 42);
  expect(Math.abs(first.length - second.length)).toBeLessThan(8);
});

test("piece by piece gives what the whole gives", () => {
  const whole = { ...transcript, tokens: transcript.tokens.map(({ alternatives: _, ...token }) => token) };
  for (const name of formatNames) {
    const document = formatter(name);
    expect(live.map((event) => document.push(event)).join("") + document.end(true)).toBe(format(whole, name));
  }
});

test("subtitles appear as their segments are final", () => {
  for (const name of ["srt", "vtt", "lrc", "csv"] as const) {
    const document = formatter(name);
    for (const event of live) {
      const added = document.push(event);
      if (event.type === "segment") expect(added).toContain(event.text.split(" ")[0] as string);
    }
    expect(document.end(true)).toBe("");
  }
});

test("nothing said: documents that are valid; nothing done: nothing", () => {
  const nothing = transcripts.empty as Transcript;
  const expected: Partial<Record<FormatName, string>> = {
    text: "\n",
    srt: "",
    vtt: "WEBVTT\n\n",
    lrc: "",
    csv: "start,end,text\n",
    tokens: "\n",
  };
  for (const [name, document] of Object.entries(expected)) expect(format(nothing, name as FormatName)).toBe(document);
  expect(JSON.parse(format(nothing, "json"))).toEqual({ text: "", duration: 0, segments: [], words: [], tokens: [] });
  for (const name of formatNames) expect(formatter(name).end(false)).toBe("");
});

test("json: words, segments, tokens with alternatives and log-probabilities", () => {
  const { model: name, text, words, segments, tokens } = JSON.parse(format(transcript, "json", { model: "nano" }));
  expect([name, text]).toEqual(["nano", transcript.text]);
  expect(words).toHaveLength(transcript.words.length);
  expect(segments.map((segment: { text: string }) => segment.text).join(" ")).toBe(transcript.text);
  for (const { id, logprob, alternatives } of tokens) {
    expect(logprob).toBeLessThanOrEqual(0);
    for (const other of alternatives ?? []) {
      expect(other.id).not.toBe(id);
      expect(other.logprob).toBeLessThanOrEqual(logprob);
    }
  }
  expect(tokens.some(({ alternatives }: { alternatives?: object[] }) => alternatives?.length)).toBe(true);
});

test("json and verbose_json: times in whole ms, log-probabilities to 4 decimals", () => {
  const precise = transcriptOf(["one", "two"], 0.123456);
  const said = { word: "two", start: 0.123, end: 0.247 };
  expect(JSON.parse(format(precise, "json")).words[1]).toEqual({ ...said, logprob: -0.1 });
  expect(JSON.parse(format(precise, "verbose_json")).words[1]).toEqual(said);
  for (const name of ["json", "verbose_json"] as const) expect(format(transcript, name)).not.toMatch(/\.\d{5}/);
});

test("verbose_json: the fields of OpenAI's, and every text token in the segment it spells", () => {
  const document = JSON.parse(format(transcript, "verbose_json", { language: "english" }));
  expect(Object.keys(document)).toEqual(["task", "language", "duration", "text", "segments", "words"]);
  expect(document).toMatchObject({
    task: "transcribe",
    language: "english",
    text: transcript.text,
    duration: Number(transcript.duration.toFixed(3)),
  });
  const spelling = new Map(transcript.tokens.map(({ id, text = "" }) => [id, text]));
  document.segments.forEach((segment: Record<string, number> & { text: string; tokens: number[] }, i: number) => {
    const fields = [
      "id",
      "seek",
      "start",
      "end",
      "text",
      "tokens",
      "temperature",
      "avg_logprob",
      "compression_ratio",
      "no_speech_prob",
    ];
    expect(Object.keys(segment)).toEqual(fields);
    expect(segment.id).toBe(i);
    expect(
      segment.tokens
        .map((id) => spelling.get(id))
        .join("")
        .trim(),
    ).toBe(segment.text);
    expect(segment.avg_logprob).toBeLessThan(0);
    expect(segment.compression_ratio).toBeGreaterThan(0.5);
  });
  expect(Object.keys(document.words[0])).toEqual(["word", "start", "end"]);
});

test("csv: quotes are doubled; lrc: minutes may be many", () => {
  const said = transcriptOf(['"yes",', "no"], 0.5);
  expect(format(said, "csv")).toBe('start,end,text\n0.000,1.000,"""yes"", no"\n');
  const late = transcriptOf(["late"], 0.5, { 0: 6005.25 });
  expect(format(late, "lrc")).toBe("[100:05.25]late\n");
  expect(format(late, "srt")).toContain("01:40:05,250 --> 01:40:05,750");
});

test("a format that does not exist is refused", async () => {
  const error = await failure("argument", () => format(transcript, "docx" as FormatName));
  expect(error.message).toContain("docx");
  await failure("argument", () => formatter("toString" as FormatName));
});
