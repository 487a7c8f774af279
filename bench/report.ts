import type { Report } from "./bench.ts";

const fixed = (value: number, digits = 2): string => value.toFixed(digits);

/** The report for people. */
export function reportTable({ machine, limits, decode, prefill, encoder, end_to_end: whole }: Report): string {
  const row = (cells: string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(26) : cell.padStart(12))).join("");
  const lines = [
    `${machine.model}, ${machine.platform}, ${machine.isa}, ${machine.threads} threads of ${machine.cores} cores`,
    `memory ${fixed(limits.bandwidth_gb_s, 1)} GB/s, arithmetic ${fixed(limits.peak_gflop_s, 0)} GFLOP/s`,
    "",
    row(["decoder pass", "ms", "limit ms", "ratio"]),
    ...decode.map((d) =>
      row([`  ${d.rows} ${d.rows === 1 ? "stream" : "streams"}`, fixed(d.ms), fixed(d.limit_ms), fixed(d.ratio)]),
    ),
    row([`  prompt, ${prefill.rows} positions`, fixed(prefill.ms), fixed(prefill.limit_ms), fixed(prefill.ratio)]),
    "",
    row(["encoder, a second", "ms", "limit ms", "ratio"]),
    ...encoder.map((e) =>
      row([`  blocks of ${e.block_s} s`, fixed(e.s_per_s * 1e3), fixed(e.limit_s_per_s * 1e3), fixed(e.ratio)]),
    ),
    "",
    `end to end: ${whole.audio_s} s of audio in ${fixed(whole.s)} s, ${fixed(1 / whole.s_per_s)} times real time`,
    "ratio: measured time over the time that memory and arithmetic allow; 1 is the limit,",
    "below 1 only where the weights fit the caches",
  ];
  return `${lines.join("\n")}\n`;
}
