// Sections of an ELF file: as much of the format as it takes to read what no tool of the system prints.

/** Where the header of a 64-bit ELF file says that its section headers are, and what each of them says (elf(5)). */
const HEADER = { bytes: 64, sections: 0x28, entrySize: 0x3a, count: 0x3c, names: 0x3e };
const SECTION = { name: 0, offset: 0x18, size: 0x20 };

/** The content of a section; undefined where there is none of that name, or no 64-bit little-endian ELF file. */
export function elfSection(file: Buffer, name: string): Buffer | undefined {
  const isElf = file.length >= HEADER.bytes && file.toString('latin1', 0, 6) === '\x7fELF\x02\x01';
  if (!isElf) return undefined;
  const start = Number(file.readBigUInt64LE(HEADER.sections));
  const size = file.readUInt16LE(HEADER.entrySize);
  const count = file.readUInt16LE(HEADER.count);
  if (start + size * count > file.length || size < HEADER.bytes) return undefined;
  const headers = Array.from({ length: count }, (_, index) => start + index * size);
  const names = headers[file.readUInt16LE(HEADER.names)];
  if (names === undefined) return undefined;
  const table = contentOf(file, names);
  const found = headers.find((header) => {
    const at = file.readUInt32LE(header + SECTION.name);
    return table.toString('latin1', at, table.indexOf(0, at)) === name;
  });
  return found === undefined ? undefined : contentOf(file, found);
}

function contentOf(file: Buffer, header: number): Buffer {
  const offset = Number(file.readBigUInt64LE(header + SECTION.offset));
  return file.subarray(offset, offset + Number(file.readBigUInt64LE(header + SECTION.size)));
}
