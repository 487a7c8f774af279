// What is to be transcribed: files, folders, URLs and standard input.
import { fstatSync } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { headSize, sniffFile } from "../src/audio/sniff.ts";
import { type AudioSource, VoxtralError } from "../src/index.ts";

export interface Input {
  name: string;
  /** What files made from it are called, without what follows the dot. */
  stem: string;
  source: () => AudioSource;
  live: boolean;
}

const inOrder = new Intl.Collator("en", { numeric: true });

/** The inputs that the names stand for: a folder is its audio files, "-" is standard input. */
export async function inputsOf(names: string[]): Promise<Input[]> {
  const inputs: Input[] = [];
  for (const name of names) {
    if (name === "-") inputs.push({ name: "standard input", stem: "stdin", source: standardInput, live: true });
    else if (/^https?:\/\//i.test(name)) inputs.push(urlInput(name));
    else if (await isFolder(name)) inputs.push(...(await audioIn(name)).map(fileInput));
    else inputs.push(fileInput(name));
  }
  return inputs;
}

function standardInput(): AudioSource {
  if (fstatSync(0).isDirectory()) throw new VoxtralError("io", "is a folder; expected audio");
  return Bun.stdin.stream();
}

const fileInput = (path: string): Input => ({ name: path, stem: stemOf(path), source: () => path, live: false });

function urlInput(name: string): Input {
  if (!URL.canParse(name)) throw new VoxtralError("argument", `${name}: not a URL`);
  const url = new URL(name);
  return { name, stem: stemOf(decoded(url.pathname)) || url.hostname, source: () => url, live: false };
}

/** The path of a URL as people write it; as it is if it is not UTF-8. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

const stemOf = (path: string): string => basename(path, extname(path));

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false, // a file that is missing is an error of its own when it is read
  );

async function audioIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith(".")).sort(inOrder.compare);
  const paths: string[] = [];
  for (const name of names) if (await isAudio(join(folder, name))) paths.push(join(folder, name));
  if (paths.length === 0) throw new VoxtralError("io", `${folder}: a folder without audio files`);
  return paths;
}

/** Whether a file's content is audio; what cannot be read counts, so that it is reported. */
async function isAudio(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return false;
  try {
    await using file = await open(path);
    const { bytesRead, buffer } = await file.read(new Uint8Array(headSize), 0, headSize, 0);
    return sniffFile(buffer.subarray(0, bytesRead)) !== undefined;
  } catch {
    return true;
  }
}
