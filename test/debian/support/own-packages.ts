// Debian packages with next to nothing in them, in a repository of their own that apt takes before the archive's.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from '../../system/support/command.ts';
import type { FreshRoot } from '../../system/support/fresh-root.ts';

const FOLDER = '/srv/packages';
const SOURCE = '/etc/apt/sources.list.d/own.list';

/** Each brings a command of its name. */
export async function offerPackages(root: FreshRoot, names: readonly string[]): Promise<void> {
  const records = await Promise.all(names.map((name) => offer(root, name)));
  await root.write(`${FOLDER}/Packages`, records.join('\n'));
  await root.write(SOURCE, `deb [trusted=yes] file:${FOLDER} ./\n`);
}

/** @returns its entry in the index */
async function offer(root: FreshRoot, name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'package-'));
  try {
    const control = `Package: ${name}\nVersion: 99:1\nArchitecture: all\nMaintainer: Tests <tests@localhost>\nDescription: stand-in\n`;
    await mkdir(join(folder, 'tree/DEBIAN'), { recursive: true });
    await mkdir(join(folder, 'tree/usr/bin'), { recursive: true });
    await writeFile(join(folder, 'tree/DEBIAN/control'), control);
    await writeFile(join(folder, 'tree/usr/bin', name), `#!/bin/sh\necho ${name} version 99\n`, {
      mode: 0o755,
    });
    const file = join(folder, 'package.deb');
    await command(['dpkg-deb', '--root-owner-group', '--build', join(folder, 'tree'), file]);
    const content = await readFile(file);
    await root.write(`${FOLDER}/${name}.deb`, content);
    const sum = createHash('sha256').update(content).digest('hex');
    return `${control}Filename: ./${name}.deb\nSize: ${content.length}\nSHA256: ${sum}\n`;
  } finally {
    await rm(folder, { recursive: true });
  }
}
