// The one truth of the ABI is lib/voxtral.h. This reads it and writes src/abi.ts
// (constants, layouts and the dlopen table) and lib/abi_check.c (static asserts).
//
//     bun tools/abi.ts            write both
//     bun tools/abi.ts --check    fail if either is stale

import { fileURLToPath } from "node:url";

export type Value = { name: string; value: string };
export type Enum = { name: string; values: Value[] };
export type Field = { name: string; type: string; offset: number };
export type Struct = { name: string; size: number; fields: Field[] };
export type Fn = { name: string; returns: string; params: { name: string; type: string }[] };
export type Header = { constants: Value[]; enums: Enum[]; structs: Struct[]; handles: string[]; functions: Fn[] };

const scalarBytes: Record<string, number> = {
  int8_t: 1,
  uint8_t: 1,
  int16_t: 2,
  uint16_t: 2,
  int32_t: 4,
  uint32_t: 4,
  float: 4,
  int64_t: 8,
  uint64_t: 8,
  double: 8,
};
const scalarFfi: Record<string, string> = {
  int8_t: "i8",
  uint8_t: "u8",
  int16_t: "i16",
  uint16_t: "u16",
  int32_t: "i32",
  uint32_t: "u32",
  float: "f32",
  int64_t: "i64_fast",
  uint64_t: "u64_fast",
  double: "f64",
  void: "void",
}; // _fast: a number where it is safe, else a bigint

/** Parses the subset of C that the header is allowed to use; anything else throws. */
export function parseHeader(text: string): Header {
  const header: Header = { constants: [], enums: [], structs: [], handles: [], functions: [] };
  for (const declaration of declarations(text, header.constants)) {
    let m: RegExpMatchArray | null;
    if ((m = declaration.match(/^typedef enum (\w+) \{(.*)\} (\w+)$/))) {
      if (m[1] !== m[3]) fail(declaration, "an enum's tag and type name must be equal");
      header.enums.push({ name: m[3] as string, values: parseEnum(m[2] as string) });
    } else if ((m = declaration.match(/^typedef struct (\w+) \{(.*)\} (\w+)$/))) {
      if (`${m[1]}_t` !== m[3]) fail(declaration, "a struct's type name must be its tag with _t");
      header.structs.push(parseStruct(m[3] as string, m[2] as string));
    } else if ((m = declaration.match(/^typedef struct (\w+) (\w+)$/))) {
      if (`${m[1]}_t` !== m[2]) fail(declaration, "a handle's type name must be its tag with _t");
      header.handles.push(m[2] as string);
    } else if ((m = declaration.match(/^VOX_API (.*?)(\w+)\((.*)\)$/))) {
      const params = splitParams(m[3] as string).map(parseParam);
      header.functions.push({ name: m[2] as string, returns: (m[1] as string).trim(), params });
    } else fail(declaration, "expected a typedef of an enum, struct or handle, or a VOX_API function");
  }
  return header;
}

/** Drops comments and conditional parts, collects #defines, splits at semicolons outside braces. */
function declarations(text: string, constants: Value[]): string[] {
  let code = "";
  let depth = 0;
  for (const line of text.replace(/\/\*[\s\S]*?\*\//g, " ").split("\n")) {
    if (/^#\s*if/.test(line)) depth++;
    else if (/^#\s*endif/.test(line)) depth--;
    else if (depth > 1)
      continue; // inside the include guard, conditional parts hold no ABI
    else if (line.startsWith("#")) {
      const define = line.match(/^#define (\w+)\s+(-?[\d.]+f?)\s*$/);
      if (define) constants.push({ name: define[1] as string, value: define[2] as string });
      else if (!/^#include <std\w+\.h>$|^#define \w+_H$/.test(line)) fail(line, "expected a numeric #define");
    } else code += `${line}\n`;
  }
  const parts: string[] = [];
  let braces = 0;
  let start = 0;
  for (let i = 0; i < code.length; i++) {
    if (code[i] === "{") braces++;
    if (code[i] === "}") braces--;
    if (code[i] === ";" && braces === 0) {
      parts.push(code.slice(start, i).replace(/\s+/g, " ").trim());
      start = i + 1;
    }
  }
  const rest = code.slice(start).trim();
  if (rest) fail(rest, "expected a semicolon");
  return parts;
}

function parseEnum(body: string): Value[] {
  return body.split(",").map((item) => {
    const m = item.trim().match(/^(\w+) = (-?\d+)$/);
    return m ? { name: m[1] as string, value: m[2] as string } : fail(item, "an enum value needs an explicit number");
  });
}

function parseStruct(name: string, body: string): Struct {
  const fields: Field[] = [];
  let offset = 0;
  let align = 1;
  for (const item of body
    .split(";")
    .map((s) => s.trim())
    .filter(Boolean)) {
    const m = item.match(/^(\w+) (\w+)$/);
    const bytes = scalarBytes[m?.[1] ?? ""];
    if (!m || !bytes) return fail(item, `a field of ${name} must be one fixed-width scalar`);
    offset = Math.ceil(offset / bytes) * bytes;
    fields.push({ name: m[2] as string, type: m[1] as string, offset });
    offset += bytes;
    align = Math.max(align, bytes);
  }
  return { name, size: Math.ceil(offset / align) * align, fields };
}

function splitParams(text: string): string[] {
  if (text === "void") return [];
  return text.split(/,(?![^(]*\))/).map((s) => s.trim());
}

function parseParam(text: string): { name: string; type: string } {
  const callback = text.match(/^void \(\*(\w+)\)\(void\)$/);
  if (callback) return { name: callback[1] as string, type: "callback" };
  const m = text.match(/^(.*?)(\w+)$/);
  return m?.[1] ? { name: m[2] as string, type: m[1].trim() } : fail(text, "a parameter needs a type and a name");
}

/** A `const char *` that comes with its size is bytes, not a NUL-terminated string. */
function ffiType(type: string, fn: Fn, header: Header): string {
  const scalar = scalarFfi[type];
  if (scalar) return scalar;
  if (type === "callback") return "function";
  const base = type.replace(/^const /, "").replace(/\s*\*+$/, "");
  const known = base in scalarFfi || base === "char" || header.handles.includes(base);
  if (!type.endsWith("*") || !known) return fail(`${fn.name}: ${type}`, "this type cannot cross the boundary");
  const sized = fn.params.some((p) => p.name === "size" && p.type.endsWith("*"));
  return type === "const char *" && !sized ? "cstring" : "ptr";
}

function fail(where: string, what: string): never {
  throw new Error(`lib/voxtral.h: ${what}: ${where}`);
}

const camel = (name: string) => name.toLowerCase().replace(/_(\w)/g, (_, c: string) => c.toUpperCase());
const pascal = (name: string) => camel(name).replace(/^\w/, (c) => c.toUpperCase());
const bare = (name: string) => name.replace(/^vox_|_t$/gi, "");

/** The longest run of whole words that all names begin with: VOX_EVENT_TOKEN, VOX_EVENT_TEXT -> VOX_EVENT_ */
function sharedPrefix(names: string[]): string {
  let prefix = "";
  for (const word of (names[0] as string).split("_")) {
    if (!names.every((n) => n.startsWith(`${prefix}${word}_`))) break;
    prefix += `${word}_`;
  }
  return prefix;
}

export function typescript(header: Header): string {
  const out = ["// Generated from lib/voxtral.h by tools/abi.ts. Do not edit."];
  out.push("", 'import { FFIType } from "bun:ffi";', "");
  for (const c of header.constants)
    out.push(`export const ${camel(bare(c.name))} = ${Number(c.value.replace("f", ""))};`);
  for (const e of header.enums) {
    const prefix = sharedPrefix(e.values.map((v) => v.name));
    const name = pascal(bare(e.name));
    out.push("", `export const ${name} = {`);
    for (const v of e.values) out.push(`  ${v.name.slice(prefix.length)}: ${v.value},`);
    out.push("} as const;", `export type ${name} = (typeof ${name})[keyof typeof ${name}];`);
  }
  for (const s of header.structs) {
    out.push("", `/** ${s.name}: bytes of the record and of its fields' offsets. */`);
    out.push(`export const ${camel(bare(s.name))}Layout = {`, `  size: ${s.size},`, "  offset: {");
    for (const f of s.fields) out.push(`    ${camel(f.name)}: ${f.offset}, // ${f.type}`);
    out.push("  },", "} as const;");
  }
  out.push("", "/** For dlopen of bun:ffi: every function of the header. */", "export const symbols = {");
  for (const fn of header.functions) {
    const type = (c: string) => `FFIType.${ffiType(c, fn, header)}`;
    const args = fn.params.map((p) => type(p.type)).join(", ");
    out.push(`  /** ${fn.returns} (${fn.params.map((p) => p.name).join(", ")}) */`);
    out.push(`  ${fn.name}: { args: [${args}], returns: ${type(fn.returns)} },`);
  }
  out.push("} as const;", "");
  return out.join("\n");
}

export function staticAsserts(header: Header): string {
  const out = [
    "/* Generated from voxtral.h by tools/abi.ts. Do not edit. What src/abi.ts says, the compiler confirms. */",
    "#include <stddef.h>",
    "",
    '#include "voxtral.h"',
    "",
    '_Static_assert(sizeof(void *) == 8, "64-bit pointers");',
  ];
  for (const c of header.constants) out.push(`_Static_assert(${c.name} == ${c.value}, "${c.name}");`);
  for (const e of header.enums) {
    for (const v of e.values) out.push(`_Static_assert(${v.name} == ${v.value}, "${v.name}");`);
  }
  for (const s of header.structs) {
    out.push(`_Static_assert(sizeof(${s.name}) == ${s.size}, "size of ${s.name}");`);
    for (const f of s.fields) {
      const where = `${s.name}.${f.name}`;
      out.push(`_Static_assert(offsetof(${s.name}, ${f.name}) == ${f.offset}, "offset of ${where}");`);
      out.push(`_Static_assert(_Generic(((${s.name} *)0)->${f.name}, ${f.type}: 1, default: 0), "type of ${where}");`);
    }
  }
  out.push("");
  return out.join("\n");
}

/** Path and contents of every generated file. */
export async function generated(): Promise<{ path: string; text: string }[]> {
  const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
  const header = parseHeader(await Bun.file(at("lib/voxtral.h")).text());
  return [
    { path: at("src/abi.ts"), text: typescript(header) },
    { path: at("lib/abi_check.c"), text: staticAsserts(header) },
  ];
}

if (import.meta.main) {
  for (const { path, text } of await generated()) {
    const file = Bun.file(path);
    if ((await file.exists()) && (await file.text()) === text) continue;
    if (process.argv.includes("--check")) {
      console.error(`${path} is stale: run \`bun tools/abi.ts\``);
      process.exitCode = 1;
    } else await Bun.write(path, text);
  }
}
