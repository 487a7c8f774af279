/** The C API for programs that call it directly ("voxtral/ffi"): lib/voxtral.h is its manual. */
export * from "./abi.ts";
export { libraryPath, type Native, native as open } from "./native.ts";
