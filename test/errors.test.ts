import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AudioSource, inspect, type LoadOptions, type StreamOptions, Voxtral } from "../src/index.ts";
import { requireBun } from "../src/native.ts";
import { failure, nano, root, runProgram, sample, samplesOf } from "./helpers.ts";

let model: Voxtral;
let folder: string;

beforeAll(async () => {
  model = await Voxtral.load(nano);
  folder = await mkdtemp(join(tmpdir(), "voxtral-errors-"));
});
afterAll(async () => {
  await model.close();
  await rm(folder, { recursive: true });
});

const transcribe = (source: AudioSource, options: StreamOptions = {}) => model.transcribe(source, options).result();

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

test("a missing file, a folder, a file without permission", async () => {
  const missing = join(folder, "missing.wav");
  expect((await failure("io", () => transcribe(missing))).message).toBe(`${missing}: no such file`);
  expect((await failure("io", () => transcribe(Bun.file(missing)))).message).toBe(`${missing}: no such file`);
  expect((await failure("io", () => transcribe(folder))).message).toContain("folder");
  expect((await failure("argument", () => transcribe(""))).message).toBe("a file's name is empty");
  const locked = await file("locked.wav", "RIFF");
  await chmod(locked, 0);
  if (process.getuid?.() !== 0) expect((await failure("io", () => transcribe(locked))).message).toContain("permission");
});

test("compressed files without sound in them: named", async () => {
  const heads: [string, string | Uint8Array, string][] = [
    ["a.mp3", "ID3\x04\0\0\0\0\0\0 and so on", "MP3"],
    ["a.ogg", "OggS\0\x02\0\0\0\0\0\0\0", "Ogg"],
    ["a.flac", "fLaC\0\0\0\x22\x10\0\x10\0\0\0", "FLAC"],
    ["a.m4a", "\0\0\0\x20ftypM4A \0\0\0\0", "MP4"],
    ["a.mkv", new Uint8Array([0x1a, 0x45, 0xdf, 0xa3, 1, 0, 0, 0, 0, 0, 0, 31]), "Matroska"],
  ];
  const needsFfmpeg = ["a.ogg", "a.m4a", "a.mkv"];
  for (const [name, head, format] of heads) {
    const code = needsFfmpeg.includes(name) && !Bun.which("ffmpeg") ? "unsupported" : "format";
    const path = await file(name, head);
    for (const source of [path, Bun.file(path), Bun.file(path).stream(), [await Bun.file(path).bytes()]])
      expect((await failure(code, () => transcribe(source))).message).toContain(format);
    expect((await failure(code, () => transcribe(path))).message).toStartWith(`${path}: ${format}`);
  }
});

test("a file of anything else is not taken for samples; said to be samples, it is", async () => {
  const path = await file("notes.txt", "These are words, but nobody speaks them. ".repeat(100));
  expect((await failure("format", () => transcribe(path))).message).toStartWith(`${path}: not audio of a known format`);
  expect((await failure("format", async () => transcribe(await file("empty.wav", "")))).message).toContain("is empty");
  const { duration } = await transcribe(path, { encoding: "s16", rate: 8000 });
  expect(duration).toBeCloseTo(4100 / 2 / 8000, 2);
});

test("damaged WAVE files", async () => {
  const whole = await Bun.file(sample("weather.wav")).bytes();
  const header = whole.slice(0, 30);
  expect((await failure("format", async () => transcribe(await file("short.wav", header)))).message).toStartWith(
    join(folder, "short.wav: "),
  );
  const alien = whole.slice();
  alien[20] = 0x55; // format tag: MPEG layer 3
  await failure("unsupported", async () => transcribe(await file("mp3-in-wave.wav", alien))).catch(() =>
    failure("format", () => transcribe(join(folder, "mp3-in-wave.wav"))),
  );
  const silent = whole.slice();
  silent.fill(0, 24, 28); // 0 Hz
  await failure("format", async () => transcribe(await file("rate.wav", silent)));
  const cut = await transcribe(await file("cut.wav", whole.slice(0, 20_000)));
  expect(cut.duration).toBeCloseTo((20_000 - 44) / 32000, 2); // what is there is transcribed
});

test("options out of range name the option and what is expected", async () => {
  const wrong: [StreamOptions, string][] = [
    [{ interval: 0 }, "interval"],
    [{ interval: 61 }, "interval"],
    [{ interval: Number.NaN }, "interval"],
    [{ alternatives: { count: 0, cutoff: 0.5 } }, "count"],
    [{ alternatives: { count: 5, cutoff: 0.5 } }, "count"],
    [{ alternatives: { count: 2, cutoff: 1.1 } }, "cutoff"],
    [{ rate: 999 }, "rate"],
    [{ rate: 16000.5 }, "rate"],
    [{ channels: 0 }, "channels"],
    [{ channels: 65 }, "channels"],
    [{ encoding: "mp3" as "f32" }, "encoding"],
  ];
  for (const [options, name] of wrong) {
    expect((await failure("argument", () => model.transcribe(new Int16Array(1), options))).message).toContain(name);
    expect((await failure("argument", () => model.stream(options))).message).toContain(name);
  }
  expect(model.info.streams).toBe(0);
});

test("a rate for bytes of unknown encoding is refused", async () => {
  const samples = await samplesOf(sample("weather.wav"));
  const { message } = await failure("argument", () => transcribe(new Uint8Array(samples.buffer), { rate: 8000 }));
  expect(message).toContain("encoding");
});

test("models that cannot be loaded", async () => {
  expect((await failure("io", () => Voxtral.load("/no/such/model"))).message).toStartWith("/no/such/model: ");
  expect((await failure("io", () => Voxtral.load(folder))).message).toContain("params.json");
  const broken = join(folder, "broken");
  await mkdir(broken);
  for (const name of ["params.json", "tekken.json", "consolidated.safetensors"])
    await Bun.write(join(broken, name), Bun.file(join(nano, name)));
  await writeFile(join(broken, "params.json"), "{");
  expect((await failure("format", () => Voxtral.load(broken))).message).toContain("params.json");
  await Bun.write(join(broken, "params.json"), Bun.file(join(nano, "params.json")));
  await writeFile(join(broken, "consolidated.safetensors"), "nothing");
  expect((await failure("format", () => Voxtral.load(broken))).message).toContain("consolidated.safetensors");
  await failure("argument", () => Voxtral.load("a\0b"));
  for (const name of ["synthetic:9b", "synthetic:", "synthetic:/no/params.json"])
    expect((await failure("io", () => Voxtral.load(name))).message).toBe(
      `${name}: no such model; expected synthetic:4b or synthetic:PATH.json`,
    );
});

test("load options that this machine or build does not have", async () => {
  const wrong: LoadOptions[] = [
    { backend: "abacus" as "cpu" },
    { isa: "z80" as "scalar" },
    { isa: process.arch === "arm64" ? "avx2" : "neon" },
  ];
  for (const options of wrong) {
    const error = await Voxtral.load(nano, options).then(
      () => undefined,
      (cause) => cause,
    );
    expect(["argument", "unsupported"]).toContain(error?.code);
    expect(error.message).toContain(options.backend ?? (options.isa as string));
  }
  for (const threads of [-1, 1.5, 5000, Number.NaN]) await failure("argument", () => Voxtral.load(nano, { threads }));
});

test("inspect names the file that it cannot read", async () => {
  expect((await failure("io", () => inspect("/no/such/file.safetensors"))).message).toContain(
    "/no/such/file.safetensors",
  );
  const path = await file("text.safetensors", "not tensors");
  expect((await failure("format", () => inspect(path))).message).toContain("text.safetensors");
});

test("the library: missing and unloadable are explained", async () => {
  const load =
    "try { await Voxtral.load(nano); } catch (error) { console.log(error.name, error.code, error.message); }";
  const missing = await runProgram(`process.env.VOXTRAL_LIBRARY = "/no/libvoxtral.so"; ${load}`);
  expect(missing.out).toStartWith("VoxtralError unsupported /no/libvoxtral.so: the native library cannot be opened");
  const wrong = await runProgram(
    `process.env.VOXTRAL_LIBRARY = ${JSON.stringify(join(root, "package.json"))}; ${load}`,
  );
  expect(wrong.out).toContain("the native library cannot be opened");
});

test("an older Bun and other runtimes are told what is needed", async () => {
  expect((await failure("unsupported", () => requireBun("1.3.9"))).message).toContain("Bun 1.3.9 is too old");
  requireBun("1.4.0");
  const { message } = await import("../src/unsupported.js").then(
    () => new Error("nothing was thrown"),
    (error: Error) => error,
  );
  expect(message).toContain("runs in Bun 1.4 or newer");
});
