// `npm run check`: every check there is; the last line adds them up. Names of parts
// as arguments run only these.

import { join } from "node:path";
import { requireZig, root } from "./toolchain.mjs";

type Count = { passed: number; failed: number; skipped: number };
type Part = { name: string; command: string[]; count: (output: string, ok: boolean) => Count };

const bun = process.execPath;
const npmBin = (name: string) => [bun, join(root, "node_modules", ".bin", name)];

/** A part that passes or fails as a whole. */
const whole = (_: string, ok: boolean): Count => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 });

/** A part whose output holds counts; one that broke without counting a failure counts as one. */
const sum =
  (passed: RegExp, failed: RegExp, skipped?: RegExp) =>
  (output: string, ok: boolean): Count => {
    const add = (pattern?: RegExp) =>
      pattern ? [...output.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0) : 0;
    const count = { passed: add(passed), failed: add(failed), skipped: add(skipped) };
    const broke = (!ok && count.failed === 0) || (ok && count.passed === 0);
    return broke ? { ...count, failed: count.failed + 1 } : count;
  };

const parts: Part[] = [
  { name: "types", command: [...npmBin("tsc"), "--noEmit"], count: whole },
  { name: "lint", command: [...npmBin("biome"), "ci", "--error-on-warnings", "--colors=off"], count: whole },
  {
    name: "c",
    command: [requireZig(), "build", "test"],
    count: sum(/^(\d+) passed, \d+ failed$/gm, /^\d+ passed, (\d+) failed$/gm),
  },
  {
    name: "bun",
    command: [bun, "test", "--timeout", "120000"],
    count: sum(/^ *(\d+) pass$/gm, /^ *(\d+) (?:fail|errors?)$/gm, /^ *(\d+) (?:skip|todo)$/gm),
  },
];

async function run(part: Part): Promise<Count> {
  process.stdout.write(`${part.name.padEnd(6)}`);
  const began = performance.now();
  const child = Bun.spawn(part.command, { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  let output = "";
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) output += decoder.decode(chunk, { stream: true });
  };
  await Promise.all([collect(child.stdout), collect(child.stderr), child.exited]);
  const count = part.count(output, child.exitCode === 0);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(`${summary(count).padEnd(40)}${seconds.padStart(6)} s\n`);
  if (count.failed > 0) process.stdout.write(`${output.trimEnd()}\n`);
  return count;
}

function summary({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !parts.some((part) => part.name === name));
if (unknown) {
  console.error(`check: no part ${unknown}; there are ${parts.map((part) => part.name).join(", ")}`);
  process.exit(2);
}
const total: Count = { passed: 0, failed: 0, skipped: 0 };
for (const part of parts) {
  if (wanted.length > 0 && !wanted.includes(part.name)) continue;
  const count = await run(part);
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped;
}
console.log(summary(total));
process.exit(total.failed > 0 ? 1 : 0);
