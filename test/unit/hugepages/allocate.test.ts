// Pages are raised and never lowered, whatever others do meanwhile; and what was got is told, whatever failed then.
import { describe, expect, it } from 'vitest';
import type { Host } from '../../../src/host/host.ts';
import { raisePages } from '../../../src/hugepages/allocate.ts';
import { kernelThatGives, numaNode, poolOf } from '../support/hugepages.ts';
import { machine } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';

const POOL = poolOf(0);
const PAGES = `${POOL}/nr_hugepages`;

function kernel(most: readonly number[], pages = 0): { memory: MemoryHost; host: Host; asked: string[] } {
  const memory = machine(numaNode(0, { pages }));
  return { memory, ...kernelThatGives(memory, { [POOL]: most }) };
}

/** The same host, where something else happens while it sleeps. */
function meanwhile(host: Host, happens: () => void): Host {
  return {
    ...host,
    clock: {
      ...host.clock,
      async sleep() {
        happens();
      },
    },
  };
}

/** The same host, whose kernel refuses some writes. */
function refusing(host: Host, code: string, isRefused: (path: string, nth: number) => boolean): Host {
  let writes = 0;
  const fs = {
    ...host.fs,
    get denied() {
      return host.fs.denied;
    },
    writeInPlace(path: string, text: string) {
      writes += 1;
      if (isRefused(path, writes)) throw Object.assign(new Error(`refused (${code})`), { code });
      host.fs.writeInPlace(path, text);
    },
  };
  return { ...host, fs };
}

describe('what others do while memory comes to rest', () => {
  it('is left when they raise the number above what is wanted, and is not taken for ours', async () => {
    const { memory, host, asked } = kernel([3, 64]);
    const change = await raisePages(
      meanwhile(host, () => memory.put({ [PAGES]: '32\n', [`${POOL}/free_hugepages`]: '32\n' })),
      POOL,
      4,
    );
    expect(asked).toEqual(['node0/nr_hugepages 4', 'node0/compact 1']);
    expect(change).toMatchObject({ after: 32, gained: 3, compactions: 1 });
  });

  it('is not taken for ours where some are still missing', async () => {
    const { memory, host } = kernel([2, 64]);
    const change = await raisePages(
      meanwhile(host, () => memory.put({ [PAGES]: '5\n', [`${POOL}/free_hugepages`]: '5\n' })),
      POOL,
      8,
    );
    expect(change).toMatchObject({ after: 8, gained: 5 });
  });

  it('leaves no more for ours than is there where they lower the number', async () => {
    const { memory, host } = kernel([2]);
    const change = await raisePages(
      meanwhile(host, () => memory.put({ [PAGES]: '0\n', [`${POOL}/free_hugepages`]: '0\n' })),
      POOL,
      4,
    );
    expect(change).toMatchObject({ after: 2, gained: 2 });
  });
});

describe('what is refused', () => {
  it('for the first write is thrown', async () => {
    const { host } = kernel([64]);
    await expect(
      raisePages(
        refusing(host, 'EROFS', () => true),
        POOL,
        4,
      ),
    ).rejects.toMatchObject({
      code: 'EROFS',
    });
  });

  it.each(['EROFS', 'EIO'])('for a compaction ends the tries, and hides no page: %s', async (code) => {
    const { host, asked } = kernel([3, 64]);
    const change = await raisePages(
      refusing(host, code, (path) => path.endsWith('compact')),
      POOL,
      4,
    );
    expect(asked).toEqual(['node0/nr_hugepages 4']);
    expect(change).toMatchObject({ after: 3, gained: 3, compactions: 0, obstacle: `refused (${code})` });
  });

  it('for a later write ends the tries, and hides no page', async () => {
    const { host } = kernel([3, 64]);
    const change = await raisePages(
      refusing(host, 'EIO', (_, nth) => nth === 3),
      POOL,
      4,
    );
    expect(change).toMatchObject({ after: 3, gained: 3, compactions: 1, obstacle: 'refused (EIO)' });
  });
});
