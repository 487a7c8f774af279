// microphone() and the commands that use it, on ALSA's file plug-in: a recording that
// is "heard" at the pace of time. capture.test.ts tries the sound systems themselves.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { choice, warning } from "../cli/listen.ts";
import { meterLine } from "../cli/meter.ts";
import { microphone } from "../src/index.ts";
import { expected, failure, nano, runCli } from "./helpers.ts";
import { hearing, missing, startProgram, startVoxtral } from "./sound.ts";

const digits = expected["digits.wav"]?.text as string;

const noAlsa = missing("arecord");

describe.concurrent.skipIf(noAlsa !== "")(`a microphone${noAlsa}`, () => {
  test("is transcribed like a file; its signal ends it", async () => {
    await using home = await hearing("digits.wav");
    const { out, err } = await startProgram(
      home.env,
      `
      await using model = await Voxtral.load();
      const source = microphone({ device: "alsa:recording", signal: AbortSignal.timeout(4500) });
      const { text, duration } = await model.transcribe(source).result();
      console.log(JSON.stringify({ text, duration, rate: source.rate, lost: source.lost, id: source.device?.id }));`,
    ).ended;
    expect(err).toBe("");
    expect(JSON.parse(out)).toEqual({
      text: digits,
      duration: expect.any(Number),
      rate: 16000,
      lost: 0,
      id: "recording",
    });
    expect(JSON.parse(out).duration).toBeWithin(4, 6.5);
  }, 20_000);

  test("ends by close(), by leaving the loop, and by disposal; the process then ends", async () => {
    await using home = await hearing("digits.wav");
    const { out, err, code } = await startProgram(
      home.env,
      `
      const options = { device: "alsa:recording" };
      let n = 0;
      const closed = microphone(options);
      for await (const samples of closed) if ((n += samples.length) > 3200) closed.close();
      for await (const samples of microphone(options)) if ((n += samples.length) > 6400) break;
      { using source = microphone(options); await source[Symbol.asyncIterator]().next(); }
      const waiting = microphone({ device: "alsa:null" });
      const iterator = waiting[Symbol.asyncIterator]();
      setTimeout(() => waiting.close(), 100);
      while (!(await iterator.next()).done);
      await microphone({ signal: AbortSignal.abort() })[Symbol.asyncIterator]().next().then(({ done }) => console.log(done));
      const twice = microphone(options);
      twice[Symbol.asyncIterator]();
      try { twice[Symbol.asyncIterator](); } catch (error) { console.log(error.code); }
      console.log(n > 6400);`,
    ).ended;
    expect({ out, err, code }).toEqual({ out: "true\nstate\ntrue\n", err: "", code: 0 });
  }, 20_000);

  test("what is not read for 8 s is lost, counted, and the rest goes on", async () => {
    await using home = await hearing("digits.wav");
    const { out } = await startProgram(
      home.env,
      `
      const source = microphone({ device: "alsa:recording" });
      let n = 0;
      for await (const samples of source) {
        n += samples.length;
        if (n === samples.length) Bun.sleepSync(9000);
        if (source.lost > 0 && n > 9 * 16000) break;
      }
      console.log(source.lost / 16000);`,
    ).ended;
    expect(Number(out)).toBeWithin(0.5, 3);
  }, 30_000);

  test("a device that cannot be opened is an error of the transcription", async () => {
    await using home = await hearing("digits.wav");
    const { out } = await startProgram(
      home.env,
      `
      await using model = await Voxtral.load();
      await model.transcribe(microphone({ device: "alsa:nothing" })).result().catch((error) => console.log(error instanceof VoxtralError, error.message));`,
    ).ended;
    expect(out).toStartWith('true ALSA cannot record "nothing" (');
  }, 20_000);

  test("--from-mic: the default device; Ctrl-C prints what is pending and ends with 0", async () => {
    await using home = await hearing("digits.wav");
    const listener = startVoxtral(home.env, "--from-mic");
    await listener.printed("five");
    const before = listener.out.length;
    listener.interrupt();
    const { out, err, code } = await listener.ended;
    expect({ err, code }).toEqual({ err: "", code: 0 });
    expect(out.length).toBeGreaterThan(before + 1);
    expect(digits).toStartWith(out.slice(0, "one two three four five".length));
    expect(out).toEndWith("\n");
  }, 20_000);

  test("on a terminal: a meter below the text, which vanishes at the end", async () => {
    await using home = await hearing("weather.wav");
    let shown = "";
    const decoder = new TextDecoder();
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "../cli/main.ts"), "listen"], {
      env: home.env,
      terminal: { cols: 100, rows: 24, data: (_, bytes) => void (shown += decoder.decode(bytes, { stream: true })) },
    });
    await Bun.sleep(3500);
    child.kill("SIGINT");
    expect(await child.exited).toBe(0);
    child.terminal?.close();
    const plain = shown.replaceAll("\x1b[", "^"); // codes of the terminal
    expect(plain).toMatch(/\n\r\^K[▮▪]+▯* -\d+ dB {2}lag \d\.\d s {2}real-time factor \d\.\d\d\^A\^\d+G/);
    expect(plain.trimEnd()).toEndWith("^J"); // the last meter is taken away
    const text = plain.replaceAll(/\n\r\^K[^^]*\^A\^\d+G|\^J|\r/g, "");
    expect(text).toMatch(/^what is .*today\n$/);
  }, 20_000);

  test("on a terminal, behind: Ctrl-C says how to stop, a second one stops", async () => {
    await using home = await hearing("weather.wav");
    const params = await Bun.file(join(nano, "params.json")).json();
    const slow = join(home.folder, "slow.json");
    await Bun.write(slow, JSON.stringify({ ...params, dim: 1024, n_layers: 16, hidden_dim: 4096 }));
    const shown = Promise.withResolvers<void>();
    const finishing = Promise.withResolvers<void>();
    const options = ["--no-gate", "--no-skip", "--threads", "1", "-d", `synthetic:${slow}`];
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "../cli/main.ts"), "listen", ...options], {
      env: home.env,
      terminal: {
        cols: 100,
        rows: 24,
        data(_, bytes) {
          const text = new TextDecoder().decode(bytes);
          if (/lag [1-9]/.test(text)) shown.resolve();
          if (text.includes("finishing; Ctrl-C again to stop")) finishing.resolve();
        },
      },
    });
    await shown.promise;
    child.kill("SIGINT");
    await finishing.promise;
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    child.terminal?.close();
  }, 20_000);

  test("devices: a table, and JSON", async () => {
    await using home = await hearing("digits.wav");
    const table = await startVoxtral(home.env, "devices").ended;
    expect(table.out).toMatch(/^\* {2}input {2}.* default$/m);
    expect(table).toMatchObject({ err: "", code: 0 });
    const json = JSON.parse((await startVoxtral(home.env, "devices", "--json").ended).out);
    expect(json.system).toBe("alsa");
    const plugins = /^(null|lavrate|samplerate|speexrate|jack|oss|pulse|pipewire|speex|upmix|vdownmix)$/;
    expect(json.devices.filter(({ id }: { id: string }) => plugins.test(id))).toEqual([]);
    expect(json.devices.find(({ id }: { id: string }) => id === "default")).toMatchObject({
      kind: "input",
      default: true,
    });
  }, 20_000);
});

test("wrong usage", async () => {
  expect(await runCli(["--from-mic", "a.wav"])).toEqual({
    out: "",
    err: "voxtral: --from-mic and a.wav exclude each other\n",
    code: 2,
  });
  expect((await runCli(["--from-mic", "--alt", "0.5"])).err).toBe("voxtral: --from-mic and --alt exclude each other\n");
  const delay = await runCli(["listen", "--delay", "100"]);
  expect(delay).toMatchObject({ out: "", code: 2 });
  expect(delay.err).toStartWith("voxtral: --delay is 100; expected one of 80, 160");
  expect((await runCli(["listen", "a.wav"])).code).toBe(2);
  for (const device of ["a\0b", "", " ", "alsa:"]) await failure("argument", () => microphone({ device }));
});

test("what a slow machine says", () => {
  const lag = { type: "lag", behind: 5.25, skipped: 4.5, speed: 0.61 } as const;
  expect(warning(lag)).toBe(
    "voxtral: 5.3 s behind: this machine transcribes 0.61 s of sound in a second; skipped 4.5 s to catch up, and will again (--no-skip keeps everything)",
  );
  for (const speed of [0, 1, 1.18])
    expect(warning({ ...lag, skipped: 0, speed })).toBe(
      "voxtral: 5.3 s behind: this machine is slower than speech; nothing is skipped (--no-skip)",
    );
});

test("a device that was named in part is told", () => {
  const device = { id: "hw:1", name: "Yeti X", kind: "input", default: false, rate: 48000, channels: 1 } as const;
  for (const whole of ["hw:1", "yeti x", "alsa:hw:1", "pulse:Yeti X"]) expect(choice(whole, device)).toBeUndefined();
  expect(choice("yeti", device)).toBe('voxtral: listening to "Yeti X" (hw:1)');
});

test("the meter's line", () => {
  const state = { level: 0.1, threshold: 0.002, speaking: true, lag: 0.64, realTimeFactor: 0.114, lost: 0 };
  expect(meterLine(state)).toBe("▮▮▮▮▮▮▮▮▯▯▯▯ -20 dB  lag 0.6 s  real-time factor 0.11");
  expect(meterLine({ ...state, level: 0, speaking: false, realTimeFactor: 0, lost: 1.5 })).toBe(
    "▯▯▯▯▯▯▯▯▯▯▯▯ -66 dB  lag 0.6 s  1.5 s lost",
  );
});
