import { Command } from "commander";
import { defaultDelayMs, maxIntervalS, minIntervalS } from "../src/abi.ts";
import { type Device, type LagEvent, listen as listenTo, microphone, type Voxtral } from "../src/index.ts";
import { liveInterval } from "../src/listen.ts";
import { systemPrefix } from "../src/microphone.ts";
import { Meter, meterLine } from "./meter.ts";
import { addHotwords, addModelOptions, hotwordsOf, type ModelOptions, numberIn, openModel } from "./options.ts";
import { complain, ExitCode, Interrupt } from "./terminal.ts";

const meterMs = 100;

export interface ListenOptions extends ModelOptions {
  device?: string;
  system?: true;
  gate: boolean;
  skip: boolean;
  interval: number;
  delay: number;
  hotwords?: string;
  silent?: true;
}

const help = `
Text comes as it is spoken, on standard output; Ctrl-C prints what is pending and
ends. Sound below the room's loudness is not decoded, and a pause of 600 ms brings
out what was said. A model that is slower than speech skips when 5 s behind.

Examples:
  voxtral listen                      the default microphone
  voxtral listen --device yeti        a microphone by (a part of) its name
  voxtral listen --system             what the computer plays
  voxtral devices                     lists the names

On macOS the computer's own sound needs a virtual device such as BlackHole:
send the output there as well, then voxtral listen --device BlackHole.`;

export function listenCommand(): Command {
  const command = new Command("listen")
    .description("Transcribes a microphone, or what the computer plays, live.")
    .option(
      "--device <name>",
      'an id, a name or a part of one; "pulse:" or "alsa:" in front chooses the sound system (default: the system\'s)',
    )
    .option("--system", "what the computer plays")
    .option("--no-gate", "decode silence too")
    .option("--no-skip", "never skip sound, however far behind")
    .option(
      "-I, --interval <seconds>",
      "least new audio between two runs of the encoder",
      numberIn(minIntervalS, maxIntervalS),
      liveInterval,
    )
    .option(
      "--delay <ms>",
      "transcription delay: a multiple of 80 to 1200, or 2400; longer is more accurate",
      numberIn(80, 2400, true),
      defaultDelayMs,
    );
  return addModelOptions(addHotwords(command))
    .option("--silent", "nothing on standard error but errors")
    .addHelpText("after", help)
    .action((options: ListenOptions) => listen(options, command));
}

/** Options of "transcribe" that --from-mic goes with. */
const alsoFromMicrophone = [
  "fromMic",
  "interval",
  "delay",
  "hotwords",
  "continuous",
  "silent",
  "model",
  "backend",
  "isa",
  "threads",
];

/** "voxtral --from-mic", as voxtral.c spells it. */
export async function listenInstead(
  files: string[],
  options: ModelOptions & { interval: number; delay: number; silent?: true },
  command: Command,
): Promise<void> {
  const given = command.options.filter((option) => command.getOptionValueSource(option.attributeName()) === "cli");
  const other = given.find((option) => !alsoFromMicrophone.includes(option.attributeName()))?.long ?? files[0];
  if (other !== undefined)
    command.error(`error: --from-mic and ${other} exclude each other`, { exitCode: ExitCode.usage });
  const interval = given.some((option) => option.long === "--interval") ? options.interval : liveInterval;
  await listen({ ...options, interval, gate: true, skip: true }, command);
}

/** Transcribes a device until it is interrupted or the device is gone. */
export async function listen(options: ListenOptions, command: Command): Promise<void> {
  using interrupt = new Interrupt();
  const { signal } = interrupt;
  await using model = await openModel(options, command, signal);
  if (!model) return;
  try {
    await transcribe(model, options, signal);
    if (process.exitCode === ExitCode.interrupted) process.exitCode = ExitCode.ok; // Ctrl-C is how it ends
  } catch (error) {
    process.exitCode = ExitCode.failure;
    complain(error);
  }
}

async function transcribe(model: Voxtral, options: ListenOptions, signal: AbortSignal): Promise<void> {
  const { device, system = false, gate, skip, interval, delay: delayMs } = options;
  const hotwords = await hotwordsOf(options.hotwords);
  using source = microphone({ ...(device !== undefined && { device }), system, signal });
  const live = listenTo(model, source, { gate, skip, interval, delayMs, ...hotwords });
  using meter = new Meter(!options.silent);
  let named = options.silent === true || device === undefined;
  const timer = setInterval(() => {
    if (!named && source.device) {
      named = true;
      const chosen = choice(device ?? "", source.device);
      if (chosen) void meter.say(chosen);
    }
    meter.show(signal.aborted ? "finishing; Ctrl-C again to stop" : meterLine(live.state));
  }, meterMs);
  let warned = options.silent === true;
  let begun = false;
  try {
    for await (const event of live) {
      if (event.type === "text") {
        begun = true;
        await meter.print(event.text);
      } else if (event.type === "lag" && !warned) {
        warned = true;
        await meter.say(warning(event));
      }
    }
  } finally {
    clearInterval(timer);
    if (begun) await meter.print("\n");
  }
}

/** What is said of a device that was named in part. */
export function choice(wanted: string, { id, name }: Device): string | undefined {
  const given = wanted.replace(systemPrefix, "").toLowerCase();
  const isWhole = given === id.toLowerCase() || given === name.toLowerCase();
  return isWhole ? undefined : `voxtral: listening to "${name}" (${id})`;
}

/** What is said once when the model is slower than the sound. */
export function warning({ behind, skipped, speed }: LagEvent): string {
  const pace =
    speed > 0 && speed < 1 ? `transcribes ${speed.toFixed(2)} s of sound in a second` : "is slower than speech";
  const slow = `voxtral: ${behind.toFixed(1)} s behind: this machine ${pace}`;
  if (skipped === 0) return `${slow}; nothing is skipped (--no-skip)`;
  return `${slow}; skipped ${skipped.toFixed(1)} s to catch up, and will again (--no-skip keeps everything)`;
}
