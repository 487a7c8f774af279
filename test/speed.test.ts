// How fast the model is said to compute, on a clock of the test's own.
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { Speed } from "../src/speed.ts";

let ms = 1;
let clock: ReturnType<typeof spyOn>;
beforeEach(() => {
  clock = spyOn(performance, "now").mockImplementation(() => ms);
});
afterEach(() => clock.mockRestore());

/** The encoder's and the decoder's work on 12 tokens, which are 0.96 s of sound. */
function compute(speed: Speed, encoderMs: number, tokenMs: number): void {
  ms += encoderMs;
  for (let i = 0; i < 12; i++) {
    ms += tokenMs;
    speed.decoded();
  }
}

test("a model that is behind: the encoder's time counts too", () => {
  const speed = new Speed();
  expect([speed.factor, speed.perSecond]).toEqual([0, 0]);
  for (let i = 0; i < 6; i++) compute(speed, 960, 80);
  expect(speed.factor).toBeWithin(1.8, 2.1);
  expect(speed.perSecond).toBeWithin(0.48, 0.56);
});

test("a model that waits for sound: the waiting does not count", () => {
  const speed = new Speed();
  for (let i = 0; i < 20; i++) {
    ms += 800;
    speed.begin();
    compute(speed, 48, 4);
  }
  expect(speed.perSecond).toBeWithin(9.5, 10.5);
});

test("a model that becomes slow is soon known to be", () => {
  const speed = new Speed();
  for (let i = 0; i < 100; i++) {
    speed.begin();
    compute(speed, 48, 4);
  }
  for (let i = 0; i < 15; i++) compute(speed, 960, 80);
  expect(speed.perSecond).toBeWithin(0.5, 0.75);
});
