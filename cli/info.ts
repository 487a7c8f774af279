import { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { abiVersion } from "../src/abi.ts";
import { systemInfo, version } from "../src/index.ts";
import { libraryPath } from "../src/native.ts";
import { infoJson } from "../src/voxtral.ts";
import { addModelOptions, loadModel, type ModelOptions } from "./options.ts";
import { write } from "./terminal.ts";

export function infoCommand(): Command {
  const command = new Command("info")
    .description("Prints what is installed, the machine and the model.")
    .option("--json", "as a JSON object");
  return addModelOptions(command).action(info);
}

async function info(options: ModelOptions & { json?: true }): Promise<void> {
  await using model = await loadModel(options, options.json === true);
  const all = {
    version: packageJson.version,
    library: { path: libraryPath(), version: version(), abi: abiVersion },
    machine: { platform: `${process.platform}-${process.arch}`, bun: Bun.version, ...systemInfo() },
    model: JSON.parse(infoJson(model)) as Record<string, unknown>,
  };
  await write("out", options.json ? `${JSON.stringify(all, null, 2)}\n` : table(all));
}

/** Nested values as indented lines, the names in one column. */
function table(value: object, indent = ""): string {
  let text = "";
  for (const [key, inner] of Object.entries(value)) {
    const name = `${indent}${key.replaceAll("_", " ")}`;
    if (typeof inner !== "object" || inner === null) text += `${name.padEnd(22)}${inner}\n`;
    else if (Array.isArray(inner)) text += `${name.padEnd(22)}${inner.join(", ")}\n`;
    else text += `${name}\n${table(inner, `${indent}  `)}`;
  }
  return text;
}
