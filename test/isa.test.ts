// The library really holds the instructions it promises: the machine code is scanned
// for encodings, so that a flag that a compiler ignored cannot pass.

import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { requireZig, root } from "../tools/toolchain.mjs";
import { elfSymbols, elfText } from "./elf.ts";

/** Counts encodings in code. Intel SDM vol. 2: VEX3 = C4 RXBmmmmm WvvvvLpp opcode;
 * EVEX = 62 P0 P1 P2 opcode with P0's low three bits the map, P1 = Wvvvv1pp, P2's bits 5-6 the length. */
const patterns: Record<string, { length: number; matches: (b: Uint8Array, i: number) => boolean }> = {
  "vfmadd231ps ymm": {
    length: 4,
    matches: (b, i) => b[i] === 0xc4 && (b[i + 1]! & 31) === 2 && (b[i + 2]! & 0x87) === 0x05 && b[i + 3] === 0xb8,
  },
  "vcvtph2ps ymm": {
    length: 4,
    matches: (b, i) => b[i] === 0xc4 && (b[i + 1]! & 31) === 2 && (b[i + 2]! & 0x87) === 0x05 && b[i + 3] === 0x13,
  },
  "vfmadd231ps zmm": {
    length: 5,
    matches: (b, i) => evex(b, i, 1) && (b[i + 3]! & 0x60) === 0x40 && b[i + 4] === 0xb8,
  },
  "vdpbf16ps zmm": { length: 5, matches: (b, i) => evex(b, i, 2) && (b[i + 3]! & 0x60) === 0x40 && b[i + 4] === 0x52 },
};

/** EVEX prefix, map 0F38, W0, with the given pp. */
function evex(b: Uint8Array, i: number, pp: number): boolean {
  return b[i] === 0x62 && (b[i + 1]! & 0x0f) === 2 && (b[i + 2]! & 0x87) === (0x04 | pp);
}

function count(code: Uint8Array, name: string): number {
  const { length, matches } = patterns[name]!;
  let n = 0;
  for (let i = 0; i + length <= code.length; i++) if (matches(code, i)) n++;
  return n;
}

describe.skipIf(process.arch !== "x64" || process.platform !== "linux")("SIMD code", () => {
  const expected = {
    avx2: { has: ["vfmadd231ps ymm", "vcvtph2ps ymm"], lacks: ["vfmadd231ps zmm", "vdpbf16ps zmm"] },
    avx512: { has: ["vfmadd231ps zmm"], lacks: ["vdpbf16ps zmm"] },
    avx512bf16: { has: ["vdpbf16ps zmm"], lacks: [] },
  };

  beforeAll(() => {
    const build = Bun.spawnSync([requireZig(), "build", "isa"], { cwd: root });
    if (!build.success) throw new Error(build.stderr.toString());
  });

  for (const [level, { has, lacks }] of Object.entries(expected)) {
    test(`kernels_${level} is made of its instructions`, async () => {
      const symbols = await elfSymbols(join(root, `zig-out/isa/kernels_${level}.o`), "symtab");
      const functions = symbols.filter((s) => s.isFunction && s.code.length > 0);
      expect(functions.length).toBeGreaterThan(3);
      for (const name of has) {
        const users = functions.filter((f) => count(f.code, name) > 0).map((f) => f.name);
        expect({ level, name, users: users.length > 0 }).toEqual({ level, name, users: true });
      }
      for (const name of lacks) expect(functions.filter((f) => count(f.code, name) > 0).map((f) => f.name)).toEqual([]);
    });
  }

  test("the library contains all of them", async () => {
    const text = await elfText(join(root, "zig-out/lib/libvoxtral.so"));
    for (const name of Object.keys(patterns))
      expect({ name, found: count(text, name) >= 4 }).toEqual({ name, found: true });
  });
});
