// Modules are built by the compiler that built the kernel, and where that is not there, people are told.

import { expect, test } from 'vitest';
import { expectSettled, history, insist, prepared, states, statusOf } from './support/machine.ts';
import { parts } from './support/parts.ts';
import type { Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

/** Makes a kernel say of itself that another compiler built it. */
async function builtBy(sandbox: Sandbox, release: string, compiler: string, more = ''): Promise<void> {
  const file = `/usr/src/linux-${release}/include/config/auto.conf`;
  const text = (await sandbox.read(file)).replace(/^CONFIG_(?:CC_VERSION_TEXT|GCC_PLUGINS)=.*\n/gm, '');
  await sandbox.write(file, `${text}CONFIG_CC_VERSION_TEXT=${compiler}\n${more}`);
}

test('the kernel compiler is found under another name, replaced with a warning, or insisted on', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;

  // What is called gcc is another one, and builds nothing.
  const usual = (await sandbox.run(['gcc-12', '--version'])).stdout.split('\n')[0] ?? '';
  await sandbox.write(
    '/usr/local/bin/gcc',
    '#!/bin/sh\necho "gcc (Other 9.9.9) 9.9.9"\n[ "$1" = --version ]\n',
    0o755,
  );
  await builtBy(sandbox, release, usual);
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [release]);
  expect((await insist(sandbox, ['logs', release], 0)).stdout).toContain('CC=gcc-12');
  await sandbox.remove('/usr/local/bin/gcc');

  // Another major version builds, and both are named; then and as long as that module is there.
  await builtBy(sandbox, release, 'gcc (Gentoo 14.3.0 p8) 14.3.0');
  const told = /built with gcc 12\.\S+, its kernel with gcc 14\.3\.0/;
  expect((await insist(sandbox, ['reconcile'], 0)).stderr).toMatch(told);
  await expectSettled(sandbox, [release]);
  expect((await history(sandbox)).map(({ detail }) => detail)).toContainEqual(expect.stringMatching(told));
  const { health, problems } = await statusOf(sandbox);
  expect(health).toBe('ok');
  expect(problems.map(({ code }) => code)).toContain('other-compiler');

  // With plugins only the very one will do: nothing is built, and the module that is there stays.
  await builtBy(sandbox, release, 'gcc (Gentoo 14.3.0 p8) 14.3.0', 'CONFIG_GCC_PLUGINS=y\n');
  const refused = await insist(sandbox, ['reconcile'], 6);
  expect(`${refused.stdout}${refused.stderr}`).toMatch(/only the gcc that built it/);
  expect(await states(sandbox)).toMatchObject({ [release]: 'drifted' });
  expect((await sandbox.run(['modinfo', '-k', release, '-n', 'tenstorrent'])).stdout).toContain(release);
});
