// A sound server of the test's own, without hardware, and programs that use it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cliPath, nano, type Run, root, sample, samplesOf } from "./helpers.ts";

/** Programs of the list that are not installed, for the reason of a skipped test. */
export function missing(...programs: string[]): string {
  const absent = process.platform === "linux" ? programs.filter((program) => !Bun.which(program)) : [process.platform];
  return absent.length > 0 ? ` (skipped: needs ${programs.join(", ")} on Linux; here is no ${absent.join(", ")})` : "";
}

export interface Sound extends AsyncDisposable {
  /** Of programs that use it and nothing else. */
  env: Record<string, string>;
  /** Runs a program to its end; what it prints. */
  run(...command: string[]): Promise<string>;
  /** Resolves when so many programs record. */
  recorders(n: number): Promise<void>;
  /** Ends the server; starts another in its place. */
  stop(): Promise<void>;
  restart(): Promise<void>;
}

/** A folder as the home of programs that must not see this user's sound settings. */
export async function soundHome(): Promise<{ folder: string; env: Record<string, string> } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "voxtral-sound-"));
  const { PULSE_SERVER: _, ALSA_CONFIG_PATH: __, ...inherited } = process.env;
  const env = {
    ...inherited,
    HOME: folder,
    XDG_RUNTIME_DIR: folder,
    XDG_CONFIG_HOME: folder,
    VOXTRAL_MODEL: nano,
  } as Record<string, string>;
  return { folder, env, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/** A home whose default ALSA device, and "A recording", hear a file of samples/ at 48 kHz and then silence, at the pace of time. */
export async function hearing(name: string): ReturnType<typeof soundHome> {
  const home = await soundHome();
  const samples = await samplesOf(sample(name));
  const path = join(home.folder, "recording.raw");
  await Bun.write(
    path,
    Int16Array.from({ length: samples.length * 3 }, (_, i) => samples[Math.floor(i / 3)] ?? 0),
  );
  const recording = `type file slave.pcm null file /dev/null infile "${path}" format raw hint { show on description "A recording" }`;
  const settings = `pcm.recording { ${recording} }\npcm.!default { type plug slave.pcm recording hint { show on } }\n`;
  await Bun.write(join(home.folder, ".asoundrc"), settings);
  return home;
}

/** A PulseAudio server with the output "speakers", whose monitor is its only source. */
export async function startSound(): Promise<Sound> {
  const { env, ...home } = await soundHome();
  const modules = ["module-null-sink sink_name=speakers", "module-native-protocol-unix auth-anonymous=1"];
  const options = [
    "-n",
    "--daemonize=no",
    "--exit-idle-time=-1",
    "--disable-shm=yes",
    ...modules.flatMap((module) => ["-L", module]),
  ];
  const launch = () =>
    Bun.spawn(["pulseaudio", ...options], { env, stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  let server = launch();

  const run = async (...command: string[]): Promise<string> => {
    const child = Bun.spawn(command, { env, stdin: "ignore", stdout: "pipe", stderr: "ignore" });
    return await new Response(child.stdout).text();
  };
  const until = async (what: string, ready: () => Promise<boolean>): Promise<void> => {
    for (const end = performance.now() + 10_000; !(await ready()); await Bun.sleep(50))
      if (performance.now() > end) throw new Error(`the sound server shows no ${what} within 10 s`);
  };
  const stop = async (): Promise<void> => {
    server.kill();
    await server.exited;
  };
  const started = (): Promise<void> =>
    until("output", async () => (await run("pactl", "list", "short", "sinks")).includes("speakers"));
  await started();
  return {
    env,
    run,
    stop,
    async restart() {
      await stop();
      server = launch();
      await started();
    },
    recorders: (n) =>
      until(
        `${n} recorders`,
        async () =>
          (await run("pactl", "list", "short", "source-outputs")).trim().split("\n").filter(Boolean).length === n,
      ),
    async [Symbol.asyncDispose]() {
      await stop();
      await home[Symbol.asyncDispose]();
    },
  };
}

/** A command line or program that runs beside the test. */
export interface Running {
  /** Standard output so far. */
  readonly out: string;
  /** Waits until the output holds the text. */
  printed(text: string): Promise<void>;
  interrupt(): void;
  ended: Promise<Run>;
}

function start(command: string[], env: Record<string, string>): Running {
  const child = Bun.spawn(command, {
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 40_000,
    killSignal: "SIGKILL",
  });
  let out = "";
  let news = Promise.withResolvers<void>();
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      out += decoder.decode(chunk, { stream: true });
      news.resolve();
      news = Promise.withResolvers();
    }
    news.resolve();
  })();
  const finish = async (): Promise<Run> => {
    const err = await new Response(child.stderr).text();
    await reading;
    return { out, err, code: await child.exited };
  };
  const ended = finish();
  return {
    get out() {
      return out;
    },
    async printed(text) {
      while (!out.includes(text)) {
        if (child.exitCode !== null)
          throw new Error(`ended without printing "${text}": ${JSON.stringify(await ended)}`);
        await news.promise;
      }
    },
    interrupt: () => child.kill("SIGINT"),
    ended,
  };
}

/** `voxtral` with these arguments. */
export const startVoxtral = (env: Record<string, string>, ...args: string[]): Running =>
  start([process.execPath, cliPath, ...args], env);

/** A program that imports the package: as much of a module as fits its body. */
export function startProgram(env: Record<string, string>, body: string): Running {
  const names = "Voxtral, VoxtralError, devices, listen, microphone";
  return start(
    [process.execPath, "-e", `import { ${names} } from ${JSON.stringify(join(root, "src", "index.ts"))};\n${body}`],
    env,
  );
}
