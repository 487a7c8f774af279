#!/usr/bin/env node
// Makes a fresh clone ready, doing only what changed since the last time, and then
// runs Bun if asked to:
//
//     node tools/setup.mjs [-- bun arguments...]
//
// Plain node >= 18, no dependencies.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBun, findZig, installZig, library, output, root } from "./toolchain.mjs";

const stampPath = join(root, ".tools", "stamp.json");

/** Hash of the contents of files and folders (relative to the repository).
 * @param {string[]} paths */
function fingerprint(...paths) {
  const hash = createHash("sha256");
  /** @param {string} path */
  const add = (path) => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    if (statSync(full).isDirectory()) for (const name of readdirSync(full).sort()) add(join(path, name));
    else hash.update(path).update("\0").update(readFileSync(full)).update("\0");
  };
  paths.forEach(add);
  return hash.digest("hex");
}

/** Size and time of a file: whether it is the one that was made.
 * @param {string} path */
function identity(path) {
  const info = statSync(path, { throwIfNoEntry: false });
  return info ? `${info.size} ${info.mtimeMs}` : "";
}

/** @param {string} text */
const say = (text) => process.stderr.write(`voxtral setup: ${text}\n`);

/** Runs a step with its output on stderr.
 * @param {string} program @param {string[]} args @param {string} advice */
function step(program, args, advice) {
  const run = spawnSync(program, args, { cwd: root, stdio: ["ignore", 2, 2], shell: process.platform === "win32" });
  if (run.status !== 0) throw new Error(`\`${program} ${args.join(" ")}\` failed: ${advice}`);
}

function setup() {
  /** @type {Record<string, string>} */
  let stamp = {};
  try {
    stamp = JSON.parse(readFileSync(stampPath, "utf8"));
  } catch {} // no stamp: everything is to do
  const save = () => {
    mkdirSync(join(root, ".tools"), { recursive: true });
    writeFileSync(stampPath, JSON.stringify(stamp, null, 2));
  };

  const packages = fingerprint("package-lock.json");
  if (stamp.packages !== packages || !existsSync(join(root, "node_modules")) || !existsSync(stamp.bun ?? "")) {
    say("installing the npm packages");
    if (output("npm", ["--version"])) {
      // Not `npm ci`: it refuses a lock that lacks some other platform's optional packages.
      step(
        "npm",
        ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"],
        "see the lines above; is the registry reachable?",
      );
    } else {
      step("bun", ["install", "--no-save"], "see the lines above; is the registry reachable?");
    }
    const bun = findBun();
    if (!bun)
      throw new Error("the pinned Bun is neither in PATH nor in node_modules: was npm told to omit optional packages?");
    stamp = { ...stamp, packages, bun };
    save();
  }

  const sources = fingerprint("package.json", "build.zig", "build", "lib", "tools/toolchain.mjs");
  if (stamp.sources !== sources || stamp.library !== identity(library)) {
    let zig = findZig();
    if (!zig) {
      say("installing Zig (100 MB, about 20 s)");
      zig = installZig();
    }
    say("building the library; the first build on a machine takes 2-4 minutes, later ones seconds");
    const began = Date.now();
    step(zig, ["build"], "see the lines above");
    say(`built in ${((Date.now() - began) / 1000).toFixed(0)} s`);
    stamp = { ...stamp, sources, library: identity(library) };
    save();
  }
  return stamp.bun ?? "";
}

try {
  const bun = setup();
  const dashes = process.argv.indexOf("--");
  if (dashes >= 0) {
    const child = spawn(bun, process.argv.slice(dashes + 1), { cwd: root, stdio: "inherit" });
    process.on("SIGINT", () => {}); // the terminal sends it to the child too, which decides
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    child.on("error", (error) => fail(error));
    child.on("close", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)));
  }
} catch (error) {
  fail(error);
}

/** @param {unknown} error */
function fail(error) {
  say(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
