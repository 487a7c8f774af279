// Around packing. Before: this platform's library into native/, next to those of other
// platforms copied there from `zig build cross`, and the type declarations.
// After (--clean): native/ goes, since it would be found before zig-out/.

import { cpSync, mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { library, root } from "./toolchain.mjs";

const native = join(root, "native");
const types = join(root, "dist", "types");

if (process.argv.includes("--clean")) rmSync(native, { recursive: true, force: true });
else {
  const folder = join(native, `${process.platform}-${process.arch}`);
  mkdirSync(folder, { recursive: true });
  cpSync(library, join(folder, basename(library)));
  rmSync(types, { recursive: true, force: true });
  const tsc = join(root, "node_modules", ".bin", "tsc");
  const run = Bun.spawnSync([process.execPath, tsc, "-p", "tsconfig.types.json"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  process.exit(run.exitCode);
}
