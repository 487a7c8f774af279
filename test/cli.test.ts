import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { symbols } from "../cli/monitor.ts";
import packageJson from "../package.json" with { type: "json" };
import { rounded } from "../src/formats/formatter.ts";
import { Voxtral } from "../src/index.ts";
import { nano, runCli, sample, samplesOf, startCli } from "./helpers.ts";

const weather = sample("weather.wav");
const kitchen = sample("kitchen.wav");

await using model = await Voxtral.load(nano);
const results = {
  weather: await model.transcribe(weather).result(),
  kitchen: await model.transcribe(kitchen).result(),
  hasty: await model.transcribe(weather, { delayMs: 80 }).result(),
};
await model.close();

test("a file: its text on stdout, one line of timing on stderr", async () => {
  const run = await runCli([weather]);
  expect(run.out).toBe(`${results.weather.text}\n`);
  expect(run.err).toMatch(/^.*weather\.wav: 1\.\d s of audio in \d+\.\d\d s, \d+\.\d times real time\n$/);
  expect(run.code).toBe(0);
});

test("--silent: nothing on stderr; -d and -i as in voxtral.c; transcribe by name", async () => {
  for (const args of [
    ["-d", nano, "-i", weather],
    ["--model", nano, "--input", weather],
    ["transcribe", weather],
  ])
    expect(await runCli([...args, "--silent"])).toEqual({ out: `${results.weather.text}\n`, err: "", code: 0 });
});

test("several files: in order, each on its line", async () => {
  const files = [kitchen, weather, kitchen, weather, weather, kitchen];
  const run = await runCli([...files, "--silent"]);
  expect(run.out.split("\n")).toEqual([
    ...files.map((file) => (file === kitchen ? results.kitchen.text : results.weather.text)),
    "",
  ]);
});

test("a bad file among good ones: they are transcribed, the exit status is 1", async () => {
  const run = await runCli([weather, "/no/such.wav", kitchen, "--silent"]);
  expect(run.out).toBe(`${results.weather.text}\n${results.kitchen.text}\n`);
  expect(run.err).toBe("voxtral: /no/such.wav: no such file\n");
  expect(run.code).toBe(1);
});

test("a file that is no audio: one sentence", async () => {
  const folder = await mkdtemp(join(tmpdir(), "voxtral-cli-"));
  try {
    const path = join(folder, "recording.mp3");
    await writeFile(path, "nothing to hear");
    const run = await runCli([path]);
    expect(run.out).toBe("");
    expect(run.err).toStartWith(`voxtral: ${path}: not audio of a known format; expected WAVE, MP3, `);
    expect(run.err.trimEnd()).not.toContain("\n");
    expect(run.code).toBe(1);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("--format json: one object a file", async () => {
  const run = await runCli([weather, kitchen, "--format", "json", "--silent"]);
  const [first, second] = run.out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const { text, duration, segments, words, tokens } = results.weather;
  const document = {
    text,
    duration,
    model: "nano",
    segments: segments.map(({ start, end, text: said }) => ({ start, end, text: said })),
    words: words.map(({ text: word, start, end, logprob }) => ({ word, start, end, logprob })),
    tokens: tokens.map(({ id, text: spelled = "", start, end, logprob }) => ({
      id,
      text: spelled,
      start,
      end,
      logprob,
    })),
  };
  expect(first).toEqual(JSON.parse(JSON.stringify(document, rounded)));
  expect(second.text).toBe(results.kitchen.text);
});

test("--format tokens: every id, one line a file", async () => {
  const run = await runCli([weather, kitchen, "--format", "tokens", "--silent"]);
  expect(run.out).toBe(
    [results.weather, results.kitchen].map(({ tokens }) => `${tokens.map(({ id }) => id).join(" ")}\n`).join(""),
  );
});

test("--alt: candidates in brackets; the best ones are the text", async () => {
  const run = await runCli([weather, "--alt", "1", "--silent"]);
  expect(run.out).toMatch(/\[[^|\]]*\|[^\]]*\]/);
  const best = run.out.replaceAll(/\[([^|\]]*)\|[^\]]*\]/g, "$1");
  expect(best.trim()).toBe(results.weather.text);
  const none = await runCli([weather, "--alt", "0", "--silent"]);
  expect(none.out).toBe(`${results.weather.text}\n`);
});

test("--delay and -I reach the model", async () => {
  const ids = async (...args: string[]) =>
    (await runCli([weather, "--format", "tokens", "--silent", ...args])).out.trim();
  const hasty = results.hasty.tokens.map(({ id }) => id).join(" ");
  expect(hasty).not.toBe(results.weather.tokens.map(({ id }) => id).join(" "));
  expect(await ids("--delay", "80")).toBe(hasty);
  expect(await ids("-I", "0.1")).toBe(await ids("-I", "10"));
});

test("--monitor: symbols on stderr, the text untouched", async () => {
  const run = await runCli([weather, "--monitor", "--silent", "-I", "0.5"]);
  expect(run.out).toBe(`${results.weather.text}\n`);
  expect(run.err).toContain(symbols.encoder);
  expect(run.err).toContain(symbols.prefill);
  expect(run.err.trim()).toMatch(new RegExp(`^[${Object.values(symbols).join("")}]+$`));
});

test("--debug: every event on stderr", async () => {
  const run = await runCli([weather, "--debug", "--silent"]);
  const events = run.err
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events.filter(({ type }) => type === "token").map(({ id }) => id)).toEqual(
    results.weather.tokens.map(({ id }) => id),
  );
  expect(events.at(-1)).toMatchObject({ type: "done" });
});

test("wrong usage: status 2 and a sentence", async () => {
  const wrong: [string[], RegExp][] = [
    [[], /Usage: voxtral/],
    [["--no-such-option"], /unknown option/],
    [[weather, "-I", "0"], /-I.*from 0.08 to 10/],
    [[weather, "-I", "x"], /-I/],
    [[weather, "--alt", "2"], /--alt.*from 0 to 1/],
    [[weather, "--delay", "100"], /--delay is 100; expected one of 80, 160/],
    [[weather, "--delay", "5000"], /--delay/],
    [[weather, "--format", "xml"], /text, json, .*tokens/],
    [[weather, "--threads", "1.5"], /whole number/],
    [[weather, "--isa", "z80"], /scalar/],
    [["--stdin", weather], /exclude/],
    [["-", "-"], /once/],
    [["inspect"], /missing required argument/],
  ];
  for (const [args, sentence] of wrong) {
    const run = await runCli(args);
    expect(run.err).toMatch(sentence);
    expect([run.code, run.out]).toEqual([2, ""]);
  }
}, 30_000);

test("a model that is missing: status 1", async () => {
  const run = await runCli(["-d", "/no/model", weather]);
  expect(run.err).toStartWith("voxtral: /no/model: ");
  expect(run.code).toBe(1);
});

test("--help is complete and goes to stdout; --version", async () => {
  const { out, code } = await runCli(["--help"]);
  for (const word of [
    "-d,",
    "-i,",
    "--stdin",
    "-I,",
    "--alt",
    "--delay",
    "--format",
    "--silent",
    "--debug",
    "--monitor",
    "--threads",
    "--isa",
    "--backend",
    "info",
    "inspect",
    "bench",
    "Examples:",
    "VOXTRAL_MODEL",
    "default: 480",
    "default: 2",
  ])
    expect(out).toContain(word);
  expect(code).toBe(0);
  expect(await runCli(["--version"])).toEqual({ out: `${packageJson.version}\n`, err: "", code: 0 });
});

test("info", async () => {
  const info = JSON.parse((await runCli(["info", "--json"])).out);
  expect(info.version).toBe(packageJson.version);
  expect(info.library).toMatchObject({ version: packageJson.version, abi: 1 });
  expect(info.machine.cpu.available).toContain(info.model.isa);
  expect(info.model).toMatchObject({ model: "nano", backend: "cpu", vocab_size: 4096 });
  const { out } = await runCli(["info", "--isa", "scalar", "--threads", "1"]);
  expect(out).toMatch(/isa +scalar/);
  expect(out).toMatch(/threads +1\n/);
});

test("inspect", async () => {
  const { tensors } = JSON.parse((await runCli(["inspect", nano, "--json"])).out);
  expect(tensors.find(({ name }: { name: string }) => name === "norm.weight")).toMatchObject({
    dtype: "BF16",
    shape: [256],
  });
  const { out } = await runCli(["inspect", join(nano, "consolidated.safetensors")]);
  expect(out.trimEnd().split("\n")).toHaveLength(tensors.length + 1);
  expect(out).toMatch(/^norm\.weight +BF16 +256 +512$/m);
  expect((await runCli(["inspect", "/no/file"])).code).toBe(1);
});

test("bench measures every part beside its limit", async () => {
  const run = await runCli(["bench", "--json", "--repeats", "1"]);
  const { machine, limits, decode, encoder, prefill, end_to_end } = JSON.parse(run.out);
  expect(machine.model).toBe("nano");
  expect(limits.bandwidth_gb_s).toBeGreaterThan(0.1);
  expect(limits.peak_gflop_s).toBeGreaterThan(0.1);
  expect(decode.map(({ rows }: { rows: number }) => rows)).toEqual([1, 2, 4, 8, 16]);
  expect(encoder.map(({ block_s }: { block_s: number }) => block_s)).toEqual([0.5, 2, 8]);
  for (const { ms, limit_ms, ratio } of [...decode, prefill]) {
    expect(ms).toBeGreaterThan(0);
    expect(ratio).toBeCloseTo(ms / limit_ms, 6);
  }
  for (const { s_per_s, limit_s_per_s, ratio } of encoder) expect(ratio).toBeCloseTo(s_per_s / limit_s_per_s, 6);
  expect(end_to_end.s_per_s).toBeGreaterThan(0);
  expect((await runCli(["bench", "--repeats", "1"])).out).toMatch(/decoder pass +ms +limit ms +ratio/);
}, 60_000);

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  test(`${signal}: what is recognised is printed, the status is ${code}`, async () => {
    const child = startCli(["--stdin", "-I", "0.1", "--silent"]);
    child.stdin.write(new Uint8Array((await samplesOf(kitchen)).buffer));
    child.stdin.write(new Uint8Array(96_000)); // silence; the input stays open
    await child.stdin.flush();
    const reader = child.stdout.getReader();
    let out = "";
    while (!out.includes(results.kitchen.text)) {
      const { value, done } = await reader.read();
      if (done) break;
      out += new TextDecoder().decode(value);
    }
    child.kill(signal);
    for (let rest = await reader.read(); !rest.done; rest = await reader.read())
      out += new TextDecoder().decode(rest.value);
    expect(out).toBe(`${results.kitchen.text}\n`);
    expect(await new Response(child.stderr).text()).toBe("");
    expect(await child.exited).toBe(code);
  }, 20_000);

test("a reader that goes away ends it quietly", async () => {
  const long = sample("long_mixed.wav");
  const child = Bun.spawn(
    [
      "sh",
      "-c",
      `"$0" "$@" | head -c 5`,
      process.execPath,
      join(import.meta.dir, "../cli/main.ts"),
      long,
      long,
      long,
      "--silent",
      "-d",
      nano,
    ],
    { stdout: "pipe", stderr: "pipe" },
  );
  expect(await new Response(child.stdout).text()).toHaveLength(5);
  expect(await new Response(child.stderr).text()).toBe("");
  expect(await child.exited).toBe(0);
}, 20_000);
