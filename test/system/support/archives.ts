// Archives as upstream packs its releases, with content of our own.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { command } from './command.ts';
import { FIXTURES } from './project.ts';

export const DRIVER_ARCHIVE = 'tt-kmd-ttkmd-1.0.0-sample.tar.gz';

export interface Archive {
  readonly content: Buffer;
  readonly sha256: string;
}

/**
 * The sample driver as a release of tt-kmd.
 * @param seconds that its build takes longer, so that it can be interrupted
 */
export function packDriver(seconds = 0): Promise<Archive> {
  return pack(DRIVER_ARCHIVE, 'tt-kmd-ttkmd-1.0.0-sample', async (folder) => {
    await cp(join(FIXTURES, 'sample-driver'), folder, { recursive: true });
    if (seconds > 0) await writeFile(join(folder, 'switches.mk'), `slow = ${seconds}\n`);
  });
}

/** Programs by their paths in the archive, each a script. */
export function packScripts(
  name: string,
  top: string,
  scripts: Readonly<Record<string, string>>,
): Promise<Archive> {
  return pack(name, top, async (folder) => {
    for (const [path, text] of Object.entries(scripts)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
      await chmod(join(folder, path), 0o755);
    }
  });
}

/** SFPI, with as many files as make its unpacking a matter of seconds. */
export function packSfpi(name: string, files = 0): Promise<Archive> {
  return pack(name, 'sfpi', async (folder) => {
    const compiler = join(folder, 'compiler/bin/riscv-tt-elf-gcc');
    await mkdir(dirname(compiler), { recursive: true });
    await writeFile(compiler, '#!/bin/sh\necho 15.1.0\n', { mode: 0o755 });
    const fill =
      'cd "$0" && seq "$1" | while read -r one; do mkdir "$one" && (cd "$one" && touch $(seq 100)); done';
    await command(['sh', '-c', fill, folder, String(Math.ceil(files / 100))]);
  });
}

async function pack(name: string, top: string, fill: (folder: string) => Promise<void>): Promise<Archive> {
  const folder = await mkdtemp(join(tmpdir(), 'archive-'));
  try {
    await fill(join(folder, top));
    // By the name's end, as upstream's: .tar.gz, .txz.
    const file = join(folder, name);
    await command(['tar', '--create', '--auto-compress', '--file', file, '-C', folder, top]);
    const content = readFileSync(file);
    return { content, sha256: createHash('sha256').update(content).digest('hex') };
  } finally {
    await rm(folder, { recursive: true });
  }
}
