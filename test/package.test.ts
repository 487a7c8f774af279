// The packed package: what is in it, and that it works in an empty project on a
// machine without a compiler.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { library, root } from "../tools/toolchain.mjs";

const bun = process.execPath;
let folder: string;
let tarball: string;
let project: string;

/** Runs a command in the project; only Bun is in PATH. */
function run(command: string[], cwd = project) {
  const child = Bun.spawnSync(command, { cwd, env: { ...process.env, PATH: join(folder, "bin") } });
  return { code: child.exitCode, out: child.stdout.toString(), err: child.stderr.toString() };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "voxtral-package-"));
  project = join(folder, "project");
  await mkdir(join(folder, "bin"));
  await mkdir(project);
  await symlink(bun, join(folder, "bin", "bun"));

  const pack = Bun.spawnSync([bun, "pm", "pack", "--destination", folder, "--quiet"], { cwd: root });
  if (!pack.success) throw new Error(pack.stderr.toString());
  tarball = (await Array.fromAsync(new Bun.Glob("*.tgz").scan({ cwd: folder, absolute: true })))[0]!;

  await Bun.write(join(project, "package.json"), JSON.stringify({ name: "empty", type: "module", private: true }));
  const add = run([bun, "add", tarball]);
  if (add.code !== 0) throw new Error(add.err);
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

test("holds what runs and nothing else", async () => {
  const installed = join(project, "node_modules/voxtral");
  const files = await Array.fromAsync(new Bun.Glob("**/*").scan({ cwd: installed, dot: true }));
  const native = `native/${process.platform}-${process.arch}/${basename(library)}`;
  for (const needed of ["README.md", "LICENSE", "src/index.ts", "cli/main.ts", "dist/types/index.d.ts", native]) {
    expect(files).toContain(needed);
  }
  const folders = new Set(files.filter((file) => file.includes("/")).map((file) => file.split("/")[0]));
  expect([...folders].sort()).toEqual(["bench", "cli", "dist", "lib", "models", "native", "src"]);
  const { scripts } = await Bun.file(join(installed, "package.json")).json();
  for (const hook of ["preinstall", "install", "postinstall"]) expect(scripts[hook]).toBeUndefined();
});

test("leaves no second library in the repository", () => {
  expect(existsSync(join(root, "native"))).toBe(false); // it would be found before the built one
});

test("transcribes", async () => {
  await Bun.write(
    join(project, "main.ts"),
    `import { Voxtral } from "voxtral";
     import { abiVersion, open } from "voxtral/ffi";
     await using model = await Voxtral.load();
     const { text } = await model.transcribe(process.argv[2]!).result();
     console.log(open().vox_abi_version() === abiVersion, text);`,
  );
  const { code, out, err } = run([bun, "main.ts", join(root, "samples/kitchen.wav")]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatch(/^true .*kitchen/);
}, 60_000);

test("its command transcribes", () => {
  const { code, out, err } = run([
    join(project, "node_modules/.bin/voxtral"),
    "--silent",
    join(root, "samples/kitchen.wav"),
  ]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("kitchen");
}, 60_000);

test("a strict TypeScript project compiles against its declarations", async () => {
  await mkdir(join(project, "node_modules/@types"), { recursive: true });
  for (const name of ["@types/bun", "bun-types", "@types/node", "undici-types"]) {
    await symlink(join(root, "node_modules", name), join(project, "node_modules", name));
  }
  const compilerOptions = {
    ...{ target: "esnext", module: "nodenext", lib: ["esnext"], types: ["bun"], noEmit: true },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false },
  };
  await Bun.write(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["typed.ts"] }));
  await Bun.write(
    join(project, "typed.ts"),
    `import { Voxtral, VoxtralError } from "voxtral";
     import { symbols } from "voxtral/ffi";
     await using model = await Voxtral.load("models", { threads: 2, signal: AbortSignal.timeout(1000) });
     for await (const event of model.transcribe("a.wav", { delayMs: 480 })) {
       if (event.type === "text") event.text.length;
       // @ts-expect-error: a text event has no start
       if (event.type === "text") event.start;
       if (event.type === "word") event.start + event.end;
     }
     export const code = new VoxtralError("io", "gone").code satisfies string;
     export const names: (keyof typeof symbols)[] = ["vox_load"];
     // @ts-expect-error: paths are strings or URLs
     Voxtral.load(1);`,
  );
  const tsc = Bun.spawnSync([bun, join(root, "node_modules/.bin/tsc"), "-p", project]);
  const own = (tsc.stdout.toString() + tsc.stderr.toString())
    .split("\n")
    .filter((line) => line && !/(@types|-types)\//.test(line));
  expect(own).toEqual([]);
}, 60_000);

test("Node gets a clear message", () => {
  const { err, out } = run(
    [Bun.which("node") ?? "node", "--input-type=module", "-e", 'await import("voxtral")'],
    project,
  );
  expect(out + err).toMatch(/Bun/);
});
