// An image builder's root: a driver is built into it from outside, and nothing but the image is written to.

import { expect, test } from 'vitest';
import { freshBase } from './support/fresh-root.ts';
import {
  changes,
  insist,
  installedVersion,
  prepared,
  SAMPLE,
  snapshot,
  statusOf,
} from './support/machine.ts';
import { parts } from './support/parts.ts';

const { kernels, dkms } = parts();

const IMAGE = '/mnt/image';

/** The machine's own places for what a reconcile writes; the rest of it is others', who work there meanwhile. */
const OUTSIDE = [
  '/etc',
  '/boot',
  '/opt',
  '/run',
  '/usr/src',
  '/usr/lib/modules',
  '/usr/lib/udev',
  '/var/lib',
  '/var/log',
];

test('a driver is built for one kernel of a mounted image, in which nothing else is mounted', async () => {
  await using sandbox = await prepared({
    dkms: dkms.v32,
    tree: 'gentoo',
    kernels: [kernels.v61, kernels.older],
  });
  const [release, other] = [kernels.v61.gentooRelease, kernels.older.gentooRelease];
  const { folder } = await freshBase();
  const trees = [release, other].flatMap((one) => [`/lib/modules/${one}`, `/usr/src/linux-${one}`]);
  const brought = [
    // What objtool of the build tree needs.
    '/usr/lib/x86_64-linux-gnu/libelf*',
    '/usr/sbin/dkms',
    '/etc/dkms',
    '/usr/lib/dkms',
    `/usr/src/tenstorrent-${SAMPLE}`,
    ...trees,
  ];
  await sandbox.run([
    'sh',
    '-ec',
    `mkdir -p ${IMAGE} /mnt/layers && mount -t tmpfs layers /mnt/layers && cd /mnt/layers && mkdir upper work
     mount -t overlay -o lowerdir=${folder},upperdir=upper,workdir=work image ${IMAGE}
     for path in ${brought.join(' ')}; do
       [ ! -e "$path" ] || { mkdir -p "${IMAGE}$(dirname "$path")" && cp -a "$path" "${IMAGE}$(dirname "$path")/"; }
     done
     mkdir -p ${IMAGE}/var/lib/dkms
     rm -rf ${IMAGE}/dev/* ${IMAGE}/proc/*`,
  ]);
  const outside = () => snapshot(sandbox, OUTSIDE);
  const before = await outside();
  const dry = await insist(sandbox, ['--root', IMAGE, 'reconcile', '--kernel', release, '--dry-run'], 0);
  expect(dry.stdout).toContain(`build tenstorrent ${SAMPLE} for ${release}`);
  await insist(sandbox, ['--root', IMAGE, 'reconcile', '--kernel', release], 0);
  expect(changes(before, await outside())).toEqual([]);

  const inside = await statusOf(sandbox, '--root', IMAGE);
  expect(inside.kernels.find((one) => one.release === release)?.module).toMatchObject({
    state: 'current',
    version: SAMPLE,
  });
  expect(inside.kernels.find((one) => one.release === other)?.module.state).toBe('missing');
  expect(await installedVersion(sandbox, release)).toBeUndefined();
  // What was needed for the build is not mounted any more, and nothing of it was written down.
  expect((await sandbox.run(['grep', '-c', ` ${IMAGE}`, '/proc/self/mounts'])).stdout.trim()).toBe('1');
  for (const empty of ['proc', 'dev']) expect(await sandbox.list(`${IMAGE}/${empty}`)).toEqual([]);
  expect(await sandbox.exists(`${IMAGE}/var/lib/ttkmd/staging`)).toBe(false);
  const again = await insist(sandbox, ['--root', IMAGE, 'reconcile', '--kernel', release], 0);
  expect(again.stdout).toContain('nothing to do');
  expect((await insist(sandbox, ['--root', IMAGE, 'ready', release], 0)).stdout).toMatch(/^ready: /);
});
