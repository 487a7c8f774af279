// ffmpeg as a part of the process: it ends with it, leaves nothing behind, and its own end is told.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Voxtral } from "../src/index.ts";
import { cliPath, failure, media, nano, sample } from "./helpers.ts";

const ffmpeg = Bun.which("ffmpeg") ?? "";
if (!ffmpeg) console.warn("ffmpeg.test.ts: its tests are skipped: ffmpeg is not installed");

const makeAudio = (options: string[], path: string) =>
  Bun.spawnSync([ffmpeg, "-v", "error", ...options, path]).exitCode;
let folder: string;
let long: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "voxtral-test-ffmpeg-"));
  long = join(folder, "long.m4a");
  if (ffmpeg) makeAudio(["-stream_loop", "99", "-i", media("digits.m4a"), "-c:a", "copy"], long);
});
afterAll(() => rm(folder, { recursive: true }));

/** Starts the command line with a folder of its own for temporary files. */
async function start(args: string[], stdin: "ignore" | Blob, env: Record<string, string> = {}) {
  const temporary = await mkdtemp(join(folder, "tmp-"));
  const child = Bun.spawn([process.execPath, cliPath, "-d", nano, "--silent", "-I", "0.1", ...args], {
    env: { ...process.env, TMPDIR: temporary, ...env },
    stdin,
    stdout: "pipe",
    stderr: "pipe",
  });
  return { child, temporary };
}

const isRunning = (words: string): boolean => Bun.spawnSync(["ps", "-Ao", "args"]).stdout.includes(words);

describe.skipIf(!ffmpeg || process.platform === "win32")("ffmpeg", () => {
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)
    test(`${signal} in the middle ends it and leaves nothing, of a file and of a pipe`, async () => {
      for (const [name, source] of [
        [long, "ignore"],
        ["-", Bun.file(long)],
      ] as const) {
        const out = await mkdtemp(join(folder, "out-"));
        const { child, temporary } = await start([name, "--debug", "-o", join(out, "a.srt")], source);
        for await (const chunk of child.stderr) if (new TextDecoder().decode(chunk).includes('"text"')) break;
        expect(isRunning(name === "-" ? temporary : long)).toBe(true);
        child.kill(signal);
        expect(await child.exited).toBe(code);
        expect([await readdir(temporary), await readdir(out)]).toEqual([[], []]);
        expect([isRunning(long), isRunning(temporary)]).toEqual([false, false]);
      }
    });

  test("an aborted signal ends it", async () => {
    await using model = await Voxtral.load(nano);
    const controller = new AbortController();
    await failure("cancelled", async () => {
      for await (const { type } of model.transcribe(long, { signal: controller.signal }))
        if (type === "text") controller.abort();
    });
    for (let tries = 0; tries < 50 && isRunning(long); tries++) await Bun.sleep(10);
    expect(isRunning(long)).toBe(false);
  });

  test("a reader of the output that goes leaves nothing", async () => {
    const temporary = await mkdtemp(join(folder, "tmp-"));
    const command = [process.execPath, cliPath, "-d", nano, "--silent", "-I", "0.1", "-"];
    const child = Bun.spawn(["sh", "-c", '{ "$@"; echo $? >&2; } | head -c 3', "sh", ...command], {
      env: { ...process.env, TMPDIR: temporary },
      stdin: Bun.file(long),
      stdout: "pipe",
      stderr: "pipe",
    });
    expect([await child.stdout.text(), await child.stderr.text()]).toEqual(["one", "141\n"]);
    expect(await readdir(temporary)).toEqual([]);
  });

  test("killed by another: what was said so far, a sentence, status 1", async () => {
    for (const end of ["kill -9 $$", 'echo "[info] Exiting normally, received signal 15." >&2; exit 255']) {
      const bin = join(folder, "bin");
      await mkdir(bin, { recursive: true });
      await writeFile(join(bin, "ffmpeg"), `#!/bin/sh\n"${ffmpeg}" "$@"; sleep 0.4; ${end}\n`);
      await chmod(join(bin, "ffmpeg"), 0o755);
      const { child } = await start([media("digits.m4a")], "ignore", { PATH: `${bin}:${process.env.PATH}` });
      expect(await child.exited).toBe(1);
      expect(await child.stdout.text()).toStartWith("one two three");
      expect(await child.stderr.text()).toBe(
        `voxtral: ${media("digits.m4a")}: ffmpeg was killed while it decoded MP4/M4A\n`,
      );
    }
  });

  test("AC-3 and E-AC-3", async () => {
    await using model = await Voxtral.load(nano);
    for (const [name, rate] of [
      ["a.ac3", "48000"],
      ["b.ac3", "44100"],
      ["c.ac3", "32000"],
      ["a.eac3", "48000"],
    ] as const) {
      const path = join(folder, name);
      expect(makeAudio(["-i", sample("digits.wav"), "-ar", rate], path)).toBe(0);
      expect((await model.transcribe(path).result()).text).toStartWith("one two three");
    }
  });
});
