// When the folders are watched anew.
import { expect, it } from 'vitest';
import { createEyes } from '../../../src/daemon/eyes.ts';
import type { WatchHandlers } from '../../../src/host/watch.ts';
import { type Files, gentooKernel } from '../support/machines.ts';
import { memoryHost } from '../support/memory-host.ts';

const RELEASE = '6.12.58-gentoo-dist';
const TREE = `/usr/src/linux-${RELEASE}`;
const FILES: Files = {
  '/boot': { folder: true },
  '/run/ttkmd': { folder: true },
  ...gentooKernel(RELEASE),
};

/** Eyes over folders that keep their inodes, as those of ext4 do that are removed and made again at once. */
function eyesOver(files: Files) {
  const watches: WatchHandlers[] = [];
  const closed: number[] = [];
  const topics: string[] = [];
  const eyes = createEyes(
    memoryHost({ files }),
    (topic) => void topics.push(topic),
    async (folders, handlers) => {
      const index = watches.push(handlers) - 1;
      return { size: folders.length, close: async () => void closed.push(index) };
    },
  );
  return { eyes, watches, closed, topics };
}

it.each<[string, string, string | undefined, number]>([
  ['nothing happened', '', undefined, 1],
  ['a file came in a folder', TREE, 'Module.symvers', 1],
  ['a folder came in the one above', '/usr/src', `linux-${RELEASE}`, 1],
  ['a folder itself went', TREE, `linux-${RELEASE}`, 2],
  ['one deep in a tree went', `${TREE}/scripts/mod`, 'mod', 2],
  ["the daemon's own went", '/run/ttkmd', 'ttkmd', 2],
])('where %s, watches are made so often', async (_, folder, name, expected) => {
  const { eyes, watches, closed, topics } = eyesOver(FILES);
  await eyes.refresh();
  if (folder !== '') watches[0]?.onChange(folder, name);
  await eyes.refresh();
  expect(watches).toHaveLength(expected);
  expect(closed).toEqual(expected === 2 ? [0] : []);
  expect(topics).toHaveLength(folder === '' ? 0 : 1);
  await eyes.refresh();
  expect(watches).toHaveLength(expected);
});

it('hears of a folder that goes while the watches are being made', async () => {
  const { eyes, watches } = eyesOver(FILES);
  await eyes.refresh();
  watches[0]?.onChange(TREE, `linux-${RELEASE}`);
  const refreshed = eyes.refresh();
  watches[1]?.onChange(TREE, `linux-${RELEASE}`);
  await refreshed;
  await eyes.refresh();
  expect(watches).toHaveLength(3);
});

it('leaves no watch behind that was still being made when they were closed', async () => {
  const { eyes, watches, closed } = eyesOver(FILES);
  await eyes.refresh();
  watches[0]?.onChange(TREE, `linux-${RELEASE}`);
  const refreshed = eyes.refresh();
  await eyes.close();
  expect(closed.toSorted()).toEqual([0, 1]);
  await refreshed;
  await eyes.refresh();
  expect(watches).toHaveLength(2);
});
