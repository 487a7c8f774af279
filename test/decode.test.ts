// Every container becomes the same words as its WAVE; damaged, endless and hostile ones end well.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodedReader } from "../src/audio/decode.ts";
import { openReader } from "../src/audio/reader.ts";
import { sniff } from "../src/audio/sniff.ts";
import { type AudioSource, type Transcript, Voxtral, VoxtralError } from "../src/index.ts";
import { cliPath, failure, media, nano, random, root, runCli, runProgram, sample } from "./helpers.ts";

const inProcess = ["digits.mp3", "digits-stereo.mp3", "digits.flac", "digits.ogg", "digits.opus", "digits.webm"];
const throughFfmpeg = ["digits.m4a", "digits.mp4"];
const ffmpeg = Bun.which("ffmpeg");
const testFfmpeg = test.skipIf(!ffmpeg);
if (!ffmpeg) console.warn("decode.test.ts: the tests of what ffmpeg decodes are skipped: ffmpeg is not installed");

const said = "one two three four five six seven eight nine zero";
let model: Voxtral;
let folder: string;

beforeAll(async () => {
  model = await Voxtral.load(nano);
  folder = await mkdtemp(join(tmpdir(), "voxtral-decode-"));
});
afterAll(async () => {
  await model.close();
  await rm(folder, { recursive: true });
});

async function transcribe(source: AudioSource): Promise<Transcript & { warnings: string[] }> {
  const warnings: string[] = [];
  return { ...(await model.transcribe(source, { onWarning: (text) => warnings.push(text) }).result()), warnings };
}

/** Words that differ, place by place and in number. */
function wrongWords(text: string): number {
  const [heard, spoken] = [text.split(" "), said.split(" ")];
  return spoken.filter((word, i) => heard[i] !== word).length + Math.abs(heard.length - spoken.length);
}

function* pieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function checkAllForms(name: string): Promise<void> {
  const path = media(name);
  const bytes = await Bun.file(path).bytes();
  const sources = [path, Bun.file(path), new Blob([bytes]), pieces(bytes, 1009), new Response(bytes)];
  for (const source of sources) {
    const { text, duration, warnings } = await transcribe(source);
    expect(wrongWords(text)).toBeLessThanOrEqual(name.endsWith(".flac") ? 0 : 1);
    expect(duration).toBeGreaterThan(3.2);
    expect(duration).toBeLessThan(3.3);
    expect(warnings).toEqual([]);
  }
}

describe("a path, a file, a blob, pieces and a response", () => {
  for (const name of inProcess) test(name, () => checkAllForms(name));
  for (const name of throughFfmpeg) testFfmpeg(`${name} (by ffmpeg)`, () => checkAllForms(name));

  testFfmpeg("an MP4 that can be streamed, a WAVE of μ-law, AAC, AIFF and Matroska (by ffmpeg)", async () => {
    const kinds: [string, string[]][] = [
      ["fast.mp4", ["-movflags", "+faststart"]],
      ["law.wav", ["-c:a", "pcm_mulaw"]],
      ["a.aac", []],
      ["a.aiff", []],
      ["a.mkv", ["-c:a", "libvorbis"]],
    ];
    for (const [name, options] of kinds) {
      const path = join(folder, name);
      Bun.spawnSync([ffmpeg as string, "-v", "error", "-i", sample("digits.wav"), ...options, path]);
      for (const source of [path, pieces(await Bun.file(path).bytes(), 4099)]) {
        const { text, warnings } = await transcribe(source);
        expect([wrongWords(text) <= 1, warnings]).toEqual([true, []]);
      }
    }
  });
});

test("the content counts, not the name", async () => {
  const path = join(folder, "recording.wav");
  await copyFile(media("digits.opus"), path);
  expect((await transcribe(path)).text).toBe(said);
});

test("FLAC gives the samples of the WAVE", async () => {
  const ids = async (source: string) => (await transcribe(source)).tokens.map(({ id }) => id);
  expect(await ids(media("digits.flac"))).toEqual(await ids(sample("digits.wav")));
});

test("parts of another rate, as in a podcast with advertisements", async () => {
  const bytes = await Promise.all(["digits.mp3", "digits-stereo.mp3"].map((name) => Bun.file(media(name)).bytes()));
  const { text, duration } = await transcribe(new Blob(bytes));
  expect(duration).toBeGreaterThan(6.4);
  expect(duration).toBeLessThan(6.6);
  expect(text.split(" ").filter((word) => word === "seven")).toHaveLength(2);
});

test("progress tells how much there is", async () => {
  for (const path of [sample("digits.wav"), ...inProcess.map(media)]) {
    const transcription = model.transcribe(path);
    await transcription.result();
    expect(transcription.progress.total).toBeCloseTo(3.22, 1);
  }
});

describe("broken tails: what there is, and a warning", () => {
  const cutAt = async (name: string, share: number): Promise<string> => {
    const bytes = await Bun.file(media(name)).bytes();
    const path = join(folder, `cut-${name}`);
    await Bun.write(path, bytes.slice(0, Math.floor(bytes.length * share)));
    return path;
  };

  test("digits.wav", async () => {
    const path = join(folder, "cut.wav");
    await Bun.write(path, (await Bun.file(sample("digits.wav")).bytes()).slice(0, 60_000));
    const { text, warnings } = await transcribe(path);
    expect(text).toStartWith("one two three");
    expect(warnings).toEqual([
      `${path}: WAVE is damaged: its last 42924 bytes are missing; what could be decoded is transcribed`,
    ]);
  });

  for (const name of inProcess)
    test(name, async () => {
      const path = await cutAt(name, 0.75);
      const { text, duration, warnings } = await transcribe(path);
      expect(text).toStartWith("one two three");
      expect(duration).toBeGreaterThan(1.5);
      expect(duration).toBeLessThan(name.endsWith(".ogg") ? 3.3 : 3); // Vorbis makes silence of what is cut
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toStartWith(`${path}: `);
      expect(warnings[0]).toContain("damaged");
    });

  testFfmpeg("Matroska (by ffmpeg)", async () => {
    const whole = join(folder, "whole.mkv");
    Bun.spawnSync([ffmpeg as string, "-v", "error", "-i", sample("digits.wav"), "-c:a", "aac", whole]);
    const bytes = await Bun.file(whole).bytes();
    const { text, duration, warnings } = await transcribe(new File([bytes.slice(0, bytes.length * 0.7)], "cut.mkv"));
    expect(text).toStartWith("one two");
    expect(duration).toBeLessThan(3);
    expect(warnings[0]).toStartWith("cut.mkv: Matroska is damaged: ");
  });

  test("the command says so on stderr and is content", async () => {
    const run = await runCli([await cutAt("digits.opus", 0.75)]);
    expect(run.out).toStartWith("one two three");
    expect(run.err).toMatch(
      /^voxtral: warning: .*cut-digits\.opus: Ogg Opus is damaged: it ends without its last page/,
    );
    expect(run.code).toBe(0);
  });
});

test("damaged bytes: samples or a VoxtralError, and an end", async () => {
  const next = random(11);
  for (const name of inProcess) {
    const good = await Bun.file(media(name)).bytes();
    for (let round = 0; round < 12; round++) {
      const bad = good.slice(0, round % 2 ? good.length : Math.floor(next() * good.length));
      for (let i = 0; i < 1 + round * 8; i++) bad[Math.floor(next() * bad.length)] = next() * 256;
      const reader = decodedReader(
        openReader(new File([bad], name), () => {}),
        () => {},
      );
      let bytes = 0;
      try {
        for (let chunk = await reader.read(); chunk; chunk = await reader.read()) bytes += chunk.byteLength;
      } catch (error) {
        if (!(error instanceof VoxtralError)) throw error;
      }
      reader.close();
      expect(bytes).toBeLessThan(4 * 48000 * 60);
    }
  }
}, 30_000);

test("random bytes are of no known format", () => {
  const next = random(5);
  for (let round = 0; round < 200; round++) {
    const bytes = Uint8Array.from({ length: 4096 }, () => next() * 256);
    expect(sniff(bytes)).toBeUndefined();
  }
  for (const size of [0, 1, 3, 11, 12, 40]) expect(sniff(new Uint8Array(size))).toBeUndefined();
});

test("an hour never sits in memory", async () => {
  const { out, err, code } = await runProgram(`
    const { decodedReader } = await import(${JSON.stringify(join(root, "src/audio/decode.ts"))});
    const { openReader } = await import(${JSON.stringify(join(root, "src/audio/reader.ts"))});
    const megabytes = () => process.memoryUsage.rss() / 2 ** 20;
    async function* hour() {
      const bytes = await Bun.file(${JSON.stringify(media("digits.mp3"))}).bytes();
      for (let i = 0; i < 1120; i++) yield bytes;
    }
    const reader = decodedReader(openReader(hour(), console.error), console.error);
    let samples = 0;
    let base = 0;
    let peak = 0;
    for (let chunk = await reader.read(); chunk; chunk = await reader.read()) {
      samples += chunk.length;
      if (base === 0 && samples > 60 * 16000) base = megabytes();
      peak = Math.max(peak, megabytes());
    }
    console.log(JSON.stringify({ seconds: samples / 16000, grown: peak - base }));
  `);
  expect([err, code]).toEqual(["", 0]);
  const { seconds, grown } = JSON.parse(out);
  expect(seconds).toBeGreaterThan(3590);
  expect(grown).toBeLessThan(150); // the samples are 230 MB
}, 30_000);

test("decoders are loaded when first met", async () => {
  const imports = async (path: string) =>
    new Bun.Transpiler({ loader: "ts" }).scanImports((await Bun.file(path).text()).replace(/^#!.*/, ""));
  const packages = ["mpg123-decoder", "opus-decoder", "@wasm-audio-decoders/flac", "@wasm-audio-decoders/ogg-vorbis"];
  for (const path of new Bun.Glob("{src,cli}/**/*.ts").scanSync(root)) {
    const isDecoder = /decode-\w+\.ts$/.test(path);
    for (const { path: imported, kind } of await imports(join(root, path)))
      if (packages.includes(imported) || /decode-\w+\.ts$/.test(imported))
        expect([path, imported, isDecoder || kind === "dynamic-import"]).toEqual([path, imported, true]);
  }
});

describe("without ffmpeg", () => {
  const run = (path: string) => {
    const child = Bun.spawnSync([process.execPath, cliPath, path, "--silent"], {
      env: { PATH: "/nowhere", HOME: folder, VOXTRAL_MODEL: nano },
    });
    return { out: child.stdout.toString(), err: child.stderr.toString(), code: child.exitCode };
  };

  test("a clear sentence for what needs it", () => {
    const { out, err, code } = run(media("digits.m4a"));
    expect(err).toStartWith(`voxtral: ${media("digits.m4a")}: MP4/M4A needs ffmpeg, which is not in PATH: install it`);
    expect(err.trimEnd()).not.toContain("\n");
    expect([out, code]).toEqual(["", 1]);
  });

  test("the others do not need it", () => {
    expect(run(media("digits.webm"))).toEqual({ out: `${said}\n`, err: "", code: 0 });
  });
});

testFfmpeg("a film without sound, and one that is broken (by ffmpeg)", async () => {
  const silent = join(folder, "silent.mp4");
  Bun.spawnSync([
    ffmpeg as string,
    "-v",
    "error",
    "-f",
    "lavfi",
    "-i",
    "color=black:s=16x16:d=1",
    "-c:v",
    "mpeg4",
    silent,
  ]);
  for (const source of [silent, Bun.file(silent)])
    expect((await failure("format", () => transcribe(source))).message).toBe(`${silent}: MP4/M4A without sound`);
  const broken = join(folder, "broken.mp4");
  const bytes = await Bun.file(media("digits.mp4")).bytes();
  await Bun.write(broken, bytes.slice(0, 2000)); // its description was at the end
  expect((await failure("format", () => transcribe(broken))).message).toContain("moov atom not found");
});

testFfmpeg("leaving early ends ffmpeg and removes the temporary file", async () => {
  const before = await readdir(tmpdir());
  const bytes = await Bun.file(media("digits.mp4")).bytes();
  for await (const event of model.transcribe(new Blob([bytes]))) if (event.type === "text") break;
  await transcribe(new Blob([bytes]));
  const left = (await readdir(tmpdir())).filter((name) => !before.includes(name) && /^voxtral-\w{6}$/.test(name));
  expect(left).toEqual([]);
});
