// Where the command's transcripts go: whole files or none, in order, in every format.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inputsOf } from "../cli/inputs.ts";
import { progressLine } from "../cli/progress.ts";
import { extensions, type FormatName, format, formatNames, type Transcript, Voxtral } from "../src/index.ts";
import { cliPath, failure, media, nano, runCli, sample, startCli } from "./helpers.ts";

const kitchen = sample("kitchen.wav");
const weather = sample("weather.wav");
const long = sample("long_mixed.wav");
const results: Record<string, Transcript> = {};
let folder: string;
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "voxtral-output-"));
  await using model = await Voxtral.load(nano);
  for (const path of [kitchen, weather, long]) results[path] = await model.transcribe(path).result();
});
afterAll(() => rm(folder, { recursive: true }));

const freshFolder = async (): Promise<string> => {
  const path = join(folder, `${made++}`);
  await mkdir(path);
  return path;
};
const text = (path: string): Promise<string> => readFile(path, "utf8");

test("--output-dir: a file for every input and format, as the package formats them", async () => {
  const out = join(await freshFolder(), "new", "folder");
  const run = await runCli([
    kitchen,
    long,
    "--output-dir",
    out,
    "--format",
    "text,json",
    "--format",
    formatNames.join(","),
  ]);
  expect([run.code, run.out]).toEqual([0, ""]);
  expect(run.err.trimEnd().split("\n")).toHaveLength(2);
  for (const [path, stem] of [
    [kitchen, "kitchen"],
    [long, "long_mixed"],
  ] as const)
    for (const name of formatNames)
      expect(await text(join(out, `${stem}.${extensions[name]}`))).toBe(
        format(results[path] as Transcript, name, { model: "nano" }),
      );
  expect(await readdir(out)).toHaveLength(2 * formatNames.length);
});

test("-o: the name tells the format, unless --format does; what was there is replaced", async () => {
  const out = await freshFolder();
  const names: [string, string[], FormatName][] = [
    ["a.SRT", [], "srt"],
    ["a.vtt", [], "vtt"],
    ["a", [], "text"],
    ["a.verbose.json", [], "verbose_json"],
    ["a.foo", ["--format", "text"], "text"],
    ["a.txt", ["--format", "csv"], "csv"],
  ];
  for (const [name, args, expected] of names) {
    await writeFile(join(out, name), "old".repeat(1000));
    expect(await runCli([weather, "-o", join(out, name), "--silent", ...args])).toEqual({ out: "", err: "", code: 0 });
    expect(await text(join(out, name))).toBe(format(results[weather] as Transcript, expected));
  }
  expect((await readdir(out)).sort()).toEqual(names.map(([name]) => name).sort());
});

test("a link is followed; what is no plain file is written directly", async () => {
  const out = await freshFolder();
  await writeFile(join(out, "real.txt"), "old");
  await symlink("real.txt", join(out, "link.txt"));
  await runCli([weather, "-o", join(out, "link.txt"), "--silent"]);
  expect(await text(join(out, "real.txt"))).toBe(`${results[weather]?.text}\n`);
  expect((await readdir(out)).sort()).toEqual(["link.txt", "real.txt"]);
  if (process.platform === "win32") return;
  const piped = ["-c", '"$@" -o /dev/stdout | cat', "sh", process.execPath, cliPath, "-d", nano, weather, "--silent"];
  expect(Bun.spawnSync(["sh", ...piped]).stdout.toString()).toBe(`${results[weather]?.text}\n`);
});

describe("whole or not at all", () => {
  test("a failing input leaves what was there; the others are written", async () => {
    const out = await freshFolder();
    const bad = join(out, "bad.mp3");
    await writeFile(bad, "no sound");
    await writeFile(join(out, "bad.srt"), "old");
    const run = await runCli([bad, weather, "--output-dir", out, "--format", "srt,vtt", "--silent"]);
    expect(run.err).toStartWith(`voxtral: ${bad}: `);
    expect([run.code, await text(join(out, "bad.srt"))]).toEqual([1, "old"]);
    expect((await readdir(out)).sort()).toEqual(["bad.mp3", "bad.srt", "weather.srt", "weather.vtt"]);
  });

  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)
    test(`${signal} half-way`, async () => {
      const out = await freshFolder();
      await writeFile(join(out, "stdin.txt"), "old");
      const child = startCli(["-", "-I", "0.1", "--output-dir", out, "--format", "text,json", "--debug"]);
      child.stdin.write(await Bun.file(kitchen).bytes());
      child.stdin.write(new Uint8Array(64_000));
      await child.stdin.flush();
      let seen = "";
      for await (const chunk of child.stderr) {
        seen += new TextDecoder().decode(chunk);
        if (seen.includes('"kitchen"')) break; // it is being written
      }
      const temporary = (await readdir(out)).filter((name) => name.endsWith(".tmp"));
      child.kill(signal);
      expect(await child.exited).toBe(code);
      expect(temporary).toHaveLength(2);
      expect(await text(join(out, "stdin.txt"))).toBe("old");
      expect(await readdir(out)).toEqual(["stdin.txt"]);
    }, 20_000);

  test.skipIf(process.platform === "win32")("no room", async () => {
    const out = await freshFolder();
    await writeFile(join(out, "a.json"), "old");
    const limited = `trap "" XFSZ; ulimit -f 4; exec "$@"`; // files of at most 4 blocks
    const args = [
      "-c",
      limited,
      "sh",
      process.execPath,
      cliPath,
      "-d",
      nano,
      long,
      "--silent",
      "-o",
      join(out, "a.json"),
    ];
    const child = Bun.spawnSync(["sh", ...args]);
    expect(child.stderr.toString()).toMatch(/^voxtral: .*a\.json: cannot be written \(.*\)\n$/);
    expect(child.exitCode).toBe(1);
    expect([await readdir(out), await text(join(out, "a.json"))]).toEqual([["a.json"], "old"]);
    if (process.platform !== "linux") return;
    const full = await runCli([weather, "-o", "/dev/full", "--silent"]);
    expect([full.err, full.code]).toEqual(["voxtral: /dev/full: cannot be written (no space left on the device)\n", 1]);
  });

  test("a folder that does not exist, or is none", async () => {
    const run = await runCli([weather, "-o", join(folder, "no", "a.txt")]);
    expect(run.err).toBe(`voxtral: ${join(folder, "no", "a.txt")}: cannot be written (its folder does not exist)\n`);
    expect(run.code).toBe(1);
    const onFile = await runCli([weather, "--output-dir", kitchen]);
    expect([onFile.err, onFile.code]).toEqual([`voxtral: ${kitchen}: is a file; expected a folder\n`, 1]);
  });
});

test("what cannot be meant: status 2 and a sentence, before any work", async () => {
  const out = await freshFolder();
  await copyFile(weather, join(out, "weather.txt"));
  const wrong: [string[], RegExp][] = [
    [[weather, "--format", "text,srt"], /several formats need --output-dir/],
    [[weather, kitchen, "-o", "a.txt"], /-o takes one transcript/],
    [[weather, "-o", "a.txt", "--format", "srt,vtt"], /-o takes one transcript/],
    [[weather, "-o", "a.foo"], /a\.foo: no format ends in \.foo; expected \.txt, \.json, .*, or add --format/],
    [[weather, "-o", "a.txt", "--output-dir", "b"], /exclude each other/],
    [[weather, "--format", "srt,docx"], /one or more of text, json/],
    [[weather, weather, "--output-dir", out], /would be written over the transcript of/],
    [[join(out, "weather.txt"), "-o", join(out, "weather.txt")], /would be written over .*weather\.txt/],
    [[weather, "--format", "srt", "--alt", "0.5"], /--alt goes with/],
    [[weather, "--format", "srt", "--color"], /--color goes with text/],
    [[weather, "--color", "--alt", "0.5"], /--color goes with text/],
  ];
  for (const [args, sentence] of wrong) {
    const run = await runCli(args);
    expect(run.err).toMatch(sentence);
    expect([run.code, run.out]).toEqual([2, ""]);
  }
  expect(await readdir(out)).toEqual(["weather.txt"]);
}, 20_000);

test("files of the same name keep what follows the dot", async () => {
  const out = await freshFolder();
  const files = [sample("digits.wav"), media("digits.mp3"), weather];
  expect((await runCli([...files, "--output-dir", out, "--silent"])).code).toBe(0);
  expect((await readdir(out)).sort()).toEqual(["digits.mp3.txt", "digits.wav.txt", "weather.txt"]);
});

describe("folders", () => {
  test("are their audio files by content, in the order of people", async () => {
    const from = await freshFolder();
    for (const name of ["take10.bin", "take2", "take1.wav"]) await copyFile(weather, join(from, name));
    await copyFile(media("digits.opus"), join(from, "take3.txt"));
    for (const name of ["notes.txt", "empty.wav"])
      await writeFile(join(from, name), name === "empty.wav" ? "" : "words");
    await copyFile(weather, join(from, ".hidden.wav"));
    await mkdir(join(from, "deeper"));
    const names = (await inputsOf([from, kitchen])).map(({ name }) => name);
    expect(names).toEqual([
      ...["take1.wav", "take2", "take3.txt", "take10.bin"].map((name) => join(from, name)),
      kitchen,
    ]);
    const run = await runCli([from, "--silent"]);
    const said = results[weather]?.text;
    expect(run.out).toBe(`${said}\n${said}\none two three four five six seven eight nine zero\n${said}\n`);
  });

  test("without audio: a sentence", async () => {
    const from = await freshFolder();
    expect((await failure("io", () => inputsOf([from]))).message).toBe(`${from}: a folder without audio files`);
  });
});

test("several files as subtitles on stdout: each whole, in order", async () => {
  const files = [long, kitchen, weather, kitchen];
  const run = await runCli([...files, "--format", "srt", "--silent"]);
  expect(run.out).toBe(files.map((path) => format(results[path] as Transcript, "srt")).join(""));
});

test("subtitles come while the audio still does", async () => {
  const child = startCli(["-", "-I", "0.1", "--silent", "--format", "vtt"]);
  child.stdin.write(await Bun.file(long).bytes());
  await child.stdin.flush(); // and stays open
  let seen = "";
  const reader = child.stdout.getReader();
  while (!seen.includes(" --> ")) seen += new TextDecoder().decode((await reader.read()).value);
  expect(seen).toStartWith("WEBVTT\n\n00:00:0");
  child.kill("SIGKILL");
  await child.exited;
}, 20_000);

test("--color: every word in the colour of its confidence", async () => {
  const run = await runCli([weather, "--color", "--silent"]);
  const esc = String.fromCharCode(27);
  const words = [...run.out.matchAll(new RegExp(`${esc}\\[([\\d;]+)m(.*?)${esc}\\[0m`, "g"))];
  expect(words.map(([, , word]) => word).join(" ")).toBe(results[weather]?.text as string);
  const confidences = results[weather]?.words.map(({ confidence }) => confidence) ?? [];
  const code = (confidence: number) =>
    confidence >= 0.9 ? "32" : confidence >= 0.7 ? "33" : confidence >= 0.5 ? "38;5;208" : "31";
  expect(words.map(([, shade]) => shade)).toEqual(confidences.map(code));
  expect(Bun.stripANSI(run.out)).toBe(`${results[weather]?.text}\n`);
});

describe("progress", () => {
  test("audio time, speed and time left, as wide as the terminal", () => {
    const progress = { written: 40, encoded: 35, decoded: 30, total: 3660 };
    expect(progressLine("a.wav", progress, 3, 100)).toBe(
      `a.wav ${"░".repeat(20)} 0:30 of 1:01:00, 10.0x real time, 6:03 left`,
    );
    expect(progressLine("a.wav", { ...progress, decoded: 1830 }, 10, 100)).toContain(
      ` ${"█".repeat(10)}${"░".repeat(10)} 30:30 of`,
    );
    expect(progressLine("a.wav", { written: 1, encoded: 1, decoded: 1 }, 2, 80)).toBe("a.wav 0:01, 0.5x real time");
    for (const width of [10, 40, 60, 80]) {
      const line = progressLine("a/very/long/name/of/a/recording.wav", progress, 3, width);
      expect(Bun.stringWidth(line)).toBeLessThan(width);
      if (width === 80) expect(line).toMatch(/^….*recording\.wav /);
    }
  });

  test.skipIf(process.platform === "win32")(
    "is shown on a terminal and leaves no trace",
    async () => {
      let shown = "";
      const out = await freshFolder();
      const files = await Promise.all(
        [1, 2].map(async (i) => {
          const path = join(folder, `digits${i}.wav`);
          await copyFile(sample("digits.wav"), path);
          return path;
        }),
      );
      const child = Bun.spawn(
        [process.execPath, cliPath, "-d", nano, ...files, "--output-dir", out, "--isa", "scalar", "--threads", "1"],
        {
          terminal: { cols: 120, rows: 24, data: (_, bytes) => void (shown += new TextDecoder().decode(bytes)) },
        },
      );
      expect(await child.exited).toBe(0);
      child.terminal?.close();
      expect(shown).toMatch(/1\/2 .*digits1\.wav [█░]{20} 0:\d\d of 0:\d\d, \d+\.\dx real time, 0:\d\d left/);
      const esc = String.fromCharCode(27);
      const lines = shown
        .replaceAll(new RegExp(`[^\\n]*\\r${esc}\\[K`, "g"), "")
        .trim()
        .split(/\r?\n/);
      expect(lines).toHaveLength(2);
      for (const line of lines) expect(line).toMatch(/digits\d\.wav: 3\.2 s of audio in/);
    },
    30_000,
  );
});
