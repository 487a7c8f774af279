import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AudioSource, Voxtral } from "../src/index.ts";
import { nano, sample } from "./helpers.ts";

const tickMs = 5;
const limitMs = 20;

/** Runs `work` while a timer ticks; how late its ticks came, in ms, ascending. */
async function delaysDuring(work: () => Promise<unknown>): Promise<number[]> {
  const delays: number[] = [];
  let due = performance.now() + tickMs;
  const timer = setInterval(() => {
    const now = performance.now();
    delays.push(Math.max(0, now - due));
    due = now + tickMs;
  }, tickMs);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return delays.sort((a, b) => a - b);
}

const percentile = (sorted: number[], p: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? 0;

function expectResponsive(delays: number[], least: number): void {
  expect(delays.length).toBeGreaterThan(least);
  expect(percentile(delays, 0.99)).toBeLessThan(limitMs);
}

test("the event loop runs on while the nano model computes", async () => {
  await using model = await Voxtral.load(nano);
  const sources: AudioSource[] = [
    sample("long_mixed.wav"),
    new Float32Array(60 * 16000),
    await Bun.file(sample("long_mixed.wav")).bytes(),
  ];
  const until = performance.now() + 2000;
  const delays = await delaysDuring(async () => {
    while (performance.now() < until)
      await Promise.all(sources.map((source) => model.transcribe(source, { interval: 0.5 }).result()));
  });
  expectResponsive(delays, 100);
}, 60_000);

test("the event loop runs on while synthetic weights load, compute and are dropped", async () => {
  // About 190 MB: every pass takes a while, so that a call that waited for one would show.
  const folder = await mkdtemp(join(tmpdir(), "voxtral-responsive-"));
  try {
    const params = await Bun.file(join(nano, "params.json")).json();
    Object.assign(params, { dim: 1024, n_layers: 8, hidden_dim: 3072 });
    const path = join(folder, "params.json");
    await writeFile(path, JSON.stringify(params));
    const round = async (): Promise<void> => {
      const model = await Voxtral.load(`synthetic:${path}`);
      const work = model.transcribe(new Float32Array(4 * 16000)).result();
      const broken = (async () => {
        for await (const event of model.transcribe(new Float32Array(60 * 16000))) if (event.type === "token") break;
      })();
      await Promise.all([work, broken]);
      await model.close();
    };
    const until = performance.now() + 1500;
    const delays = await delaysDuring(async () => {
      while (performance.now() < until) await round();
    });
    expectResponsive(delays, 50);
  } finally {
    await rm(folder, { recursive: true });
  }
}, 60_000);
