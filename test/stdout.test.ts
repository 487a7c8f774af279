// Standard output that takes nothing: one sentence and status 1, whatever was to be printed.
import { describe, expect, test } from "bun:test";
import { cliPath, nano, runCli, sample } from "./helpers.ts";
import { hearing, missing } from "./sound.ts";

const file = sample("digits.wav");

/** Runs the command line with its stdout redirected by the shell. */
async function redirected(redirection: string, args: string[], env: Record<string, string | undefined> = process.env) {
  const child = Bun.spawn(["sh", "-c", `exec "$@" ${redirection}`, "sh", process.execPath, cliPath, ...args], {
    env: { ...env, VOXTRAL_MODEL: nano },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: 15_000,
  });
  return { err: await new Response(child.stderr).text(), code: await child.exited };
}

const full = { err: "voxtral: standard output: no space left on the device\n", code: 1 };
const closed = { err: "voxtral: standard output: it is closed\n", code: 1 };
const noAlsa = missing("arecord");

describe.concurrent.skipIf(process.platform !== "linux")("stdout that takes nothing (skipped but on Linux)", () => {
  for (const args of [
    [file, "--silent"],
    [file, file, "--silent"],
    [file, "--format", "json", "--silent"],
    ["--help"],
    ["info"],
  ]) {
    const name = args.map((arg) => (arg === file ? "FILE" : arg)).join(" ");
    test(`${name}: full`, async () => expect(await redirected("> /dev/full", args)).toEqual(full), 20_000);
    test(`${name}: closed`, async () => expect(await redirected(">&-", args)).toEqual(closed), 20_000);
  }

  test("where nothing is printed there it does not matter; /dev/null takes all", async () => {
    const toFile = [file, "-o", "/dev/null", "--silent"];
    expect(await redirected(">&-", toFile)).toEqual({ err: "", code: 0 });
    expect(await redirected("> /dev/null", [file, "--silent"])).toEqual({ err: "", code: 0 });
  }, 20_000);

  test.skipIf(noAlsa !== "")(
    `listening ends${noAlsa}`,
    async () => {
      await using home = await hearing("digits.wav");
      expect(await redirected("> /dev/full", ["listen"], home.env)).toEqual(full);
    },
    20_000,
  );
});

test("standard input that is a folder; names that are empty", async () => {
  const stdin = await redirected("< /", ["--stdin"]);
  expect(stdin).toEqual({ err: "voxtral: standard input: is a folder; expected audio\n", code: 1 });
  expect(await runCli([""])).toEqual({ out: "", err: "voxtral: a file's name is empty\n", code: 1 });
  for (const device of ["", " ", "pulse:", "alsa:"])
    expect(await runCli(["listen", "--device", device])).toEqual({
      out: "",
      err: "voxtral: the device's name is empty; leave it out to record the default one\n",
      code: 1,
    });
}, 20_000);
