// What makes a step impossible, told before anything is done.
import { expect, it } from 'vitest';
import type { StepName } from '../../../src/bootstrap/step.ts';
import { STEPS } from '../../../src/bootstrap/steps/all.ts';
import { releasedVersions } from '../../../src/bootstrap/versions.ts';
import { driverSource } from '../support/machines.ts';
import { type BenchOptions, DEBIAN, GENTOO, memoryBench } from './bench.ts';

const COMMAND = { text: '', mode: 0o755 };
const FIRMWARE = { version: '19.13.1', url: 'https://x/f.fwbundle', sha256: 'a'.repeat(64) };
const withFirmware = { ...releasedVersions(), firmware: FIRMWARE };
const git = 'https://x/kmd.git#ttkmd-2.10.0';

it.each<[StepName, string, BenchOptions, string | undefined]>([
  ['tt-smi', 'pipx with its package', { files: DEBIAN, selected: ['packages', 'tt-smi'] }, undefined],
  ['tt-smi', 'no pipx', { files: DEBIAN, selected: ['tt-smi'] }, 'needs the command pipx'],
  ['tt-smi', 'a pipx that is there', { files: { ...DEBIAN, '/usr/bin/pipx': COMMAND } }, undefined],
  ['tt-smi', 'no Python', { choices: { python: 'venv' } }, 'needs the command python3'],
  [
    'tt-smi',
    'uv by Portage',
    { files: GENTOO, choices: { python: 'uv' }, selected: ['packages'] },
    undefined,
  ],
  [
    'tt-smi',
    'uv, which Debian has not',
    { files: DEBIAN, choices: { python: 'uv' }, selected: ['packages'] },
    'no command uv',
  ],
  [
    'tt-smi',
    'an uv that is there',
    { files: { '/usr/local/bin/uv': COMMAND }, choices: { python: 'uv' } },
    undefined,
  ],
  [
    'tt-smi',
    'a mirror that anybody on the way can change',
    { choices: { mirror: 'http://mirror.lan/tt' }, selected: ['packages'] },
    'Nobody vouches for Python packages that come from http://mirror.lan/tt',
  ],
  ...['https://mirror.lan', '/srv/m', 'http://127.0.0.1:80/m', 'http://localhost', 'http://[::1]:80'].map(
    (mirror): [StepName, string, BenchOptions, undefined] => [
      'tt-smi',
      `the mirror ${mirror}`,
      { choices: { mirror }, selected: ['packages'] },
      undefined,
    ],
  ),
  ['tt-smi', 'no environment', { choices: { python: 'active' } }, 'No virtual environment'],
  [
    'tt-smi',
    'an environment',
    { files: { '/v/bin/pip': '' }, choices: { python: 'active', activeEnvironment: '/v' } },
    undefined,
  ],
  ['driver', 'no dkms', { selected: ['source', 'driver'] }, 'needs the command dkms'],
  ['driver', 'no source', { selected: ['packages', 'driver'] }, 'There is no source of the driver'],
  ['driver', 'a source', { files: driverSource('2.10.0'), selected: ['packages'] }, undefined],
  ['driver', 'both to come', { selected: ['packages', 'source', 'driver'] }, undefined],
  ['source', 'its release', {}, undefined],
  [
    'source',
    'an ebuild without Portage',
    { files: DEBIAN, choices: { kmdSource: 'ebuild' } },
    'no emerge here',
  ],
  ['source', 'an ebuild', { files: GENTOO, choices: { kmdSource: 'ebuild' } }, undefined],
  ['source', 'no git', { choices: { kmdSource: git } }, 'needs the command git'],
  ['source', 'git with its package', { choices: { kmdSource: git }, selected: ['packages'] }, undefined],
  [
    'source',
    'a folder of something else',
    { files: { '/k/x': '' }, choices: { kmdSource: '/k' } },
    '/k is no source',
  ],
  [
    'source',
    'no tarball',
    { files: { '/k.tgz': 'x' }, choices: { kmdSource: '/k.tgz' } },
    '/k.tgz is no tarball',
  ],
  ['firmware', 'no bundle', {}, 'no firmware bundle'],
  ['firmware', 'no tt-flash', { versions: withFirmware }, '/opt/ttkmd/pipx/venvs/tt-flash/bin/tt-flash'],
  ['firmware', 'tt-flash to come', { versions: withFirmware, selected: ['tt-flash'] }, undefined],
  ['sfpi', 'another architecture', { machine: { arch: 'riscv64' } }, 'no release for riscv64'],
  ['sfpi', 'its release', { files: { '/usr/bin/xz': COMMAND } }, undefined],
  ['sfpi', 'no xz', { files: DEBIAN, selected: ['sfpi'] }, 'needs the command xz'],
  ['sfpi', 'xz with its package', { files: DEBIAN, selected: ['packages', 'sfpi'] }, undefined],
  ['tt-inference-server', 'no version', {}, 'no version of tt-inference-server'],
])('%s with %s', async (step, _, options, words) => {
  const wrong = await STEPS[step].obstacle?.(await memoryBench(options));
  if (words === undefined) expect(wrong).toBeUndefined();
  else {
    expect(wrong?.message).toContain(words);
    expect(wrong?.hint).toMatch(/\S/);
  }
});
