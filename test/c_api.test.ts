// A C program written against voxtral.h compiles, links and says the same in every mode.

import { expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { root } from "../tools/toolchain.mjs";
import { compileC } from "./c.ts";

test("every blocking mode of the C API gives the same text", async () => {
  const program = await compileC(await Bun.file(join(root, "test/c_api/modes.c")).text());
  const recording = join(root, "samples/kitchen.wav");
  const run = Bun.spawnSync([program, join(root, "models/nano"), recording], { stdin: Bun.file(recording) });
  expect(run.stderr.toString()).toBe("");
  expect(run.exitCode).toBe(0);
  const lines = run.stdout.toString().trimEnd().split("\n");
  const texts = Object.fromEntries(lines.map((line) => line.split(/: (.*)/s, 2) as [string, string]));
  const { file, samples, stdin, stream, alternatives, whole } = texts;
  expect(file).toContain("kitchen");
  expect({ samples, stdin, stream, alternatives, whole }).toEqual({
    samples: file,
    stdin: file,
    stream: file,
    alternatives: file,
    whole: file,
  });
  expect(texts["delay 960"]).toBe(texts["delay 960 file"] ?? "missing");
  await rm(dirname(program), { recursive: true });
}, 120_000);
