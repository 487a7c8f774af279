// The shared library: found, opened once, its ABI compared.
import { dlopen, type Pointer } from "bun:ffi";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { abiVersion, symbols } from "./abi.ts";
import { embeddedLibrary } from "./embedded.ts";
import { VoxtralError } from "./errors.ts";
import { packageRoot } from "./paths.ts";

export type Native = ReturnType<typeof dlopen<typeof symbols>>["symbols"];

/** A pointer of the library. */
export type Handle = Pointer | bigint;

const minimumBun = "1.4.0";
const fileName = { darwin: "libvoxtral.dylib", win32: "voxtral.dll" }[process.platform as string] ?? "libvoxtral.so";

let opened: Native | undefined;

/** The library's functions. */
export function native(): Native {
  return (opened ??= open(libraryPath()));
}

/** VOXTRAL_LIBRARY (to diagnose), the executable's own, the package's, the repository's build. */
export function libraryPath(): string {
  const forced = process.env.VOXTRAL_LIBRARY;
  if (forced) return forced;
  const places = [
    join(packageRoot, "native", `${process.platform}-${process.arch}`, fileName),
    join(packageRoot, "zig-out", "lib", fileName),
    join(packageRoot, "zig-out", "bin", fileName), // where Zig puts a DLL
  ];
  const found = embeddedLibrary() ?? places.find((place) => existsSync(place));
  if (found === undefined)
    throw new VoxtralError(
      "unsupported",
      `no native library for ${process.platform}-${process.arch} in ${places[0]} or ${places[1]}: build it with "zig build"`,
    );
  return found;
}

/** Throws for a version of Bun whose FFI is too old. */
export function requireBun(version: string): void {
  if (Bun.semver.order(version, minimumBun) < 0)
    throw new VoxtralError(
      "unsupported",
      `Bun ${version} is too old: voxtral needs Bun ${minimumBun} or newer ("bun upgrade")`,
    );
}

function open(path: string): Native {
  requireBun(Bun.version);
  let library: Native;
  try {
    library = dlopen(path, symbols).symbols;
  } catch (cause) {
    throw new VoxtralError("unsupported", `${path}: the native library cannot be opened: ${(cause as Error).message}`, {
      cause,
    });
  }
  const version = library.vox_abi_version();
  if (version !== abiVersion)
    throw new VoxtralError(
      "unsupported",
      `${path}: the native library has ABI ${version}, this package needs ${abiVersion}: rebuild or reinstall`,
    );
  return library;
}

/** A JSON text that the library writes into a buffer; `write` returns its length or a status below 0. */
export function readJson(write: (buffer: Uint8Array, capacity: number) => number | bigint): {
  status: number;
  text: string;
} {
  let buffer = new Uint8Array(8192);
  for (;;) {
    const size = Number(write(buffer, buffer.length));
    if (size < 0) return { status: size, text: "" };
    if (size < buffer.length) return { status: 0, text: new TextDecoder().decode(buffer.subarray(0, size)) };
    buffer = new Uint8Array(size + 1);
  }
}
