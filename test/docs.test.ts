// Every fenced example of the documents works: `ts` type-checks against the package,
// `sh` runs with this repository's `voxtral`, `c` compiles against voxtral.h alone and
// runs, `json` parses. Blocks that are only shown are tagged `text` or `console`.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { root } from "../tools/toolchain.mjs";
import { compileC } from "./c.ts";

type Block = { file: string; line: number; language: string; text: string };

export function blocksOf(file: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  markdown.split("\n").forEach((text, i) => {
    const fence = text.match(/^```(.*)$/);
    if (fence && open) {
      blocks.push(open);
      open = undefined;
    } else if (fence) open = { file, line: i + 1, language: fence[1]!.trim(), text: "" };
    else if (open) open.text += `${text}\n`;
  });
  if (open) throw new Error(`${file}:${open.line}: the block is not closed`);
  return blocks;
}

const docs = (await readdir(join(root, "docs"))).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`);
const blocks: Block[] = [];
for (const file of ["README.md", ...docs.sort()])
  blocks.push(...blocksOf(file, await Bun.file(join(root, file)).text()));

const scratch = join(root, ".tools", "docs"); // inside the repository, so that types resolve
let bin: string;

beforeAll(async () => {
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  bin = await mkdtemp(join(tmpdir(), "voxtral-docs-"));
  await Bun.write(join(bin, "voxtral"), `#!/bin/sh\nexec "${process.execPath}" "${join(root, "cli/main.ts")}" "$@"\n`);
  await chmod(join(bin, "voxtral"), 0o755);
});

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
  await rm(bin, { recursive: true, force: true });
});

const runners: Record<string, (block: Block) => Promise<void>> = {
  async ts({ text }) {
    const compilerOptions = { paths: { voxtral: ["../../src/index.ts"], "voxtral/ffi": ["../../src/ffi.ts"] } };
    const config = { extends: "../../tsconfig.json", compilerOptions, files: ["example.ts"], include: [] };
    await Bun.write(join(scratch, "tsconfig.json"), JSON.stringify(config));
    await Bun.write(join(scratch, "example.ts"), `${text}\nexport {};\n`);
    const tsc = Bun.spawnSync([process.execPath, join(root, "node_modules/.bin/tsc"), "-p", scratch]);
    const lines = (tsc.stdout.toString() + tsc.stderr.toString()).split("\n");
    expect(lines.filter((line) => line.includes("example.ts"))).toEqual([]);
    expect(tsc.exitCode).toBe(0);
  },
  async sh({ text }) {
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
    const run = Bun.spawnSync(["sh", "-eu", "-c", text], { cwd: root, env, stdin: "ignore" });
    expect({ code: run.exitCode, err: run.exitCode === 0 ? "" : run.stderr.toString() }).toEqual({ code: 0, err: "" });
    expect(run.stdout.length).toBeGreaterThan(0);
  },
  async c({ text }) {
    const program = await compileC(text);
    const run = Bun.spawnSync([program], { cwd: root });
    expect({ code: run.exitCode, err: run.stderr.toString() }).toEqual({ code: 0, err: "" });
    expect(run.stdout.length).toBeGreaterThan(0);
    await rm(dirname(program), { recursive: true });
  },
  async json({ text }) {
    expect(() => JSON.parse(text)).not.toThrow();
  },
};

describe("examples", () => {
  for (const block of blocks) {
    if (block.language === "text" || block.language === "console") continue;
    const name = `${block.file}:${block.line} ${block.language}`;
    test(name, async () => {
      const run = runners[block.language];
      if (!run) throw new Error(`${name}: no runner for this language; tag what is only shown as text or console`);
      await run(block);
    }, 120_000);
  }

  test("the README shows the shell, TypeScript and C", () => {
    const languages = blocks.filter((block) => block.file === "README.md").map((block) => block.language);
    for (const language of ["sh", "ts", "c"]) expect(languages).toContain(language);
  });

  test("an unclosed block is found", () => {
    expect(() => blocksOf("x.md", "a\n```ts\nb\n")).toThrow("x.md:2");
  });
});
