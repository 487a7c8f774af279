#!/usr/bin/env bun
import { Command, CommanderError } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { benchCommand } from "./bench.ts";
import { devicesCommand } from "./devices.ts";
import { infoCommand } from "./info.ts";
import { inspectCommand } from "./inspect.ts";
import { listenCommand } from "./listen.ts";
import { complain, ExitCode, onClosedOutput, write } from "./terminal.ts";
import { transcribeCommand } from "./transcribe.ts";

/** Runs the command line; the process then ends by itself with the exit code set. */
export async function main(argv: string[] = process.argv.slice(2)): Promise<void> {
  onClosedOutput();
  const program = transcribeCommand(new Command("voxtral"))
    .version(packageJson.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .enablePositionalOptions()
    .addCommand(transcribeCommand(new Command("transcribe")), { hidden: true })
    .addCommand(listenCommand())
    .addCommand(devicesCommand())
    .addCommand(infoCommand())
    .addCommand(inspectCommand())
    .addCommand(benchCommand())
    .helpCommand(false);
  for (const command of [program, ...program.commands])
    command.exitOverride().configureOutput({
      writeOut: (text) => void write("out", text),
      outputError: (text, print) => print(text.replace(/^error: /, "voxtral: ")),
    });
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    else {
      complain(error);
      process.exitCode ||= ExitCode.failure;
    }
  }
}

if (import.meta.main) await main();
