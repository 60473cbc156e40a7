// A kernel whose configuration proves that the driver cannot be built for it: nothing is tried, and it is said what to set.
import { describe, expect, it } from 'vitest';
import {
  current,
  dkmsRecord,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  judgeHost,
  machine,
  planHost,
} from '../support/machines.ts';
import { A, B, BUILD_A } from './host-rows.ts';

const HWMON = 'int probe(void) { return hwmon_device_register_with_info(); }\n';
const SURELY: Files = {
  ...driverSource('2.9.0'),
  '/usr/src/tenstorrent-2.9.0/Makefile': 'obj-m := tenstorrent.o\n',
  '/usr/src/tenstorrent-2.9.0/tenstorrent.c': HWMON,
};
const MAYBE: Files = { ...SURELY, '/usr/src/tenstorrent-2.9.0/tenstorrent.c': `#ifdef X\n${HWMON}#endif\n` };
const CARD: Files = {
  '/sys/bus/pci/devices/0000:01:00.0/vendor': '0x1e52\n',
  '/sys/bus/pci/devices/0000:01:00.0/device': '0xb140\n',
};
const REGISTERED = dkmsRecord('2.9.0');
const withHwmon = gentooKernel(A, { options: 'CONFIG_HWMON=m\n' });

describe('a kernel without an option', () => {
  it.each<[string, Files, string, string[], string]>([
    ['that the driver needs', { ...gentooKernel(A), ...SURELY, ...REGISTERED }, 'unsupported', [], 'note'],
    [
      'that it needs, and a card',
      { ...gentooKernel(A), ...SURELY, ...REGISTERED, ...CARD },
      'unsupported',
      [],
      'degraded',
    ],
    ['that it may need', { ...gentooKernel(A), ...MAYBE, ...REGISTERED }, 'missing', BUILD_A, 'degraded'],
    ['that is there by now', { ...withHwmon, ...SURELY, ...REGISTERED }, 'missing', BUILD_A, 'degraded'],
    [
      'that an older driver did not need',
      { ...current(A, '2.8.0'), ...SURELY, ...REGISTERED },
      'drifted',
      [],
      'degraded',
    ],
  ])('%s', async (_, files, state, steps, severity) => {
    const host = machine(files);
    const { kernels, problems } = await judgeHost(host);
    expect(kernels.map((one) => one.state)).toEqual([state]);
    expect(inShort(await planHost(host))).toEqual(steps);
    const problem = problems.find(({ release }) => release === A);
    expect(problem?.severity).toBe(severity);
    if (steps.length > 0) return;
    expect(kernels[0]?.reason).toContain('CONFIG_HWMON is off');
    expect(problem?.hint).toContain('set CONFIG_HWMON=y in /etc/kernel/config.d/50-tenstorrent.config');
  });

  it('is built for where a person insists, as long as an older module is there', async () => {
    const host = machine({ ...current(A, '2.8.0'), ...SURELY, ...REGISTERED });
    expect(inShort(await planHost(host, { only: A, retry: true }))).toEqual(BUILD_A);
  });

  it('and that is not the next to boot spoils nothing', async () => {
    const newer = gentooKernel(B, { options: 'CONFIG_HWMON=y\n' });
    const host = machine({ ...gentooKernel(A), ...newer, ...SURELY, ...REGISTERED, ...CARD });
    const { problems } = await judgeHost(host);
    expect(problems.find(({ release }) => release === A)?.severity).toBe('note');
  });
});
