import { homedir } from "node:os";
import { join } from "node:path";

/** The package's folder. */
export const packageRoot = join(import.meta.dir, "..");

/** The user's cache for this package, by the platform's custom. */
export function cacheFolder(): string {
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
  if (process.platform === "win32") return join(LOCALAPPDATA ?? join(homedir(), "AppData", "Local"), "voxtral");
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches", "voxtral");
  return join(XDG_CACHE_HOME || join(homedir(), ".cache"), "voxtral");
}
