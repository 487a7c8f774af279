import { expect, test } from "bun:test";
import { runProgram } from "./helpers.ts";

/** Programs that must end by themselves, quietly, with what they print. */
const programs: Record<string, [source: string, out: string | RegExp]> = {
  "after a transcription, the model left open": [
    "const model = await Voxtral.load(nano); console.log((await model.transcribe(file).result()).text);",
    /^\w+ .*\n$/,
  ],
  "with a model that did nothing": ["await Voxtral.load(nano); console.log('loaded');", "loaded\n"],
  "with a model that is closed": [
    "const model = await Voxtral.load(nano); await model.close(); console.log('closed');",
    "closed\n",
  ],
  "with a model that is being closed": [
    "{ using model = await Voxtral.load(nano); model.transcribe(file).result().catch((error) => console.log(error.code)); await Bun.sleep(5); } console.log('left');",
    /^(left\ncancelled|cancelled\nleft)\n$/,
  ],
  "after leaving the loop": [
    "const model = await Voxtral.load(nano); for await (const event of model.transcribe(file)) break; console.log('left');",
    "left\n",
  ],
  "with a stream that nobody reads": [
    "const model = await Voxtral.load(nano); const stream = model.stream(); await stream.write(new Int16Array(80000)); console.log('written');",
    "written\n",
  ],
  "while work goes on that nobody waits for": [
    "const model = await Voxtral.load(nano); const stream = model.stream(); for (let i = 0; i < 10; i++) await stream.write(new Int16Array(16000)); await stream.end(); console.log('ended');",
    "ended\n",
  ],
  "after an error": [
    "const model = await Voxtral.load(nano); await model.transcribe('/no/file.wav').result().catch((error) => console.log(error.code));",
    "io\n",
  ],
  "after a failed load": ["await Voxtral.load('/no/model').catch((error) => console.log(error.code));", "io\n"],
  "after an abort": [
    "const model = await Voxtral.load(nano); await model.transcribe(file, { signal: AbortSignal.timeout(1) }).result().catch((error) => console.log(error.code)); await model.close();",
    "cancelled\n",
  ],
  "by process.exit() in the middle": [
    "const model = await Voxtral.load(nano); for await (const event of model.transcribe(file)) { console.log('out'); process.exit(0); }",
    "out\n",
  ],
  "after many models": [
    "for (let i = 0; i < 5; i++) { await using model = await Voxtral.load(nano); await model.transcribe(file).result(); } console.log('done');",
    "done\n",
  ],
};

for (const [name, [source, out]] of Object.entries(programs))
  test(`the process ends ${name}`, async () => {
    const run = await runProgram(source);
    expect(run.err).toBe("");
    expect(run.code).toBe(0);
    if (typeof out === "string") expect(run.out).toBe(out);
    else expect(run.out).toMatch(out);
  }, 25_000);

test("the process lives as long as somebody waits for events", async () => {
  const source = `
    const model = await Voxtral.load(nano);
    const stream = model.stream();
    setTimeout(() => stream.write(new Int16Array(16000)).then(() => stream.end()), 300).unref();
    const idle = setTimeout(() => {}, 400); // gives the unref'd timer a loop to run in, then nothing but the stream holds
    for await (const event of stream) if (event.type === "done") console.log(event.duration);`;
  const run = await runProgram(source);
  expect(run).toMatchObject({ out: "1\n", err: "", code: 0 });
}, 25_000);

test("an uncaught error ends the process with a failure", async () => {
  const run = await runProgram(
    "const model = await Voxtral.load(nano); await model.transcribe('/no/file.wav').result();",
  );
  expect(run.code).toBe(1);
  expect(run.err).toContain("/no/file.wav: no such file");
}, 25_000);
