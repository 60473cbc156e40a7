// What stands in the way is told all at once, the worst first, each with what mends it.
import { describe, expect, it } from 'vitest';
import { STEP_NAMES } from '../../../src/bootstrap/choices.ts';
import { observeFacts } from '../../../src/bootstrap/facts.ts';
import { preflight, type Reached } from '../../../src/bootstrap/preflight.ts';
import type { StepName, Wrong } from '../../../src/bootstrap/step.ts';
import type { ConfigWarning } from '../../../src/reconcile/observation.ts';
import { gentooKernel } from '../support/machines.ts';
import { type MemoryHostOptions, memoryHost } from '../support/memory-host.ts';
import { DEBIAN, GENTOO } from './bench.ts';

const SYSTEMD = { '/run/systemd/system': { folder: true } } as const;
const CARD = {
  '/sys/bus/pci/devices/0000:41:00.0/vendor': '0x1e52\n',
  '/sys/bus/pci/devices/0000:41:00.0/device': '0xb140\n',
};
const GOOD_OPTIONS = 'CONFIG_HWMON=y\nCONFIG_DMA_SHARED_BUFFER=y\nCONFIG_HUGETLBFS=y\n';
const KERNEL = gentooKernel('6.12.58-gentoo-dist', { options: GOOD_OPTIONS });
const EFI_VARIABLES = '/sys/firmware/efi/efivars';
const ON = '\u0006\0\0\0\u0001';
const SECURE_BOOT = { [`${EFI_VARIABLES}/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c`]: ON };
const CHECKS_OFF = { [`${EFI_VARIABLES}/MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23`]: ON };

interface Case extends MemoryHostOptions {
  readonly free?: string;
  readonly steps?: readonly StepName[];
  readonly reached?: readonly Reached[];
  readonly obstacles?: readonly Wrong[];
  readonly settings?: readonly ConfigWarning[];
  /** Paths on file systems that nobody can write to. */
  readonly readOnly?: readonly string[];
}

async function found({
  free = '99999999',
  steps = STEP_NAMES,
  reached = [],
  obstacles = [],
  settings = [],
  readOnly = [],
  ...options
}: Case): Promise<string[]> {
  const host = memoryHost({
    ...options,
    exec: [
      { on: 'df', answer: `Filesystem 1024-blocks Used Available Capacity Mounted on\nx 1 1 ${free} 1% /\n` },
    ],
  });
  const onReadOnly = (path: string): boolean => readOnly.includes(path);
  const facts = await observeFacts({ ...host, fs: { ...host.fs, onReadOnly } });
  const findings = preflight(facts, steps, reached, obstacles, settings);
  for (const { hint } of findings) expect(hint).not.toBe('');
  return findings.map(({ severity, code }) => `${severity} ${code}`);
}

describe('the look beforehand', () => {
  it.each<[string, Case, string[]]>([
    [
      'finds nothing on a good machine but the card',
      { files: { ...GENTOO, ...SYSTEMD, ...CARD, ...KERNEL } },
      ['note devices'],
    ],
    [
      'wants root',
      { files: { ...GENTOO, ...SYSTEMD, ...CARD, ...KERNEL }, machine: { effectiveUser: 1000 } },
      ['stop not-root', 'note devices'],
    ],
    [
      'wants room',
      { files: { ...DEBIAN, ...SYSTEMD, ...CARD, ...KERNEL }, free: '1000' },
      ['stop no-space', 'stop no-space', 'stop no-space', 'note devices'],
    ],
    [
      'wants no room where nothing is put',
      { files: { ...DEBIAN, ...SYSTEMD, ...CARD, ...KERNEL }, free: '1000', steps: ['hooks'] },
      ['note devices'],
    ],
    [
      'wants to write, and asks for no room where it cannot',
      {
        files: { ...DEBIAN, ...SYSTEMD, ...CARD, ...KERNEL, '/usr/src': { folder: true } },
        free: '1000',
        readOnly: ['/usr', '/usr/src', '/opt', '/'],
        steps: ['source', 'sfpi'],
      },
      // Nothing is at /opt yet, and the root is read-only.
      ['stop read-only', 'stop read-only', 'note devices'],
    ],
    [
      'tells what single steps cannot do without',
      { files: { ...DEBIAN, ...SYSTEMD, ...CARD, ...KERNEL }, obstacles: [{ message: 'x', hint: 'y' }] },
      ['stop obstacle', 'note devices'],
    ],
    [
      'wants a package manager',
      { files: { ...SYSTEMD, ...CARD, ...KERNEL } },
      ['stop no-package-manager', 'note devices'],
    ],
    [
      '… not where packages are left out',
      { files: { ...SYSTEMD, ...CARD, ...KERNEL }, steps: ['driver'] },
      ['note devices'],
    ],
    [
      'wants a network',
      {
        files: { ...GENTOO, ...SYSTEMD, ...CARD, ...KERNEL },
        reached: [
          { from: 'https://x', why: 'ENOTFOUND' },
          { from: 'https://y', why: undefined },
        ],
      },
      ['stop unreachable', 'note devices'],
    ],
    [
      'tells of a missing init, musl and another architecture',
      {
        files: { ...GENTOO, ...CARD, ...KERNEL, '/lib/ld-musl-x86_64.so.1': '' },
        machine: { arch: 'riscv64' },
      },
      ['warning architecture', 'warning no-init', 'note musl', 'note devices'],
    ],
    [
      'tells of headers that are missing',
      {
        files: {
          ...DEBIAN,
          ...SYSTEMD,
          ...CARD,
          '/lib/modules/6.1.0-1-amd64/kernel/fs/x.ko': '',
          '/lib/modules/6.1.0-1-amd64/modules.builtin': '',
          '/boot/vmlinuz-6.1.0-1-amd64': '',
        },
      },
      ['warning no-headers', 'note devices'],
    ],
    [
      'tells of options that a kernel lacks',
      {
        files: {
          ...GENTOO,
          ...SYSTEMD,
          ...CARD,
          ...gentooKernel('6.12.58-gentoo-dist', { options: 'CONFIG_HUGETLBFS=y\n' }),
        },
      },
      ['warning kernel-options', 'note devices'],
    ],
    [
      'tells of Secure Boot',
      { files: { ...GENTOO, ...SYSTEMD, ...CARD, ...KERNEL, ...SECURE_BOOT } },
      ['warning signing', 'note devices'],
    ],
    [
      'leaves out Secure Boot where shim was told to check nothing',
      { files: { ...GENTOO, ...SYSTEMD, ...CARD, ...KERNEL, ...SECURE_BOOT, ...CHECKS_OFF } },
      ['note devices'],
    ],
    [
      'tells of settings that are wrong, and goes on with the others',
      {
        files: { ...GENTOO, ...SYSTEMD, ...CARD, ...KERNEL },
        settings: [
          { place: '/etc/ttkmd/ttkmd.conf:3', message: 'expected a number', hint: 'write a number' },
        ],
      },
      ['warning settings', 'note devices'],
    ],
    ['tells of a missing card', { files: { ...GENTOO, ...SYSTEMD, ...KERNEL } }, ['warning no-device']],
    [
      'tells of a machine without kernels',
      { files: { ...GENTOO, ...SYSTEMD, ...CARD } },
      ['warning no-kernel', 'note devices'],
    ],
  ])('%s', async (_, options, expected) => {
    expect(await found(options)).toEqual(expected);
  });
});
