// Loading on a native thread: polled for progress, woken by the bell at the end.
import { abortError, statusError, VoxtralError } from "./errors.ts";
import { findModel } from "./models.ts";
import { type Handle, native } from "./native.ts";
import { type Consumer, pump } from "./pump.ts";
import type { LoadOptions } from "./types.ts";

const progressMs = 50;

/** The handle of a loaded model; its owner frees it. */
export async function loadModel(model: string | URL | undefined, options: LoadOptions): Promise<Handle> {
  const { backend = "auto", isa = "auto", threads = 0, signal, onProgress } = options;
  if (signal?.aborted) throw abortError(signal);
  if (!Number.isInteger(threads) || threads < 0 || threads > 1024)
    throw new VoxtralError("argument", `threads is ${threads}; expected 0 (one per core) to 1024`);
  const path = findModel(model);
  const out = new BigUint64Array(1);
  const status = native().vox_load_start(path, backend, isa, threads, pump().bell, out);
  const loader = out[0] ?? 0n;
  try {
    if (status < 0)
      throw statusError(
        status,
        (loader && loadError(loader)) ||
          `${path}: loading cannot be started with backend ${backend}, isa ${isa}, ${threads} threads`,
      );
    await ended(loader, signal, onProgress);
    const handle = native().vox_load_take(loader);
    if (!handle) throw new VoxtralError("state", `${path}: the loaded model is not available`);
    return handle;
  } finally {
    if (loader) native().vox_load_free(loader);
  }
}

const loadError = (loader: Handle): string => native().vox_load_error(loader) ?? "";

/** Resolves when the model is ready. */
async function ended(
  loader: Handle,
  signal: AbortSignal | undefined,
  onProgress: LoadOptions["onProgress"],
): Promise<void> {
  const fraction = new Float64Array(1);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const poll = (): void => {
    try {
      const status = native().vox_load_poll(loader, fraction);
      onProgress?.(fraction[0] ?? 0);
      if (status > 0) resolve();
      else if (status < 0) reject(statusError(status, loadError(loader)));
    } catch (error) {
      reject(error);
    }
  };
  const consumer: Consumer = {
    drain: () => {
      poll();
      return false;
    },
  };
  const onAbort = (): void => reject(abortError(signal as AbortSignal));
  const timer = setInterval(poll, progressMs); // also keeps the process alive
  pump().add(consumer);
  signal?.addEventListener("abort", onAbort, { once: true });
  poll();
  try {
    await promise;
  } finally {
    clearInterval(timer);
    pump().remove(consumer);
    signal?.removeEventListener("abort", onAbort);
  }
}
