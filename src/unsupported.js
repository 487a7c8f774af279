// Chosen by every runtime but Bun. The names exist so that imports link and the
// message below is what the program dies of.
export const Voxtral = undefined;
export const VoxtralStream = undefined;
export const Transcription = undefined;
export const VoxtralError = undefined;
export const inspect = undefined;
export const systemInfo = undefined;
export const version = undefined;
export const symbols = undefined;
export const open = undefined;

throw new Error(
  'voxtral runs in Bun 1.4 or newer, which this is not: install it with "npm i -g bun" and start your program with "bun"',
);
