// `bun run compile`: one executable, dist/voxtral, with the library and the bundled
// model inside. It needs neither Bun nor files beside it.

import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { library, root } from "./toolchain.mjs";

const model = join(root, "models", "nano");
const files = readdirSync(model).filter((name) => /\.(json|safetensors)$/.test(name));
const asset = (name: string, path: string) => `import ${name} from ${JSON.stringify(path)} with { type: "file" };`;

const entry = [
  asset("library", library),
  ...files.map((name, i) => asset(`file${i}`, join(model, name))),
  `import { embed } from ${JSON.stringify(join(root, "src", "embedded.ts"))};`,
  `import { main } from ${JSON.stringify(join(root, "cli", "main.ts"))};`,
  `embed({ library, model: { ${files.map((name, i) => `${JSON.stringify(name)}: file${i}`).join(", ")} } });`,
  "await main();",
  "",
].join("\n");

const dist = join(root, "dist");
mkdirSync(dist, { recursive: true });
const entryPath = join(dist, "entry.ts");
writeFileSync(entryPath, entry);
const outfile = join(dist, process.platform === "win32" ? "voxtral.exe" : "voxtral");
const build = Bun.spawnSync([process.execPath, "build", "--compile", "--minify", entryPath, "--outfile", outfile], {
  cwd: root,
  stdio: ["ignore", "ignore", "inherit"],
});
if (!build.success) process.exit(1);
console.log(outfile);
