// What a kernel's build tree would give a module today: its configuration and its symbol versions.

import type { HostFs } from '../host/fs.ts';
import { sha256 } from '../host/hash.ts';
import { ABI_FILES } from './build-tree.ts';

/** SHA-256 of the files that decide what a module built against a tree is like. */
export interface AbiHashes {
  /** Of both in one. */
  readonly whole: string;
  readonly configuration: string | undefined;
  readonly symbolVersions: string | undefined;
}

/** Each file is read once: Module.symvers has megabytes, and this is part of each build. */
export function abiHashes(fs: HostFs, treePath: string): AbiHashes {
  const whole = sha256();
  const [configuration, symbolVersions] = ABI_FILES.map((name) => {
    const content = fs.readBytes(`${treePath}/${name}`);
    whole.update(`${name} ${content === undefined ? 'absent' : content.length}\0`);
    if (content === undefined) return undefined;
    whole.update(content);
    return sha256().update(content).digest('hex');
  });
  return { whole: whole.digest('hex'), configuration, symbolVersions };
}

export function abiHash(fs: HostFs, treePath: string): string {
  return abiHashes(fs, treePath).whole;
}
