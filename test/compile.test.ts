// The single executable works alone: an empty folder, an empty PATH, no writable TMPDIR.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../tools/toolchain.mjs";

let folder: string;
let program: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "voxtral-compile-"));
  const build = Bun.spawnSync([process.execPath, join(root, "tools/compile.ts")]);
  if (!build.success) throw new Error(build.stderr.toString());
  program = join(folder, "voxtral");
  await Bun.write(program, Bun.file(build.stdout.toString().trim()));
  await chmod(program, 0o755);
  for (const name of ["empty", "home", "cache", "tmp"]) await mkdir(join(folder, name));
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

function transcribe(env: Record<string, string>, recording = join(root, "samples/kitchen.wav")) {
  const cwd = join(folder, "empty");
  const run = Bun.spawnSync([program, "--silent", recording], { cwd, env });
  return { code: run.exitCode, out: run.stdout.toString(), err: run.stderr.toString() };
}

test("transcribes with nothing around it", async () => {
  const { code, out, err } = transcribe({ PATH: "", HOME: join(folder, "home") });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("kitchen");
  expect(await readdir(join(folder, "empty"))).toEqual([]);
}, 60_000);

test("holds the decoders", () => {
  for (const name of ["digits.mp3", "digits.flac", "digits.ogg", "digits.opus", "digits.webm"])
    expect(transcribe({ PATH: "", HOME: join(folder, "home") }, join(root, "test/media", name))).toEqual({
      code: 0,
      out: "one two three four five six seven eight nine zero\n",
      err: "",
    });
}, 60_000);

test("unpacks into the user's cache where TMPDIR cannot be written", async () => {
  const { code, out, err } = transcribe({
    PATH: "",
    HOME: join(folder, "home"),
    XDG_CACHE_HOME: join(folder, "cache"),
    TMPDIR: "/proc/nowhere",
  });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("kitchen");
  expect((await readdir(join(folder, "cache"))).length).toBe(1);
}, 60_000);

test("unpacks into TMPDIR where the cache cannot be written", async () => {
  const { code, out, err } = transcribe({
    PATH: "",
    HOME: "/proc/nowhere",
    XDG_CACHE_HOME: "/proc/nowhere",
    TMPDIR: join(folder, "tmp"),
  });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("kitchen");
}, 60_000);

test("says where it could not write", () => {
  const nowhere = "/proc/nowhere";
  const { code, out, err } = transcribe({ PATH: "", HOME: nowhere, XDG_CACHE_HOME: nowhere, TMPDIR: nowhere });
  expect(code).toBe(1);
  expect(out).toBe("");
  expect(err).toContain(nowhere);
}, 60_000);
