import type { Command } from "commander";
import { defaultDelayMs, defaultIntervalS, maxIntervalS, minIntervalS } from "../src/abi.ts";
import {
  formatNames,
  type Progress,
  type StreamOptions,
  type Voxtral,
  VoxtralError,
  type VoxtralEvent,
} from "../src/index.ts";
import { type Input, inputsOf } from "./inputs.ts";
import { inLanes, type Lane } from "./lanes.ts";
import { listenInstead } from "./listen.ts";
import { Monitor } from "./monitor.ts";
import {
  addHotwords,
  addModelOptions,
  hotwordsOf,
  type ModelOptions,
  namesAmong,
  numberIn,
  openModel,
} from "./options.ts";
import { Documents, makeFolder, type OutputOptions, type Target, targetsOf } from "./output.ts";
import { newPrinter } from "./printers.ts";
import { ProgressLine } from "./progress.ts";
import { ExitCode, Interrupt, sentence, write } from "./terminal.ts";

/** Files transcribed at the same time: they share every read of the weights. */
const filesAtOnce = 4;
/** Candidates that --alt shows at a position, the best included. */
const shownAlternatives = 3;

interface Options extends ModelOptions, OutputOptions {
  input?: string[];
  stdin?: true;
  fromMic?: true;
  interval: number;
  delay: number;
  alt?: number;
  continuous?: true;
  hotwords?: string;
  color?: true;
  silent?: true;
  debug?: true;
  monitor?: true;
}

interface Job {
  input: Input;
  targets: Target[];
}

const examples = `
Examples:
  voxtral recording.wav                       text as it is recognised
  voxtral a.mp3 b.opus > text.txt             several files, one line each
  voxtral talk.mp4 -o talk.srt                subtitles
  voxtral recordings --output-dir text --format text,srt,json
  curl -s https://example.com/talk.mp3 | voxtral -
  arecord -f S16_LE -r 16000 -c 1 | voxtral --stdin -I 0.5
  voxtral recording.wav --alt 0.5             with near alternatives: the[ V| Vo]ox
  voxtral recording.wav --format json | jq .words

Audio: WAVE, MP3, FLAC, Ogg (Opus, Vorbis, FLAC) and WebM (Opus) of any rate and
channels; MP4, M4A, Matroska and others through ffmpeg, if it is installed. What a
file holds is told from its content. On standard input also raw signed 16-bit
little-endian samples, 16 kHz mono. A folder is its audio files, a URL is fetched.

--monitor writes to standard error: ▶ the encoder ran, · prompt, ▪ text, ▫ silence
(▸ ▹ slower than speech), restarts: ↺ end of text, ⟳ last position, ↻ silence, ⤾ rut.

Exit status: 0 done, 1 failure, 2 wrong usage, 129 terminal closed, 130 interrupted,
141 reader of the output gone, 143 terminated.
Environment: VOXTRAL_MODEL names the default model; VOXTRAL_LIBRARY another native
library, to diagnose.`;

/** Adds the arguments and options of "transcribe" to a command. */
export function transcribeCommand(command: Command): Command {
  command
    .description("Transcribes speech to text, locally.")
    .argument("[files...]", "audio files, folders or URLs; - is standard input")
    .option("-i, --input <file>", "an audio file, like an argument", (file: string, files: string[] = []) => [
      ...files,
      file,
    ])
    .option("--stdin", "read standard input: audio, or raw s16le 16 kHz mono")
    .option("--from-mic", 'the default microphone, as "voxtral listen"')
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
    .option(
      "--continuous",
      "audio without end: start afresh at the end of text, in silence and in ruts (always so for standard input)",
    )
    .option("--format <names>", `one or more of ${formatNames.join(", ")} (default: text)`, namesAmong(formatNames))
    .option("-o, --output <file>", "write to this file; without --format its name tells the format")
    .option("--output-dir <dir>", "write a file for every input and format into this folder")
    .option("--color", "shade words by confidence, green to red");
  return addModelOptions(addHotwords(command))
    .option("--silent", "nothing on standard error but errors")
    .option("--monitor", "symbols on standard error that show what the model does")
    .option("--debug", "every event on standard error")
    .addHelpText("after", examples)
    .action((files: string[], options: Options) =>
      options.fromMic ? listenInstead(files, options, command) : transcribe(files, options, command),
    );
}

/** The inputs and what becomes of each. */
async function plan(files: string[], options: Options, command: Command): Promise<Job[]> {
  const names = [...(options.input ?? []), ...files, ...(options.stdin ? ["-"] : [])];
  const usage = (message: string): never => command.error(`error: ${message}`, { exitCode: ExitCode.usage });
  if (names.length === 0) command.help({ error: true });
  if (options.stdin && names.length > 1) usage("--stdin and files exclude each other");
  if (names.filter((name) => name === "-").length > 1) usage("standard input (-) can be read only once");
  if (names.includes("-") && process.stdin.isTTY) usage("standard input is a terminal: pipe audio into it");
  const inputs = await inputsOf(names);
  const targets = targetsOf(inputs, options, usage);
  const has = (test: (target: Target) => boolean): boolean => targets.flat().some(test);
  if (options.alt !== undefined && !has(({ format }) => format === "text" || format === "json"))
    usage("--alt goes with --format text or json");
  if (options.color && (options.alt !== undefined || !has(({ format, path }) => format === "text" && !path)))
    usage("--color goes with text on standard output, without --alt");
  return inputs.map((input, i) => ({ input, targets: targets[i] ?? [] }));
}

async function transcribe(files: string[], options: Options, command: Command): Promise<void> {
  const jobs = await plan(files, options, command);
  if (options.outputDir !== undefined) await makeFolder(options.outputDir);
  const hotwords = await hotwordsOf(options.hotwords);
  using interrupt = new Interrupt();
  const { signal } = interrupt;
  await using model = await openModel(options, command, signal);
  if (!model) return;
  const onTerminal = process.stdout.isTTY && jobs.some(({ targets }) => targets.some(({ path }) => path === undefined));
  const quiet = options.silent || options.monitor || options.debug || onTerminal;
  using line = new ProgressLine(!quiet, jobs.length);
  const show = (to: "out" | "err", text: string): Promise<void> => {
    line.clear();
    return write(to, text);
  };
  await inLanes(jobs.length, filesAtOnce, show, async (i, lane) => {
    if (signal.aborted) return;
    const running = (progress: () => Progress): void => line.start(i, jobs[i]?.input.name ?? "", progress);
    const { input, targets } = jobs[i] as Job;
    const how = { ...streamOptions(options, input, signal), ...hotwords };
    await transcribeOne(model, { input, targets }, how, options, lane, running);
    line.end(i);
  });
}

async function transcribeOne(
  model: Voxtral,
  { input, targets }: Job,
  how: StreamOptions,
  options: Options,
  lane: Lane,
  running: (progress: () => Progress) => void,
): Promise<void> {
  const start = performance.now();
  const looks = { alternatives: options.alt !== undefined, model: model.info.model };
  const documents = new Documents((text) => lane.print("out", text));
  const monitor = options.monitor && new Monitor();
  let duration = 0;
  let complete = false;
  let failure: unknown;
  try {
    for (const { format, path } of targets)
      await documents.add(newPrinter(format, { ...looks, shaded: options.color === true && !path }), path);
    const transcription = model.transcribe(input.source(), {
      ...how,
      onWarning: (message) => void (options.silent || lane.print("err", `voxtral: warning: ${message}\n`)),
    });
    running(() => transcription.progress);
    for await (const event of transcription) {
      await documents.push(event);
      if (monitor) await lane.print("err", monitor.see(event, transcription.progress));
      if (options.debug) await lane.print("err", `${debugLine(event)}\n`);
      if (event.type === "done") ({ duration } = event);
    }
    await documents.commit();
    complete = true;
  } catch (error) {
    failure = error;
    await documents.discard();
  }
  if (monitor) await lane.print("err", "\n");
  if (failure !== undefined && !how.signal?.aborted) {
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
