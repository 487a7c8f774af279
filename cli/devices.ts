import { Command } from "commander";
import { type Devices, devices as listDevices } from "../src/index.ts";
import { write } from "./terminal.ts";

export function devicesCommand(): Command {
  return new Command("devices")
    .description('Lists what "voxtral listen" can record.')
    .option("--json", "as a JSON object")
    .action(devices);
}

async function devices(options: { json?: true }): Promise<void> {
  const found = listDevices();
  await write("out", options.json ? `${JSON.stringify(found, null, 2)}\n` : table(found));
}

function table({ system, devices: found }: Devices): string {
  if (found.length === 0) return `${system}: no devices\n`;
  const rows = found.map(({ id, name, kind, default: isDefault, rate, channels }) => [
    isDefault ? "*" : " ",
    kind,
    name,
    rate > 0 ? `${rate} Hz, ${channels} ch` : "",
    id,
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => Bun.stringWidth(row[column] ?? ""))));
  const pad = (cell: string, width = 0): string => cell + " ".repeat(Math.max(0, width - Bun.stringWidth(cell)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => pad(cell, widths[i]))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
