// What changes the kernel's modules outlives a run that is killed: it keeps the lock until it has ended.
import { expect, it } from 'vitest';
import { fakeKernel } from '../support/fake-kernel.ts';
import { driverSource, gentooKernel, machine } from '../support/machines.ts';
import { runReconcile } from '../support/run-reconcile.ts';

const R = '6.12.58-gentoo-dist';
const PCI = '/sys/bus/pci/devices/0000:01:00.0';

it('modprobe and insmod hold the lock, in a load, an unload, a reload and where the old one is put back', async () => {
  const host = machine(
    {
      ...gentooKernel(R),
      ...driverSource('2.8.0'),
      [`${PCI}/vendor`]: '0x1e52\n',
      [`${PCI}/device`]: '0xb140\n',
      '/proc/sys/kernel/random/boot_id': 'this-boot\n',
      '/etc/ttkmd/ttkmd.conf': '[driver]\nreload = when-idle\n',
    },
    { machine: { runningRelease: R }, exec: fakeKernel(R, { refuses: ['2.9.0'] }) },
  );
  await runReconcile(host);
  host.put(driverSource('2.9.0'));
  await runReconcile(host);
  await runReconcile(host, { driver: 'unload' });

  const changing = host.exec.calls.filter(
    ({ command, args }) => command === 'insmod' || (command === 'modprobe' && args[0] !== '--showconfig'),
  );
  expect([...new Set(changing.map(({ command, args }) => `${command} ${args[0]}`))].sort()).toEqual([
    expect.stringMatching(/^insmod \/run\/ttkmd\/loaded\//),
    'modprobe -a',
    'modprobe -b',
    'modprobe -r',
  ]);
  for (const { line, options } of changing) {
    // The memory host's locks have the descriptors 101, 102 and so on.
    expect(options, line).toMatchObject({ keepOpen: expect.toSatisfy((number: number) => number > 100) });
  }
});
