import { type Command, Option } from "commander";
import { defaultDelayMs, defaultIntervalS, maxIntervalS, minIntervalS } from "../src/abi.ts";
import { type AudioSource, type StreamOptions, type Voxtral, VoxtralError, type VoxtralEvent } from "../src/index.ts";
import { inLanes, type Lane } from "./lanes.ts";
import { Monitor } from "./monitor.ts";
import { addModelOptions, loadModel, type ModelOptions, numberIn } from "./options.ts";
import { type Format, newPrinter } from "./printers.ts";
import { ExitCode, Interrupt, Status, sentence } from "./terminal.ts";

/** Files transcribed at the same time: they share every read of the weights. */
const filesAtOnce = 4;
/** Candidates that --alt shows at a position, the best included. */
const shownAlternatives = 3;
const progressMs = 200;

interface Options extends ModelOptions {
  input?: string[];
  stdin?: true;
  interval: number;
  delay: number;
  alt?: number;
  continuous?: true;
  format: Format;
  silent?: true;
  debug?: true;
  monitor?: true;
}

interface Input {
  name: string;
  source: () => AudioSource;
  live: boolean;
}

const examples = `
Examples:
  voxtral recording.wav                       text as it is recognised
  voxtral a.wav b.wav > text.txt              several files, one line each
  ffmpeg -i talk.mp3 -f s16le -ar 16000 -ac 1 - 2>/dev/null | voxtral --stdin
  arecord -f S16_LE -r 16000 -c 1 | voxtral --stdin -I 0.5
  voxtral recording.wav --alt 0.5             with near alternatives: the[ V| Vo]ox
  voxtral recording.wav --format json | jq .words

Audio: WAVE files of any rate and channels; on standard input also raw signed
16-bit little-endian samples, 16 kHz mono. Other formats: through ffmpeg.

--monitor writes to standard error: ▶ the encoder ran, · prompt, ▪ text, ▫ silence
(▸ ▹ slower than speech), restarts: ↺ end of text, ⟳ last position, ↻ silence, ⤾ rut.

Exit status: 0 done, 1 failure, 2 wrong usage, 130 interrupted, 143 terminated.
Environment: VOXTRAL_MODEL names the default model; VOXTRAL_LIBRARY another native
library, to diagnose.`;

/** Adds the arguments and options of "transcribe" to a command. */
export function transcribeCommand(command: Command): Command {
  command
    .description("Transcribes speech to text, locally.")
    .argument("[files...]", "WAVE files; - is standard input")
    .option("-i, --input <file>", "a WAVE file, like an argument", (file: string, files: string[] = []) => [
      ...files,
      file,
    ])
    .option("--stdin", "read standard input: WAVE, or raw s16le 16 kHz mono")
    .option(
      "-I, --interval <seconds>",
      "least new audio between two runs of the encoder: small = text soon, large = cheaper",
      numberIn(minIntervalS, maxIntervalS),
      defaultIntervalS,
    )
    .option(
      "--delay <ms>",
      "transcription delay: a multiple of 80 to 1200, or 2400; longer is more accurate",
      numberIn(80, 2400, true),
      defaultDelayMs,
    )
    .option("--alt <cutoff>", "show alternative tokens with 1 - p/p_best <= cutoff (0..1) in brackets", numberIn(0, 1))
    .option("--continuous", "start again after an end-of-sequence token (always so for standard input)")
    .addOption(
      new Option("--format <format>", "text; json: one object a file with words and tokens; tokens: every generated id")
        .choices(["text", "json", "tokens"])
        .default("text"),
    );
  return addModelOptions(command)
    .option("--silent", "nothing on standard error but errors")
    .option("--monitor", "symbols on standard error that show what the model does")
    .option("--debug", "every event on standard error")
    .addHelpText("after", examples)
    .action((files: string[], options: Options) => transcribe(inputsOf(files, options, command), options, command));
}

function inputsOf(files: string[], options: Options, command: Command): Input[] {
  const names = [...(options.input ?? []), ...files, ...(options.stdin ? ["-"] : [])];
  const usage = (message: string): never => command.error(`error: ${message}`, { exitCode: ExitCode.usage });
  if (names.length === 0) command.help({ error: true });
  if (options.stdin && names.length > 1) usage("--stdin and files exclude each other");
  if (names.filter((name) => name === "-").length > 1) usage("standard input (-) can be read only once");
  if (options.alt !== undefined && options.format === "tokens") usage("--alt goes with --format text");
  if (names.includes("-") && process.stdin.isTTY) usage("standard input is a terminal: pipe audio into it");
  return names.map((name) =>
    name === "-"
      ? { name: "standard input", source: () => Bun.stdin.stream(), live: true }
      : { name, source: () => name, live: false },
  );
}

async function transcribe(inputs: Input[], options: Options, command: Command): Promise<void> {
  using interrupt = new Interrupt();
  const { signal } = interrupt;
  let model: Voxtral;
  try {
    model = await loadModel(options, options.silent === true, signal);
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  await using _model = model;
  const { delaysMs } = model.info;
  if (!delaysMs.includes(options.delay))
    command.error(`error: --delay is ${options.delay}; expected one of ${delaysMs.join(", ")}`, {
      exitCode: ExitCode.usage,
    });
  await inLanes(inputs.length, filesAtOnce, async (i, lane) => {
    if (!signal.aborted) await transcribeOne(model, inputs[i] as Input, options, lane, signal);
  });
}

async function transcribeOne(
  model: Voxtral,
  input: Input,
  options: Options,
  lane: Lane,
  signal: AbortSignal,
): Promise<void> {
  const start = performance.now();
  const printer = newPrinter(options.format, options.alt !== undefined, model.info.model);
  const monitor = options.monitor && new Monitor();
  using status = new Status(!options.silent && !options.monitor && !options.debug && !process.stdout.isTTY);
  let duration = 0;
  let complete = false;
  let failure: unknown;
  let timer: Timer | undefined;
  try {
    const transcription = model.transcribe(input.source(), streamOptions(options, input, signal));
    timer = setInterval(() => status.show(`${input.name}: ${transcription.progress.decoded.toFixed(1)} s`), progressMs);
    for await (const event of transcription) {
      await lane.print("out", printer.print(event));
      if (monitor) await lane.print("err", monitor.see(event, transcription.progress));
      if (options.debug) await lane.print("err", `${debugLine(event)}\n`);
      if (event.type === "done") ({ duration } = event);
    }
    complete = true;
  } catch (error) {
    failure = error;
  }
  clearInterval(timer);
  status.clear();
  await lane.print("out", printer.end(complete));
  if (monitor) await lane.print("err", "\n");
  if (failure !== undefined && !signal.aborted) {
    process.exitCode = ExitCode.failure;
    await lane.print("err", `voxtral: ${errorLine(input, failure)}\n`);
  } else if (complete && !options.silent)
    await lane.print("err", summary(input, duration, (performance.now() - start) / 1000));
}

function streamOptions(options: Options, input: Input, signal: AbortSignal): StreamOptions {
  return {
    signal,
    interval: options.interval,
    delayMs: options.delay,
    continuous: options.continuous === true || input.live,
    ...(options.alt !== undefined && { alternatives: { count: shownAlternatives, cutoff: options.alt } }),
  };
}

function summary({ name }: Input, duration: number, seconds: number): string {
  const speed = duration > 0 ? `, ${(duration / seconds).toFixed(1)} times real time` : "";
  return `${name}: ${duration.toFixed(1)} s of audio in ${seconds.toFixed(2)} s${speed}\n`;
}

/** One sentence that begins with the input's name. */
function errorLine({ name, live }: Input, error: unknown): string {
  const text = sentence(error);
  const about = error instanceof VoxtralError && ["argument", "state", "memory", "backend"].includes(error.code);
  return live || (about && !text.startsWith(name)) ? `${name}: ${text}` : text;
}

function debugLine(event: VoxtralEvent): string {
  if (event.type !== "token") return JSON.stringify(event);
  const { bytes: _, alternatives, ...token } = event;
  return JSON.stringify({
    ...token,
    ...(alternatives && { alternatives: alternatives.map(({ id, text, logprob }) => ({ id, text, logprob })) }),
  });
}
