// Compiles a C program as a user would: against voxtral.h alone, linked with the built library.

import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireZig, root } from "../tools/toolchain.mjs";

export async function compileC(source: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "voxtral-c-"));
  await Bun.write(join(folder, "voxtral.h"), Bun.file(join(root, "lib/voxtral.h")));
  await Bun.write(join(folder, "main.c"), source);
  const lib = join(root, "zig-out/lib");
  const flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1"];
  const run = Bun.spawnSync(
    [requireZig(), "cc", ...flags, "main.c", "-o", "main", `-L${lib}`, "-lvoxtral", `-Wl,-rpath,${lib}`],
    {
      cwd: folder,
    },
  );
  if (!run.success) throw new Error(run.stderr.toString());
  return join(folder, "main");
}
