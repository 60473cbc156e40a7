// What a kernel's build tree would give a module today: its configuration and its symbol versions.

import type { HostFs } from '../host/fs.ts';
import { sha256 } from '../host/hash.ts';
import { ABI_FILES } from './build-tree.ts';

/** SHA-256 over the files that decide what a module built against a tree is like. */
export function abiHash(fs: HostFs, treePath: string): string {
  const hash = sha256();
  for (const name of ABI_FILES) {
    const content = fs.readBytes(`${treePath}/${name}`);
    hash.update(`${name} ${content === undefined ? 'absent' : content.length}\0`);
    if (content !== undefined) hash.update(content);
  }
  return hash.digest('hex');
}
