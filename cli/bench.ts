import { Command } from "commander";
import { benchmark } from "../bench/bench.ts";
import { reportTable } from "../bench/report.ts";
import { addModelOptions, loadModel, type ModelOptions, numberIn } from "./options.ts";
import { Status, write } from "./terminal.ts";

export function benchCommand(): Command {
  const command = new Command("bench")
    .description("Measures the model's parts beside what the machine's memory and arithmetic allow.")
    .option("--repeats <n>", "runs of each part; the median counts", numberIn(1, 1000, true), 5)
    .option("--json", "as a JSON object");
  return addModelOptions(command).action(bench);
}

async function bench(options: ModelOptions & { json?: true; repeats: number }): Promise<void> {
  await using model = await loadModel(options, options.json === true);
  using status = new Status(!options.json);
  const report = await benchmark(model, {
    repeats: options.repeats,
    onStep: (step) => status.show(`measuring ${step}`),
  });
  status.clear();
  await write("out", options.json ? `${JSON.stringify(report, null, 2)}\n` : reportTable(report));
}
