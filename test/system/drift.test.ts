// The same release with something else in it, changed as an admin changes it: what is built anew, and what is not.

import { expect, test } from 'vitest';
import {
  doneCount,
  expectSettled,
  identity,
  insist,
  modulePath,
  SAMPLE,
  settled,
  statusOf,
} from './support/machine.ts';
import { parts } from './support/parts.ts';
import type { Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();
const release = kernels.v61.gentooRelease;
const TREE = `/usr/src/linux-${release}`;
const CONF = `${TREE}/include/config/auto.conf`;
const SYMVERS = `${TREE}/Module.symvers`;
const CODE = `/usr/src/tenstorrent-${SAMPLE}/tenstorrent.c`;

interface Fact {
  fact: string;
  equal: boolean | null;
  matters: boolean;
}

interface Explained {
  state: string;
  reason: string | null;
  module: { installedBy: string } | null;
  facts: Fact[];
  symbols: { compared: number; differing: number; first: { name: string; module: string; kernel: string }[] };
}

async function explained(sandbox: Sandbox): Promise<Explained> {
  const { stdout } = await sandbox.ttkmdctl(['status', '--explain', release, '--json']);
  return JSON.parse(stdout) as Explained;
}

async function edit(sandbox: Sandbox, path: string, make: (text: string) => string): Promise<void> {
  const text = await sandbox.read(path);
  const other = make(text);
  expect(other, `${path} is another`).not.toBe(text);
  await sandbox.write(path, other);
}

/** Gives a symbol another version in a Module.symvers. */
const withVersion = (symbol: string, version: string) => (text: string) =>
  text.replace(new RegExp(`^0x\\w+(?=\\t${symbol}\\t)`, 'm'), version);

async function versionOf(sandbox: Sandbox, symbol: string): Promise<string> {
  const path = await modulePath(sandbox, release);
  const { stdout } = await sandbox.run(['modprobe', '--dump-modversions', path]);
  return stdout.match(new RegExp(`^(0x\\w+)\\t${symbol}$`, 'm'))?.[1] ?? '';
}

async function builds(sandbox: Sandbox): Promise<number> {
  return (await doneCount(sandbox, 'build'))[release] ?? 0;
}

/** The module stays as it is: nothing is to be done, and nothing is. */
async function staysCurrent(sandbox: Sandbox, what: string): Promise<void> {
  const path = await modulePath(sandbox, release);
  const [before, count] = [await identity(sandbox, path), await builds(sandbox)];
  expect((await insist(sandbox, ['reconcile'], 0)).stdout, what).toContain('nothing to do');
  await expectSettled(sandbox, [release]);
  expect(await identity(sandbox, path), what).toBe(before);
  expect(await builds(sandbox), what).toBe(count);
}

/** The module is called drifted for a reason, is built anew once, and is right again. */
async function isBuiltAnew(sandbox: Sandbox, why: RegExp): Promise<void> {
  const count = await builds(sandbox);
  expect(await explained(sandbox)).toMatchObject({ state: 'drifted', reason: expect.stringMatching(why) });
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [release]);
  expect(await builds(sandbox), String(why)).toBe(count + 1);
  const { facts } = await explained(sandbox);
  expect(facts.filter(({ equal, matters }) => equal === false && matters)).toEqual([]);
  await staysCurrent(sandbox, String(why));
}

test('a kernel that changed under its name matters where the module depends on it', async () => {
  await using sandbox = await settled({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const first = await modulePath(sandbox, release);
  const { symbols, facts, module } = await explained(sandbox);
  expect(symbols.compared).toBeGreaterThan(10);
  expect(symbols.differing).toBe(0);
  expect(module).toMatchObject({ installedBy: 'ttkmd' });
  expect(facts.map(({ equal }) => equal)).not.toContain(false);

  await edit(sandbox, CONF, (text) => `${text}CONFIG_SAMPLE_OF_AN_OPTION=y\n`);
  await staysCurrent(sandbox, 'an option that no imported symbol depends on');
  const { stdout } = await insist(sandbox, ['status', '--explain', release], 0);
  expect(stdout).toMatch(/configuration +differs, and does not matter/);
  await edit(sandbox, SYMVERS, withVersion('init_uts_ns', '0x00000001'));
  await staysCurrent(sandbox, 'a symbol that the driver does not import');
  for (const time of ['2040-01-01', '1999-01-01']) {
    await sandbox.run(['touch', '-d', time, first, CONF, SYMVERS, CODE, '/var/lib/ttkmd/state.json']);
    await staysCurrent(sandbox, `times of ${time}, as a clock that jumps leaves them`);
  }

  await edit(sandbox, SYMVERS, withVersion('module_layout', '0x00000002'));
  await isBuiltAnew(sandbox, /1 of the \d+ symbols .* \(module_layout: 0x\w+ in the module, 0x00000002 in/);
  expect(await versionOf(sandbox, 'module_layout')).toBe('0x00000002');

  // Another tree of the release, and its own again.
  const swapped = '/usr/src/swapped';
  await sandbox.run([
    'sh',
    '-c',
    `mkdir ${swapped} && ln -s ${TREE}/* ${swapped}/ && rm ${swapped}/Module.symvers`,
  ]);
  await sandbox.write(
    `${swapped}/Module.symvers`,
    withVersion('_printk', '0x00000003')(await sandbox.read(SYMVERS)),
  );
  await sandbox.link(swapped, `/lib/modules/${release}/build`);
  await isBuiltAnew(sandbox, /_printk: 0x\w+ in the module, 0x00000003 in the kernel/);
  await sandbox.link(TREE, `/lib/modules/${release}/build`);
  await isBuiltAnew(sandbox, /_printk: 0x00000003 in the module/);

  // Nobody remembers what it was built from: what dkms has put there is as good, as long as its source is older.
  await sandbox.run(['sh', '-c', 'rm /var/lib/ttkmd/state.json /var/lib/ttkmd/checks.json']);
  await staysCurrent(sandbox, 'a lost state');
  expect(await explained(sandbox)).toMatchObject({ state: 'current', module: { installedBy: 'dkms' } });
  await sandbox.run(['sh', '-c', `sleep 3; echo '/* changed */' >>${CODE}`]);
  await isBuiltAnew(sandbox, /was written to after it was built/);
});

test('a module that is not what it was is put right, and what cannot be is said', async () => {
  await using sandbox = await settled({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const plain = await modulePath(sandbox, release);
  await sandbox.run(['cp', plain, '/var/tmp/older.ko']);

  // A copy of another build, left where depmod looks first.
  const left = `/lib/modules/${release}/updates/tenstorrent.ko`;
  await edit(sandbox, SYMVERS, withVersion('module_layout', '0x00000004'));
  await isBuiltAnew(sandbox, /module_layout/);
  await sandbox.run([
    'sh',
    '-c',
    `mkdir -p ${left.replace(/\/[^/]*$/, '')} && cp /var/tmp/older.ko ${left} && depmod ${release}`,
  ]);
  expect(await explained(sandbox)).toMatchObject({ state: 'drifted', module: { installedBy: 'unknown' } });
  const refused = await insist(sandbox, ['reconcile'], 6);
  expect(refused.stdout).toMatch(new RegExp(`modprobe would load ${left} .*and not what was installed`));
  expect((await sandbox.run(['cmp', plain, '/var/tmp/older.ko'], { allowFailure: true })).code).toBe(1);
  await insist(sandbox, ['reconcile'], 1);
  await sandbox.run(['sh', '-c', `rm -r ${left.replace(/\/[^/]*$/, '')} && depmod ${release}`]);
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [release]);

  // Nothing can be written where modules are.
  await edit(sandbox, SYMVERS, withVersion('module_layout', '0x00000005'));
  await sandbox.run([
    'sh',
    '-c',
    'mount --bind /lib/modules /lib/modules && mount -o remount,bind,ro /lib/modules',
  ]);
  const before = await identity(sandbox, plain);
  const readOnly = await insist(sandbox, ['reconcile'], 6);
  expect(readOnly.stdout).toMatch(/read-only/);
  expect(readOnly.stdout).toMatch(/→ .*mount it writable/);
  expect(await identity(sandbox, plain)).toBe(before);
  await sandbox.run(['umount', '/lib/modules']);
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [release]);

  // dkms packs as the other modules of a kernel are packed.
  const other = `/lib/modules/${release}/kernel/drivers/net/other.ko`;
  await sandbox.run(['sh', '-c', `cp ${plain} ${other} && xz --check=crc32 ${other} && depmod ${release}`]);
  await insist(sandbox, ['reconcile', '--force'], 0);
  const packed = await modulePath(sandbox, release);
  expect(packed).toBe(`${plain}.xz`);
  await expectSettled(sandbox, [release]);
  expect((await explained(sandbox)).symbols).toMatchObject({ differing: 0 });
  for (const damage of [
    `truncate -s -200 ${packed}`,
    `printf '\\377' | dd of=${packed} bs=1 seek=20000 conv=notrunc status=none`,
  ]) {
    await sandbox.run(['sh', '-c', damage]);
    const { kernels: found } = await statusOf(sandbox);
    expect(found.find((one) => one.release === release)?.module, damage).toMatchObject({ state: 'drifted' });
    await insist(sandbox, ['reconcile'], 0);
    await expectSettled(sandbox, [release]);
  }
});
