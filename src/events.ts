// Event records of the native ring, by the offsets in abi.ts.
import { alternativeLayout, Done, EventType, eventLayout, Restart } from "./abi.ts";
import type { Alternative, RestartEvent, TextEvent, TokenEvent, WordEvent } from "./types.ts";

/** How a stream ended, as the library says. */
export interface EndRecord {
  type: "end";
  reason: "end" | "eos" | "cancelled" | "error";
  duration: number;
}

export interface ErrorRecord {
  type: "error";
  status: number;
  message: string;
}

export type EventRecord = TextEvent | TokenEvent | WordEvent | RestartEvent | EndRecord | ErrorRecord;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const strictUtf8 = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const field = eventLayout.offset;
const alternativeField = alternativeLayout.offset;
const endReasons = {
  [Done.END]: "end",
  [Done.EOS]: "eos",
  [Done.CANCELLED]: "cancelled",
  [Done.ERROR]: "error",
} as const;

const restartReasons = {
  [Restart.EOS]: "eos",
  [Restart.POSITIONS]: "positions",
  [Restart.SILENCE]: "silence",
  [Restart.RUT]: "rut",
} as const;

const padded = (size: number): number => (size + 7) & ~7;

/** Calls `take` with every record in the first `size` bytes. */
export function decodeEvents(bytes: Uint8Array, size: number, take: (record: EventRecord) => void): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  for (let at = 0; at < size; at += view.getUint32(at + field.size, true)) take(decode(bytes, view, at));
}

function decode(bytes: Uint8Array, view: DataView, at: number): EventRecord {
  const type = view.getUint32(at + field.type, true) as EventType;
  const id = view.getInt32(at + field.id, true);
  const start = view.getFloat64(at + field.start, true);
  const end = view.getFloat64(at + field.end, true);
  const logprob = view.getFloat32(at + field.logprob, true);
  const from = at + eventLayout.size;
  const to = from + view.getUint32(at + field.textSize, true);
  const text = (): string => utf8.decode(bytes.subarray(from, to));
  switch (type) {
    case EventType.TOKEN: {
      const token: TokenEvent = { type: "token", ...spelling(id, bytes.slice(from, to), logprob), start, end };
      const count = view.getUint32(at + field.alternatives, true);
      if (count > 0) token.alternatives = alternatives(bytes, view, padded(to), count);
      return token;
    }
    case EventType.TEXT:
      return { type: "text", text: text() };
    case EventType.WORD:
      return { type: "word", text: text(), start, end, logprob, confidence: Math.exp(logprob) };
    case EventType.RESTART:
      return { type: "restart", reason: restartReasons[id as Restart], at: end };
    case EventType.DONE:
      return { type: "end", reason: endReasons[id as Done], duration: end };
    case EventType.ERROR:
      return { type: "error", status: id, message: text() };
  }
}

function alternatives(bytes: Uint8Array, view: DataView, first: number, count: number): Alternative[] {
  const found: Alternative[] = [];
  for (let i = 0, at = first; i < count; i++) {
    const from = at + alternativeLayout.size;
    const to = from + view.getUint32(at + alternativeField.textSize, true);
    found.push(
      spelling(
        view.getInt32(at + alternativeField.id, true),
        bytes.slice(from, to),
        view.getFloat32(at + alternativeField.logprob, true),
      ),
    );
    at = padded(to);
  }
  return found;
}

function spelling(id: number, bytes: Uint8Array, logprob: number): Alternative {
  if (bytes.length === 0) return { id, bytes, logprob };
  try {
    return { id, text: strictUtf8.decode(bytes), bytes, logprob };
  } catch {
    return { id, bytes, logprob }; // part of a code point
  }
}
