import { expect, test } from "bun:test";
import { Voxtral } from "../src/index.ts";
import { media, nano, runCli, sample, samplesOf, startCli } from "./helpers.ts";

const file = sample("timer.wav");
const bytes = await Bun.file(file).bytes();
const samples = await samplesOf(file);

await using model = await Voxtral.load(nano);
const { text } = await model.transcribe(file).result();
await model.close();

const done = { out: `${text}\n`, err: "", code: 0 };

test("WAVE on stdin, by --stdin and by -", async () => {
  expect(await runCli(["--stdin", "--silent"], bytes)).toEqual(done);
  expect(await runCli(["-", "--silent"], bytes)).toEqual(done);
  expect(await runCli([file, "-", "--silent"], bytes)).toEqual({ ...done, out: `${text}\n${text}\n` });
});

test("raw s16le 16 kHz mono on stdin", async () => {
  expect(await runCli(["--stdin", "--silent"], new Uint8Array(samples.buffer))).toEqual(done);
});

test("a file as stdin", async () => {
  expect(await runCli(["--stdin", "--silent"], Bun.file(file))).toEqual(done);
});

test("the tokens are those of the file, however the pipe cuts it", async () => {
  const child = startCli(["--stdin", "--silent", "--format", "tokens", "-I", "0.3"]);
  for (let at = 0; at < bytes.length; at += 3001) {
    child.stdin.write(bytes.slice(at, at + 3001));
    await child.stdin.flush();
    await Bun.sleep(2);
  }
  await child.stdin.end();
  const { out } = await runCli([file, "--silent", "--format", "tokens"]);
  expect(await new Response(child.stdout).text()).toBe(out);
  expect(await child.exited).toBe(0);
}, 20_000);

test("text comes before the input ends", async () => {
  const child = startCli(["--stdin", "--silent", "-I", "0.1"]);
  child.stdin.write(new Uint8Array(samples.buffer));
  child.stdin.write(new Uint8Array(64_000));
  await child.stdin.flush(); // and stays open
  const { value } = await child.stdout.getReader().read();
  expect(text).toStartWith(new TextDecoder().decode(value).trim());
  expect(value?.length).toBeGreaterThan(0);
  await child.stdin.end();
  expect(await child.exited).toBe(0);
}, 20_000);

test("nothing on stdin is an empty transcript", async () => {
  expect(await runCli(["--stdin", "--silent"], new Uint8Array(0))).toEqual({ out: "\n", err: "", code: 0 });
});

test("compressed audio on stdin: transcribed; damaged: one sentence, status 1", async () => {
  const { out, code } = await runCli(["-", "--silent"], Bun.file(media("digits.opus")));
  expect([out, code]).toEqual(["one two three four five six seven eight nine zero\n", 0]);
  const run = await runCli(["--stdin"], Buffer.from("fLaC\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
  expect(run.err).toStartWith("voxtral: standard input: FLAC without sound");
  expect(run.err.trimEnd()).not.toContain("\n");
  expect([run.out, run.code]).toEqual(["", 1]);
});

test("a WAVE header that is cut off: one sentence, status 1", async () => {
  const run = await runCli(["--stdin"], bytes.slice(0, 20));
  expect(run.err).toStartWith("voxtral: standard input: ");
  expect([run.out, run.code]).toEqual(["", 1]);
});
