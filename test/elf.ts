// Reads what the tests ask of a 64-bit little-endian ELF file: its symbols and their code.

export type ElfSymbol = { name: string; isFunction: boolean; isDefined: boolean; isVisible: boolean; code: Uint8Array };

const SHT_SYMTAB = 2;
const SHT_NOBITS = 8;
const SHT_DYNSYM = 11;
const STT_FUNC = 2;
const STV_DEFAULT = 0;

/** Symbols of .dynsym (what a library exports and needs) or .symtab (all, in objects and unstripped files). */
export async function elfSymbols(path: string, table: "dynsym" | "symtab"): Promise<ElfSymbol[]> {
  const { bytes, view, sections, relocatable } = await open(path);
  const symtab = sections.find((s) => s.type === (table === "dynsym" ? SHT_DYNSYM : SHT_SYMTAB));
  if (!symtab) throw new Error(`${path}: no ${table}`);
  const strings = sections[symtab.link]!;
  const symbols: ElfSymbol[] = [];
  for (let at = symtab.offset; at < symtab.offset + symtab.size; at += 24) {
    const start = strings.offset + view.getUint32(at, true);
    const name = new TextDecoder().decode(bytes.subarray(start, bytes.indexOf(0, start)));
    const section = sections[view.getUint16(at + 6, true)];
    const value = Number(view.getBigUint64(at + 8, true)) - (relocatable ? 0 : (section?.address ?? 0));
    const size = Number(view.getBigUint64(at + 16, true));
    const file = (section?.offset ?? 0) + value;
    const isFunction = (view.getUint8(at + 4) & 15) === STT_FUNC;
    symbols.push({
      name,
      isFunction,
      isDefined: view.getUint16(at + 6, true) !== 0,
      isVisible: view.getUint8(at + 4) >> 4 !== 0 && (view.getUint8(at + 5) & 3) === STV_DEFAULT,
      code: isFunction && section ? bytes.subarray(file, file + size) : new Uint8Array(),
    });
  }
  return symbols;
}

/** The machine code of the file. */
export async function elfText(path: string): Promise<Uint8Array> {
  const { bytes, sections } = await open(path);
  const text = sections.find((s) => s.name === ".text" && s.type !== SHT_NOBITS);
  if (!text) throw new Error(`${path}: no .text`);
  return bytes.subarray(text.offset, text.offset + text.size);
}

async function open(path: string) {
  const bytes = await Bun.file(path).bytes();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1)
    throw new Error(`${path}: not a 64-bit ELF`);
  const table = Number(view.getBigUint64(0x28, true));
  const entry = view.getUint16(0x3a, true);
  const count = view.getUint16(0x3c, true);
  const raw = Array.from({ length: count }, (_, i) => {
    const at = table + i * entry;
    return {
      nameAt: view.getUint32(at, true),
      type: view.getUint32(at + 4, true),
      address: Number(view.getBigUint64(at + 16, true)),
      offset: Number(view.getBigUint64(at + 24, true)),
      size: Number(view.getBigUint64(at + 32, true)),
      link: view.getUint32(at + 40, true),
    };
  });
  const names = raw[view.getUint16(0x3e, true)]!.offset;
  const sections = raw.map((s) => ({
    ...s,
    name: new TextDecoder().decode(bytes.subarray(names + s.nameAt, bytes.indexOf(0, names + s.nameAt))),
  }));
  return { bytes, view, sections, relocatable: view.getUint16(0x10, true) === 1 };
}
