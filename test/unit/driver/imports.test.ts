// The symbols that a module imports, however its kernel writes their versions down.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { elfSection } from '../../../src/driver/elf.ts';
import { importedSymbols } from '../../../src/driver/imports.ts';
import { localHost } from '../../../src/host/local-host.ts';
import { memoryHost } from '../support/memory-host.ts';

const MODULE = '/lib/modules/6.1/extra/tenstorrent.ko';
const BOTH: [string, string][] = [
  ['_printk', '0x92997ed8'],
  ['a_very_long_name_of_rust', '0x0000000a'],
];

/** An ELF file of sections alone, as an assembler would lay it out. */
function elf(sections: Readonly<Record<string, Buffer>>): Buffer {
  const all: [string, Buffer][] = [['', Buffer.alloc(0)], ...Object.entries(sections)];
  const names = Buffer.from([...all.map(([name]) => name), '.shstrtab', ''].join('\0'));
  all.push(['.shstrtab', names]);
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  const bodies: Buffer[] = [];
  const entries: Buffer[] = [];
  let at = header.length;
  for (const [name, body] of all) {
    const entry = Buffer.alloc(64);
    entry.writeUInt32LE(name === '' ? 0 : names.indexOf(`${name}\0`), 0);
    entry.writeBigUInt64LE(BigInt(at), 0x18);
    entry.writeBigUInt64LE(BigInt(body.length), 0x20);
    entries.push(entry);
    bodies.push(body);
    at += body.length;
  }
  header.writeBigUInt64LE(BigInt(at), 0x28);
  header.writeUInt16LE(64, 0x3a);
  header.writeUInt16LE(all.length, 0x3c);
  header.writeUInt16LE(all.length - 1, 0x3e);
  return Buffer.concat([header, ...bodies, ...entries]);
}

const EXTENDED = elf({
  '.modinfo': Buffer.from('version=1\0'),
  __version_ext_crcs: Buffer.from('d87e99920a000000', 'hex'),
  __version_ext_names: Buffer.from(BOTH.map(([name]) => `${name}\0`).join('')),
});

describe('imported symbols', () => {
  it.each([
    ['as kmod prints them', '0x92997ed8\t_printk\n0x0000000a\ta_very_long_name_of_rust\n', false, BOTH],
    [
      'as kmod prints them, under a kernel that writes both ways',
      '0x92997ed8\t_printk\n',
      true,
      BOTH.slice(0, 1),
    ],
    ['where a module has none', '', false, []],
  ])('are read %s', async (_, printed, isExtended, expected) => {
    const host = memoryHost({ exec: () => printed });
    expect([...((await importedSymbols(host, MODULE, isExtended)) ?? [])]).toEqual(expected);
  });

  it('are unknown of what kmod cannot read', async () => {
    expect(await importedSymbols(memoryHost({ exec: () => ({ code: 1 }) }), MODULE)).toBeUndefined();
  });

  const folder = mkdtempSync(join(tmpdir(), 'ttkmd-imports-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['', 'gzip', 'xz', 'zstd'])(
    'are read from the sections that no kmod prints, packed by %j',
    async (packer) => {
      const plain = join(folder, `by-${packer}.ko`);
      writeFileSync(plain, EXTENDED);
      if (packer !== '' && spawnSync(packer, ['-q', plain]).status !== 0) return;
      const path = `${plain}${{ '': '', gzip: '.gz', xz: '.xz', zstd: '.zst' }[packer]}`;
      const { exec, fs } = localHost();
      const quiet = {
        fs,
        exec: {
          ...exec,
          query: (command: string, args: readonly string[]) =>
            command === 'modprobe'
              ? Promise.resolve({ code: 0, stdout: '', stderr: '' })
              : exec.query(command, args),
        },
      };
      expect([...((await importedSymbols(quiet, path, true)) ?? [])]).toEqual(BOTH);
    },
  );
});

describe('sections of an ELF file', () => {
  it('are found in the files of the machine', () => {
    const comment = elfSection(readFileSync(process.execPath), '.comment');
    expect(comment?.toString('latin1')).toMatch(/GCC|clang/);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a text', Buffer.alloc(200, 'x')],
    ['a file that ends early', EXTENDED.subarray(0, EXTENDED.length - 70)],
  ])('are not found in %s', (_, file) => {
    expect(elfSection(file, '__version_ext_crcs')).toBeUndefined();
  });
});
