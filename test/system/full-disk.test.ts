// A disk that is full, with a little more room each time, so that one step after the other is the first to find none:
// the module that works is there after each of them.

import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { fill, leaveFree } from './support/disk.ts';
import { expectSettled, modulePath, printed, SAMPLE, settled, statusOf } from './support/machine.ts';
import { parts } from './support/parts.ts';
import { expectReadableRecords } from './support/records.ts';

const { kernels, dkms } = parts();
const release = kernels.v61.gentooRelease;
const MODULES = `/lib/modules/${release}`;

test('one step after the other finds no room, and the module that works stays', {
  timeout: 300_000,
}, async () => {
  await using sandbox = await settled({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const module = await modulePath(sandbox, release);
  const alias = (await sandbox.run(['modinfo', '-F', 'alias', module])).stdout.split('\n')[0] ?? '';
  let version = SAMPLE;

  // Where the build is made, where dkms keeps it, and where it is installed.
  for (const [folder, part, kinds] of [
    ['/var/lib/ttkmd', 192, 3],
    ['/var/lib/dkms', 16, 1],
    [MODULES, 12, 1],
  ] as const) {
    const newer = `1.${Number(version.split('.')[1]) + 1}.0-sample`;
    await sandbox.addDriver({ version: newer });
    const before = await readFile(sandbox.path(module));
    await fill(sandbox, folder, 0, '4m');
    const said = new Set<string>();
    for (let free = 0; ; free += part * 1024) {
      const where = `${folder} with ${free} bytes left`;
      await leaveFree(sandbox, folder, free);
      const result = await sandbox.ttkmdctl(['reconcile']);
      if (result.code === 0) break;
      expect(result.code, `${where}: ${printed(result)}`).toBe(6);
      expect(result.stdout, where).toMatch(/no (?:room|space)[\s\S]*→ (?:.*make room|.*space)/i);
      expect(await readFile(sandbox.path(module)), where).toEqual(before);
      expect(await modulePath(sandbox, release), where).toBe(module);
      expect((await sandbox.run(['modprobe', '-S', release, '-R', alias])).stdout.trim(), where).toBe(
        'tenstorrent',
      );
      expect(
        (await statusOf(sandbox)).kernels.find((one) => one.release === release)?.module,
        where,
      ).toMatchObject({ state: 'drifted', version });
      await expectReadableRecords(sandbox);
      said.add(/no (?:room|space)[^\n]*/i.exec(result.stdout)?.[0] ?? '');
      expect(free, where).toBeLessThan(4 * 1024 ** 2);
    }
    expect(said.size, `${folder}: ${[...said].join('; ')}`).toBeGreaterThanOrEqual(kinds);
    await expectSettled(sandbox, [release], newer);
    await sandbox.run([
      'sh',
      '-c',
      `rm ${folder}/ballast && cp -a ${folder} /tmp/kept && umount ${folder} && rm -rf ${folder} && mv /tmp/kept ${folder}`,
    ]);
    await expectSettled(sandbox, [release], newer);
    version = newer;
  }
});
