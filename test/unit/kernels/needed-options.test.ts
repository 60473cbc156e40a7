// What a kernel lacks of what the driver needs, and what that means.
import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../../src/kernels/configuration.ts';
import {
  type CalledFunctions,
  configFragment,
  howToSet,
  lackingOptions,
  NEEDED_OPTIONS,
} from '../../../src/kernels/needed-options.ts';

const ALL: Readonly<Record<string, string>> = Object.fromEntries(
  NEEDED_OPTIONS.map(({ name }) => [name, 'y']),
);
const R = '6.12.58-gentoo-dist';
const HWMON: CalledFunctions = { surely: { hwmon_device_register_with_info: '0' }, maybe: [] };
const DMA_BUF: CalledFunctions = { surely: { dma_buf_export: '5.8.0' }, maybe: [] };
const NOTHING: CalledFunctions = { surely: {}, maybe: [] };

describe('what a kernel lacks', () => {
  it.each<[string, string, Record<string, string>, CalledFunctions | undefined, string[]]>([
    ['nothing', R, {}, HWMON, []],
    ['a module will do', R, { HWMON: 'm' }, HWMON, []],
    ['no driver can do without', R, { MODULES: 'n', PCI: 'n' }, NOTHING, ['MODULES surely', 'PCI surely']],
    ['what this driver calls', R, { HWMON: 'n' }, HWMON, ['HWMON surely']],
    ['what this driver does not call', R, { HWMON: 'n' }, NOTHING, []],
    [
      'what it may call',
      R,
      { HWMON: 'n' },
      { surely: {}, maybe: ['hwmon_device_register_with_info'] },
      ['HWMON maybe'],
    ],
    ['what it calls from a kernel on', R, { DMA_SHARED_BUFFER: 'n' }, DMA_BUF, ['DMA_SHARED_BUFFER surely']],
    ['what it calls from a later kernel on', '5.4.302', { DMA_SHARED_BUFFER: 'n' }, DMA_BUF, []],
    ["what upstream's calls", R, { HWMON: 'n' }, undefined, ['HWMON surely']],
    ['what is missed in use', R, { HUGETLBFS: 'n' }, HWMON, ['HUGETLBFS use']],
  ])('%s', (_, release, options, calls, expected) => {
    const lacking = lackingOptions({ release, configuration: { ...ALL, ...options } }, calls);
    expect(lacking.map(({ option, breaks }) => `${option.name} ${breaks}`)).toEqual(expected);
  });
  it('is not guessed where nothing tells', () => {
    expect(lackingOptions({ release: R, configuration: {} }, undefined)).toEqual([]);
  });
  it('reads every option that it asks about', () => {
    const text = NEEDED_OPTIONS.map(({ name }) => `CONFIG_${name}=y\n`).join('');
    expect(readConfiguration(text)).toEqual(ALL);
  });

  const lacking = lackingOptions(
    { release: R, configuration: { MODULES: 'y', PCI: 'y', HUGETLBFS: 'y' } },
    undefined,
  );
  it('is set by what has a prompt', () => {
    expect(configFragment(lacking)).toBe('CONFIG_HWMON=y\nCONFIG_SYNC_FILE=y\n');
  });
  it.each([
    ['dist-kernel', R, 'CONFIG_HWMON=y and CONFIG_SYNC_FILE=y in /etc/kernel/config.d/50-tenstorrent.config'],
    ['hand-built', R, 'with make menuconfig in /usr/src/linux'],
    ['distribution', '6.1.0-56-cloud-amd64', 'apt install linux-image-6.1.0-56-amd64'],
  ] as const)('is mended by the way that the kernel came: %s', (kind, release, expected) => {
    const origin = kind === 'hand-built' ? { kind } : { kind, package: 'a/b-1:1' };
    expect(howToSet({ release, origin, sourceTree: '/usr/src/linux' }, lacking)).toContain(expected);
  });
});
