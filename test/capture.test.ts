// lib/capture against real sound systems: a PulseAudio server without hardware, and
// ALSA's file plug-in. See test/c/capture_test.c for what needs none.
import { describe, expect, test } from "bun:test";
import { expected, sample } from "./helpers.ts";
import { hearing, missing, startProgram, startSound, startVoxtral } from "./sound.ts";

const digits = expected["digits.wav"]?.text as string;

/** Prints events of a recording: "open ID", "loud", "quiet", "gone MESSAGE". */
const watcher = (options: string): string => `
  const source = microphone(${options});
  let open = "", loud = false;
  try {
    for await (const samples of source) {
      if (source.device && source.device.id !== open) console.log("open", open = source.device.id);
      const now = samples.some((x) => Math.abs(x) > 0.01);
      if (now !== loud) console.log((loud = now) ? "loud" : "quiet");
    }
    console.log("ended");
  } catch (error) {
    console.log("gone", error.code, error.message);
  }`;

const noPulse = missing("pulseaudio", "pactl", "paplay");

describe.concurrent.skipIf(noPulse !== "")(`PulseAudio${noPulse}`, () => {
  test("devices", async () => {
    await using sound = await startSound();
    const { out } = await startProgram(sound.env, "console.log(JSON.stringify(devices()))").ended;
    expect(JSON.parse(out)).toEqual({
      system: "pulse",
      devices: [
        {
          id: "speakers.monitor",
          name: "Monitor of Null Output",
          kind: "monitor",
          default: true,
          rate: 44100,
          channels: 2,
        },
      ],
    });
  });

  test("a recording is heard by default, by name and with --system, as text", async () => {
    await using sound = await startSound();
    const ways = [
      [],
      ["--device", "speakers.monitor"],
      ["--device", "null output"],
      ["--system"],
      ["--system", "--device", "speak"],
      ["--device", "pulse:speakers.monitor"],
    ];
    const listeners = ways.map((args) => startVoxtral(sound.env, "listen", ...args));
    await sound.recorders(listeners.length);
    await Bun.sleep(2000); // a null output first renders 2 s at once
    await sound.run("paplay", "-d", "speakers", sample("digits.wav"));
    await Promise.all(listeners.map((listener) => listener.printed("zero")));
    for (const listener of listeners) listener.interrupt();
    for (const [i, listener] of listeners.entries()) {
      const inPart = ["null output", "speak"].includes(ways[i]?.at(-1) ?? "");
      const err = inPart ? 'voxtral: listening to "Monitor of Null Output" (speakers.monitor)\n' : "";
      expect(await listener.ended).toEqual({ out: `${digits}\n`, err, code: 0 });
    }
    await sound.recorders(0); // released
  }, 60_000);

  test("a name that fits nothing", async () => {
    await using sound = await startSound();
    const none = await startVoxtral(sound.env, "listen", "--device", "studio").ended;
    expect(none).toEqual({
      out: "",
      err: 'voxtral: no sound device is called "studio": "voxtral devices" lists the 1 there are\n',
      code: 1,
    });
  }, 20_000);

  test("the default moves: the recording follows it; named, it stays", async () => {
    await using sound = await startSound();
    await sound.run("pactl", "load-module", "module-null-sink", "sink_name=other");
    const followers = ["{}", "{ system: true }"].map((options) => startProgram(sound.env, watcher(options)));
    const named = startProgram(sound.env, watcher('{ device: "speakers" }'));
    for (const one of [...followers, named]) await one.printed("open speakers.monitor");
    await sound.run("pactl", "set-default-sink", "other");
    await sound.run("pactl", "set-default-source", "other.monitor");
    for (const one of followers) await one.printed("open other.monitor");
    await Bun.sleep(2000);
    await sound.run("paplay", "-d", "other", sample("weather.wav"));
    for (const one of followers) await one.printed("loud");
    expect(named.out).toBe("open speakers.monitor\n");
    for (const one of [...followers, named]) one.interrupt();
    await Promise.all([...followers, named].map(({ ended }) => ended));
  }, 30_000);

  test("a device that vanishes: an error if it was named, else the next default", async () => {
    await using sound = await startSound();
    await sound.run("pactl", "load-module", "module-null-sink", "sink_name=other");
    const named = startProgram(sound.env, watcher('{ device: "other.monitor" }'));
    await sound.run("pactl", "set-default-sink", "other");
    await sound.run("pactl", "set-default-source", "other.monitor");
    const follower = startProgram(sound.env, watcher("{}"));
    for (const one of [named, follower]) await one.printed("open other.monitor");
    const module = (await sound.run("pactl", "list", "short", "modules"))
      .split("\n")
      .find((line) => line.includes("sink_name=other"))
      ?.split("\t")[0];
    await sound.run("pactl", "unload-module", module as string);
    expect((await named.ended).out).toEndWith(
      'gone io "Monitor of Null Output" has gone: connect it again, or choose another device ("voxtral devices" lists them)\n',
    );
    await follower.printed("open speakers.monitor");
    follower.interrupt();
    await follower.ended;
  }, 30_000);

  test("the server is restarted: the default device is recorded again", async () => {
    await using sound = await startSound();
    const follower = startProgram(sound.env, watcher("{}"));
    await follower.printed("open speakers.monitor");
    await Bun.sleep(1500);
    await sound.restart();
    await sound.recorders(1);
    await Bun.sleep(2000);
    await sound.run("paplay", "-d", "speakers", sample("weather.wav"));
    await follower.printed("loud");
    expect(follower.out).not.toContain("gone");
    follower.interrupt();
    await follower.ended;
  }, 30_000);

  test("the server goes away: an error after 5 s of waiting for another", async () => {
    await using sound = await startSound();
    const follower = startProgram(sound.env, watcher("{}"));
    await follower.printed("open speakers.monitor");
    await Bun.sleep(1500);
    await sound.stop();
    expect((await follower.ended).out).toMatch(/gone io the PulseAudio server has gone: start it again( \(.*\))?\n$/);
  }, 30_000);
});

const noAlsa = missing("arecord");

describe.concurrent.skipIf(noAlsa !== "")(`ALSA without a sound server${noAlsa}`, () => {
  test("its file plug-in: a recording of 48 kHz as text, at the pace of time", async () => {
    await using home = await hearing("digits.wav");
    const listed = await startProgram(home.env, "console.log(JSON.stringify(devices()))").ended;
    const { system, devices } = JSON.parse(listed.out);
    expect(system).toBe("alsa");
    expect(devices).toContainEqual({
      id: "recording",
      name: "A recording",
      kind: "input",
      default: false,
      rate: 0,
      channels: 0,
    });
    const started = performance.now();
    const listeners = [[], ["--device", "a recording"], ["--device", "alsa:recording"]].map((args) =>
      startVoxtral(home.env, "listen", ...args),
    );
    await Promise.all(listeners.map((listener) => listener.printed("zero")));
    expect(performance.now() - started).toBeGreaterThan(2000);
    for (const listener of listeners) listener.interrupt();
    for (const listener of listeners) expect(await listener.ended).toEqual({ out: `${digits}\n`, err: "", code: 0 });
  }, 30_000);

  test("what cannot be recorded: one sentence each", async () => {
    await using home = await hearing("digits.wav");
    const say = async (...args: string[]): Promise<string> => {
      const { out, err, code } = await startVoxtral(home.env, "listen", ...args).ended;
      expect({ out, code, lines: err.split("\n").length }).toEqual({ out: "", code: 1, lines: 2 });
      return err;
    };
    expect(await say("--device", "hw:7")).toMatch(
      /^voxtral: ALSA cannot record "hw:7" \(No such (file or directory|device)\): it does not exist: "arecord -L" lists the names/,
    );
    expect(await say("--system")).toContain("ALSA cannot record what the computer plays: run PulseAudio");
    expect(await say("--device", "pulse:x")).toMatch(/^voxtral: no PulseAudio or PipeWire server runs \(/);
  }, 30_000);
});
