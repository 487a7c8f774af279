import { Command } from "commander";
import { inspect as inspectWeights, type WeightsInfo } from "../src/index.ts";
import { write } from "./terminal.ts";

export function inspectCommand(): Command {
  return new Command("inspect")
    .description("Lists the tensors of a weights file.")
    .argument("<file>", "a .safetensors or .gguf file, or a model's folder")
    .option("--json", "as a JSON object")
    .action(inspect);
}

async function inspect(file: string, options: { json?: true }): Promise<void> {
  const weights = inspectWeights(file);
  await write("out", options.json ? `${JSON.stringify(weights, null, 2)}\n` : table(weights));
}

function table({ file, format, bytes, tensors }: WeightsInfo): string {
  const rows = tensors.map(({ name, dtype, shape, bytes: size }) => [
    name,
    dtype,
    shape.join(" x "),
    size.toLocaleString("en"),
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row.map((cell, i) => (i === 3 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join("  "),
  );
  return `${file}: ${format}, ${bytes.toLocaleString("en")} bytes, ${tensors.length} tensors\n${lines.join("\n")}\n`;
}
