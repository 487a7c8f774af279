import { Status } from "./abi.ts";

/** What kind of thing went wrong; `message` says what, where and what to do. */
export type VoxtralErrorCode =
  | "argument" // a parameter is out of range
  | "memory" // allocation failed
  | "io" // a file is missing or cannot be read
  | "format" // a file is not what it should be
  | "unsupported" // valid, but this build or machine cannot do it
  | "state" // not allowed now: ended, consumed or closed
  | "backend" // the device failed
  | "cancelled"; // stopped on request

export class VoxtralError extends Error {
  override readonly name = "VoxtralError";
  readonly code: VoxtralErrorCode;

  constructor(code: VoxtralErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const codes = new Map<number, VoxtralErrorCode>([
  [Status.E_ARGUMENT, "argument"],
  [Status.E_MEMORY, "memory"],
  [Status.E_IO, "io"],
  [Status.E_FORMAT, "format"],
  [Status.E_UNSUPPORTED, "unsupported"],
  [Status.E_STATE, "state"],
  [Status.E_BACKEND, "backend"],
  [Status.E_CANCELLED, "cancelled"],
]);

/** The error of a vox_status below 0. */
export function statusError(status: number, message: string): VoxtralError {
  return new VoxtralError(codes.get(status) ?? "state", message);
}

/** The error of an AbortSignal; its reason is the cause. */
export function abortError(signal: AbortSignal): VoxtralError {
  return new VoxtralError("cancelled", "stopped by its AbortSignal", { cause: signal.reason });
}

/** The error of a failed system call on the file `name`. */
export function fileError(name: string, cause: unknown): VoxtralError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why =
    code === "ENOENT"
      ? "no such file"
      : code === "EISDIR"
        ? "is a folder; expected a file"
        : code === "EACCES" || code === "EPERM"
          ? "permission denied"
          : `cannot be read (${message})`;
  return new VoxtralError("io", `${name}: ${why}`, { cause });
}
