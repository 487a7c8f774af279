import { statusError, VoxtralError } from "./errors.ts";
import { native, readJson } from "./native.ts";
import type { SystemInfo, WeightsInfo } from "./types.ts";

/** Version of the native library. */
export function version(): string {
  return native().vox_version() ?? "";
}

/** The machine as the library sees it. */
export function systemInfo(): SystemInfo {
  return JSON.parse(readJson((buffer, capacity) => native().vox_system_info(buffer, capacity)).text) as SystemInfo;
}

/** What a weights file, or the one in a model's folder, holds. */
export function inspect(path: string): WeightsInfo {
  if (path.includes("\0")) throw new VoxtralError("argument", "the path contains a NUL character");
  const error = new Uint8Array(1024);
  const { status, text } = readJson((buffer, capacity) =>
    native().vox_inspect(path, buffer, capacity, error, error.length),
  );
  if (status < 0)
    throw statusError(
      status,
      new TextDecoder().decode(error.subarray(0, error.indexOf(0))) || `${path}: cannot be inspected`,
    );
  return JSON.parse(text) as WeightsInfo;
}
