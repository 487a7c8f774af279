// The options of transcribe() that choose what comes out.
import { afterAll, expect, test } from "bun:test";
import { format, Voxtral } from "../src/index.ts";
import { failure, nano, sample } from "./helpers.ts";

const model = await Voxtral.load(nano);
afterAll(() => model.close());
const digits = sample("digits.wav");

test("format: document() is the result in that format", async () => {
  const result = await model.transcribe(digits).result();
  for (const name of ["srt", "vtt", "csv", "tokens", "text"] as const)
    expect(await model.transcribe(digits, { format: name }).document()).toBe(format(result, name));
  expect(await model.transcribe(digits).document()).toBe(format(result, "text"));
});

test("format: a name that does not exist is refused", async () => {
  const name = "docx" as "srt";
  expect((await failure("argument", () => model.transcribe(digits, { format: name }).document())).message).toContain(
    "docx",
  );
});

test("words: false leaves word events out; segments keep theirs", async () => {
  const types = new Set<string>();
  let words = 0;
  for await (const event of model.transcribe(digits, { words: false })) {
    types.add(event.type);
    if (event.type === "segment") words += event.words.length;
  }
  expect(types.has("word")).toBe(false);
  expect(words).toBeGreaterThan(5);
});
