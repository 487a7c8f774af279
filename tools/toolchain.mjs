// Finds the pinned Zig and Bun, or installs Zig. Plain node, no dependencies.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const zigVersion = "0.17.1";
export const bunVersion = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies.bun;

/** @type {Record<string, string>} */
const libraryNames = { win32: "voxtral.dll", darwin: "libvoxtral.dylib" };
/** What `zig build` makes. */
export const library = join(root, "zig-out", "lib", libraryNames[process.platform] ?? "libvoxtral.so");

const exe = process.platform === "win32" ? ".exe" : "";
const zigFolder = join(root, ".tools", "zig");

/** What a program prints, or "" if it cannot run.
 * @param {string} program @param {string[]} args */
export function output(program, args) {
  const run = spawnSync(program, args, { encoding: "utf8" });
  return run.status === 0 ? run.stdout.trim() : "";
}

/** Every file of that name in PATH.
 * @param {string} name */
function inPath(name) {
  return (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name + exe))
    .filter(existsSync);
}

/** The pinned Zig, or undefined. */
export function findZig() {
  if (process.env.ZIG) {
    const version = output(process.env.ZIG, ["version"]);
    if (version === zigVersion) return process.env.ZIG;
    throw new Error(
      `ZIG=${process.env.ZIG} is ${version || "not a Zig"}; voxtral builds with ${zigVersion}: unset ZIG or correct it`,
    );
  }
  const candidates = [join(zigFolder, "ziglang", `zig${exe}`), ...inPath("zig")];
  const found = candidates.find((zig) => existsSync(zig) && output(zig, ["version"]) === zigVersion);
  if (found) return found;
  const where = "import os, ziglang; print(os.path.dirname(ziglang.__file__))";
  const folder = output("python3", ["-c", where]);
  const packaged = folder && join(folder, `zig${exe}`);
  return packaged && output(packaged, ["version"]) === zigVersion ? packaged : undefined;
}

/** The pinned Zig that set-up found or installed. */
export function requireZig() {
  const zig = findZig();
  if (!zig) throw new Error(`Zig ${zigVersion} is not installed: run \`npm run setup\``);
  return zig;
}

/** Installs Zig from PyPI into .tools/zig, which needs neither root nor a compiler. */
export function installZig() {
  rmSync(zigFolder, { recursive: true, force: true });
  const args = ["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"];
  const pip = spawnSync("python3", [...args, "--target", zigFolder, `ziglang==${zigVersion}`], {
    stdio: ["ignore", 2, 2],
  });
  const zig = pip.status === 0 && findZig();
  if (!zig) {
    throw new Error(
      `Zig ${zigVersion} could not be installed with python3 -m pip: install python3 and pip, or point ZIG at it`,
    );
  }
  return zig;
}

/** The pinned Bun: this one, the one in PATH, or the npm package's (whose install script npm may withhold). */
export function findBun() {
  if (process.versions.bun === bunVersion) return process.execPath;
  const arch = process.arch === "arm64" ? "aarch64" : process.arch;
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const packages = ["", "-musl"].map((libc) => `@oven/bun-${platform}-${arch}${libc}/bin/bun${exe}`);
  const candidates = [...inPath("bun"), ...packages.map((name) => join(root, "node_modules", name))];
  return candidates.find((bun) => existsSync(bun) && output(bun, ["--version"]) === bunVersion);
}
