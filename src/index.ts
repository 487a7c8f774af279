/**
 * Local streaming speech-to-text.
 *
 *     import { Voxtral } from "voxtral";
 *
 *     await using model = await Voxtral.load();
 *     for await (const event of model.transcribe("audio.wav"))
 *       if (event.type === "text") process.stdout.write(event.text);
 */
export { VoxtralError, type VoxtralErrorCode } from "./errors.ts";
export {
  extensions,
  type FormatName,
  type FormatOptions,
  type Formatter,
  format,
  formatNames,
  formatter,
} from "./formats/index.ts";
export { Listening, listen } from "./listen.ts";
export type * from "./live.ts";
export { type Device, type Devices, devices, Microphone, type MicrophoneOptions, microphone } from "./microphone.ts";
export { VoxtralStream } from "./stream.ts";
export { inspect, systemInfo, version } from "./system.ts";
export { Transcription } from "./transcription.ts";
export type { AudioTransform } from "./transform.ts";
export type * from "./types.ts";
export { Voxtral } from "./voxtral.ts";
