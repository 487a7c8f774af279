// Every source of audio as one pull interface that can be closed while it waits.
import { open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { fileError, VoxtralError } from "../errors.ts";
import type { AudioChunk, AudioSource } from "../types.ts";
import { checkChunk, isChunk } from "./chunk.ts";

/** Takes one sentence about a source that was not as it should be. */
export type Warn = (message: string) => void;

export interface Reader {
  /** What error messages call the source. */
  readonly name?: string;
  /** A file must say what it holds; a pipe or a buffer may be raw samples. */
  readonly isFile: boolean;
  /** The file itself, where other programs can open it. */
  readonly path?: string;
  /** Bytes in all; known, if at all, after the first read(). */
  size?: number | undefined;
  /** The next chunk; undefined at the end. */
  read(): Promise<AudioChunk | undefined>;
  /** Lets go of the source; a waiting read() may then never settle. */
  close(): void;
}

const fileChunk = 65536;

/** A reader of any source; the source is opened by the first read. */
export function openReader(source: AudioSource, warn: Warn): Reader {
  if (typeof source === "string") return fileReader(source);
  if (source instanceof URL) {
    if (source.protocol === "file:") return fileReader(fileURLToPath(source));
    if (source.protocol === "http:" || source.protocol === "https:") return httpReader(source, warn);
    throw new VoxtralError("argument", `${source}: only file:, http: and https: URLs are read`);
  }
  if (source instanceof Blob) return blobReader(source);
  if (source instanceof Response) return responseReader(source);
  if (isChunk(source) || ArrayBuffer.isView(source)) return iteratorReader([checkChunk(source)][Symbol.iterator]());
  if (source instanceof ReadableStream) return streamReader(source);
  if (Symbol.asyncIterator in Object(source))
    return iteratorReader((source as AsyncIterable<AudioChunk>)[Symbol.asyncIterator]());
  if (Symbol.iterator in Object(source)) return iteratorReader((source as Iterable<AudioChunk>)[Symbol.iterator]());
  throw new VoxtralError(
    "argument",
    `${String(source)} is no source of audio; expected a path, URL, Blob, Response, buffer, ReadableStream or iterable of chunks`,
  );
}

function fileReader(path: string): Reader {
  if (path === "") throw new VoxtralError("argument", "a file's name is empty");
  let file: ReturnType<typeof open> | undefined;

  async function opened(): ReturnType<typeof open> {
    const handle = await open(path);
    const { size } = await handle.stat();
    if (size > 0) reader.size = size; // none for a pipe
    return handle;
  }

  const reader: Reader = {
    name: path,
    isFile: true,
    path,
    async read() {
      try {
        const handle = await (file ??= opened());
        const { bytesRead, buffer } = await handle.read(new Uint8Array(fileChunk), 0, fileChunk, null);
        return bytesRead > 0 ? buffer.subarray(0, bytesRead) : undefined;
      } catch (cause) {
        throw fileError(path, cause);
      }
    },
    close() {
      file?.then((handle) => handle.close()).catch(() => {});
    },
  };
  return reader;
}

function httpReader(url: URL, warn: Warn): Reader {
  const closing = new AbortController();
  let body: Promise<Reader> | undefined;
  let bytes = 0;

  async function connect(): Promise<Reader> {
    let response: Response;
    try {
      response = await fetch(url, { signal: closing.signal });
    } catch (cause) {
      throw new VoxtralError("io", `${url}: cannot be fetched (${(cause as Error).message})`, { cause });
    }
    const length = Number(response.headers.get("content-length"));
    if (length > 0 && !response.headers.has("content-encoding")) reader.size = length;
    return responseReader(response);
  }

  /** The end of a download that breaks: what came of it is worth having. */
  function broken(cause: unknown): undefined {
    if (closing.signal.aborted) return;
    const { code, message } = cause as NodeJS.ErrnoException;
    const what = `${url}: the download broke off after ${bytes} bytes (${code ?? message})`;
    if (bytes === 0) throw new VoxtralError("io", what, { cause });
    warn(`${what}; what came is transcribed`);
  }

  const reader: Reader = {
    name: url.href,
    isFile: true,
    async read() {
      const chunk = await (await (body ??= connect())).read().catch(broken);
      bytes += chunk?.byteLength ?? 0;
      return chunk;
    },
    close: () => closing.abort(),
  };
  return reader;
}

/** A Bun.file() or File has a name; a Blob need not. */
function blobReader(blob: Blob): Reader {
  const { name } = blob as File;
  if (typeof name !== "string") return streamReader(blob.stream() as ReadableStream<AudioChunk>);
  let reader: Reader | undefined;
  return {
    name,
    isFile: true,
    async read() {
      try {
        reader ??= streamReader(blob.stream() as ReadableStream<AudioChunk>);
        return await reader.read();
      } catch (cause) {
        throw fileError(name, cause);
      }
    },
    close: () => reader?.close(),
  };
}

function responseReader(response: Response): Reader {
  if (!response.ok)
    throw new VoxtralError(
      "io",
      `${response.url || "the response"}: HTTP ${response.status} ${response.statusText}`.trimEnd(),
    );
  if (!response.body || response.bodyUsed)
    throw new VoxtralError("argument", `${response.url || "the response"} has no body left to read`);
  const reader = streamReader(response.body as ReadableStream<AudioChunk>);
  return response.url ? { ...reader, name: response.url } : reader;
}

function streamReader(stream: ReadableStream<AudioChunk>): Reader {
  if (stream.locked) throw new VoxtralError("state", "the ReadableStream has another reader");
  const reader = stream.getReader();
  return {
    isFile: false,
    async read() {
      const { done, value } = await reader.read();
      return done ? undefined : checkChunk(value);
    },
    close() {
      reader.cancel().catch(() => {});
    },
  };
}

function iteratorReader(iterator: Iterator<AudioChunk> | AsyncIterator<AudioChunk>): Reader {
  let over = false;
  return {
    isFile: false,
    async read() {
      const { done, value } = await iterator.next();
      over = done === true;
      return done ? undefined : checkChunk(value);
    },
    close() {
      if (!over) Promise.resolve(iterator.return?.()).catch(() => {});
    },
  };
}
