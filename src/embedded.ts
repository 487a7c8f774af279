// Files carried inside a single-file executable. dlopen and mmap need real files,
// so each is written once to the user's cache, under a name with its content's hash.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { VoxtralError } from "./errors.ts";
import { cacheFolder } from "./paths.ts";

export interface Embedded {
  /** The native library. */
  library: string;
  /** Files of the bundled model by name. */
  model: Record<string, string>;
}

let embedded: Embedded | undefined;

/** Tells the package what its executable carries; call before any other use. */
export function embed(assets: Embedded): void {
  embedded = assets;
}

export function embeddedLibrary(): string | undefined {
  return embedded && unpack({ [basename(embedded.library)]: embedded.library }, basename(embedded.library));
}

export function embeddedModel(): string | undefined {
  return embedded && unpack(embedded.model, "");
}

/** Writes files into one folder of the cache, if they are not there; the path of `name` in it. */
function unpack(files: Record<string, string>, name: string): string {
  const contents = Object.entries(files).map(([file, path]) => [file, readFileSync(path)] as const);
  const hash = new Bun.CryptoHasher("sha256");
  for (const [file, bytes] of contents) hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  const key = hash.digest("hex").slice(0, 16);
  let failure: unknown;
  for (const root of [cacheFolder(), join(tmpdir(), "voxtral")]) {
    const folder = join(root, "embedded", key);
    try {
      mkdirSync(folder, { recursive: true });
      for (const [file, bytes] of contents) {
        const path = join(folder, file);
        if (existsSync(path)) continue;
        const partial = `${path}.${process.pid}`;
        writeFileSync(partial, bytes);
        renameSync(partial, path); // whole files only, whoever else unpacks
      }
      return join(folder, name);
    } catch (error) {
      failure = error;
    }
  }
  throw new VoxtralError(
    "io",
    `cannot unpack the embedded files into ${cacheFolder()} or ${tmpdir()}: make one of them writable`,
    { cause: failure },
  );
}
