// lib/voxtral.h is the one truth: what is generated from it is fresh, and the built
// library exports exactly its functions.

import { dlopen } from "bun:ffi";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import * as abi from "../src/abi.ts";
import { generated, parseHeader, staticAsserts, typescript } from "../tools/abi.ts";
import { library, root } from "../tools/toolchain.mjs";
import { elfSymbols } from "./elf.ts";

const header = parseHeader(await Bun.file(join(root, "lib/voxtral.h")).text());

for (const { path, text } of await generated()) {
  test(`${path.slice(root.length)} is fresh`, async () => expect(await Bun.file(path).text()).toBe(text));
}

describe("the library", () => {
  test.skipIf(process.platform !== "linux")("exports the header's functions and nothing else", async () => {
    const symbols = await elfSymbols(library, "dynsym");
    const exported = symbols.filter((s) => s.isDefined && s.isVisible).map((s) => s.name);
    expect(exported.sort()).toEqual(header.functions.map((f) => f.name).sort());
  });

  test.skipIf(process.platform !== "linux")("needs nothing newer than glibc 2.17", async () => {
    const text = await Bun.file(library).text();
    const versions = [...text.matchAll(/GLIBC_2\.(\d+)/g)].map((m) => Number(m[1]));
    expect(versions.length).toBeGreaterThan(0);
    expect(Math.max(...versions)).toBeLessThanOrEqual(17);
  });

  test("opens with the generated table and tells its versions", async () => {
    const { symbols, close } = dlopen(library, abi.symbols);
    expect(symbols.vox_abi_version()).toBe(abi.abiVersion);
    expect(symbols.vox_version()).toBe((await Bun.file(join(root, "package.json")).json()).version);
    close();
  });
});

describe("the header's parser", () => {
  const parse = (text: string) => parseHeader(`#ifndef X_H\n#define X_H\n${text}\n#endif\n`);

  test("lays structs out as C does", () => {
    const fields = "uint8_t a; double b; int16_t c; float d; uint32_t e;";
    const { structs } = parse(`typedef struct s { ${fields} } s_t;`);
    expect(structs[0]?.size).toBe(32);
    expect(structs[0]?.fields.map((f) => f.offset)).toEqual([0, 8, 16, 20, 24]);
  });

  test("maps every kind of declaration", () => {
    const text = `#define VOX_RATE 16000\ntypedef enum vox_kind { VOX_KIND_A = 0, VOX_KIND_B = -2 } vox_kind;
      typedef struct vox_thing vox_thing_t;
      VOX_API const char *vox_bytes(vox_thing_t *t, int32_t *size); /* f(a, b); */
      VOX_API int64_t vox_do(const vox_thing_t *t, const char *name, void (*ring)(void), float x, vox_thing_t **out);`;
    const source = typescript(parse(text));
    expect(source).toContain("export const rate = 16000;");
    expect(source).toContain("export const Kind = {\n  A: 0,\n  B: -2,\n} as const;");
    expect(source).toContain("vox_bytes: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.ptr }");
    expect(source).toMatch(
      /vox_do: \{ args: \[FFIType.ptr, FFIType.cstring, FFIType.function, FFIType.f32, FFIType.ptr\], returns: FFIType\.i64_fast \}/,
    );
    expect(staticAsserts(parse(text))).toContain('_Static_assert(VOX_KIND_B == -2, "VOX_KIND_B");');
  });

  for (const [why, text] of Object.entries({
    "a type of no fixed width": "VOX_API long vox_f(void);",
    "a struct by value": "typedef struct vox_s { int32_t a; } vox_s_t; VOX_API void vox_f(vox_s_t s);",
    "a nested struct": "typedef struct vox_s { vox_t a; } vox_s_t;",
    "an unnumbered enum value": "typedef enum vox_e { VOX_A } vox_e;",
    "a macro that is no number": "#define VOX_X (1 << 3)",
    "a function that is not exported": "int32_t vox_f(void);",
    "an unfinished declaration": "VOX_API void vox_f(void)",
  })) {
    test(`refuses ${why}`, () => expect(() => typescript(parse(text))).toThrow("lib/voxtral.h: "));
  }
});
