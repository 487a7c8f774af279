import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { embeddedModel } from "./embedded.ts";
import { VoxtralError } from "./errors.ts";
import { cacheFolder, packageRoot } from "./paths.ts";

/** Folder of the cache that holds the full model. */
const fullModel = "Voxtral-Mini-4B-Realtime-2602";

/**
 * The model to load: the argument ("synthetic:…" passes through), else
 * VOXTRAL_MODEL, else the full model in the user's cache, else the bundled one.
 */
export function findModel(model?: string | URL): string {
  const named = model instanceof URL ? fileURLToPath(model) : (model ?? process.env.VOXTRAL_MODEL);
  if (named !== undefined && named !== "") {
    if (named.includes("\0")) throw new VoxtralError("argument", "the model's path contains a NUL character");
    if (named.startsWith("synthetic:")) {
      const config = named.slice("synthetic:".length);
      if (config !== "4b" && !existsSync(config))
        throw new VoxtralError("io", `${named}: no such model; expected synthetic:4b or synthetic:PATH.json`);
    } else if (!existsSync(named))
      throw new VoxtralError(
        "io",
        `${named}: no such model; expected a folder with params.json, consolidated.safetensors and tekken.json, or a .gguf file`,
      );
    return named;
  }
  const places = [join(cacheFolder(), fullModel), join(packageRoot, "models", "nano")];
  const found = places.find((folder) => existsSync(join(folder, "params.json"))) ?? embeddedModel();
  if (found === undefined)
    throw new VoxtralError("io", `no model found in ${places.join(" or ")}: name one, or set VOXTRAL_MODEL`);
  return found;
}
