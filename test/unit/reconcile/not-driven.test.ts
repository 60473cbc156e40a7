// Cards that the loaded driver did not take: what is said of them, and what counts as a return after a reload.
import { describe, expect, it } from 'vitest';
import { applyLoad } from '../../../src/reconcile/apply-load.ts';
import { loadState } from '../../../src/state/state.ts';
import { card, loaded } from '../support/cards.ts';
import { fakeKernel, loadedModule, moduleText } from '../support/fake-kernel.ts';
import {
  current,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  judgeHost,
  machine,
  planHost,
} from '../support/machines.ts';
import { memoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';

const A = '6.12.58-gentoo-dist';
const MODULE = `/lib/modules/${A}/kernel/extra/tenstorrent.ko`;
const COPY = '/run/ttkmd/loaded/AB280/tenstorrent.ko';
const READY: Files = { ...current(A, '2.9.0'), ...driverSource('2.9.0') };
const [ONE, TWO] = ['0000:01:00.0', '0000:02:00.0'];
const bound = (address: string, device: string, number: number): Files =>
  card(address, { device, number, driver: 'tenstorrent' });
const waiting = (address: string, device: string): Files => card(address, { device });

async function said(files: Files) {
  const host = machine({ ...READY, ...files }, { machine: { runningRelease: A } });
  const { health, problems } = await judgeHost(host);
  return { health, problems: problems.map((one) => `${one.severity} ${one.code}: ${one.message}`) };
}

describe('a device without a driver', () => {
  it.each<[string, Files, string, RegExp[]]>([
    [
      'is a failure where the loaded driver has none at all',
      { ...loaded(0), ...waiting(ONE, 'b140'), ...waiting(TWO, '401e') },
      'failed',
      [/^failed device-not-driven: .*2\.9\.0.*0000:01:00\.0 \(blackhole\), 0000:02:00\.0 \(wormhole\)/],
    ],
    [
      'degrades the machine where it has another',
      { ...loaded(0), ...bound(ONE, 'b140', 0), ...waiting(TWO, 'b140') },
      'degraded',
      [/^degraded device-not-driven: .*0000:02:00\.0 \(blackhole\)/],
    ],
    [
      'is none of our business where it is given away',
      { ...loaded(0), ...bound(ONE, 'b140', 0), ...card(TWO, { device: 'b140', driver: 'vfio-pci' }) },
      'ok',
      [],
    ],
    [
      'is a note where it is a Grayskull',
      { ...loaded(0), ...bound(ONE, 'b140', 0), ...waiting(TWO, 'faca') },
      'ok',
      [/^note device-unsupported: 0000:02:00\.0 is a Grayskull/],
    ],
    [
      'is a note where it is a Grayskull alone, with nothing loaded',
      waiting(ONE, 'faca'),
      'ok',
      [/^note device-unsupported: /],
    ],
    [
      'is a failure where it is a Grayskull and the driver is one that takes it',
      { ...loaded(0, '1.34'), ...waiting(ONE, 'faca') },
      'failed',
      [/^failed device-not-driven: .*1\.34/, /^degraded reload-due/],
    ],
  ])('%s', async (_, files, health, texts) => {
    const found = await said(files);
    expect(found.problems).toEqual(texts.map((text) => expect.stringMatching(text)));
    expect(found.health).toBe(health);
  });

  it('has no driver loaded where it is a Grayskull, which none would take', async () => {
    const host = machine({ ...READY, ...waiting(ONE, 'faca') }, { machine: { runningRelease: A } });
    expect(inShort(await planHost(host, { trigger: 'boot' }))).toEqual([]);
  });
});

describe('a load', () => {
  const loading = (brings: Files) => {
    const host = memoryHost({
      files: { ...waiting(ONE, 'b140'), ...waiting(TWO, 'b140') },
      exec: (call) => {
        if (call.command === 'modprobe') host.put({ ...loaded(0), ...brings });
        return '';
      },
    });
    return applyLoad(host, A, [
      { address: ONE, family: 'blackhole' },
      { address: TWO, family: 'blackhole' },
    ]);
  };
  it('is done when each device has its node', async () => {
    expect((await loading({ '/dev/tenstorrent/0': '', '/dev/tenstorrent/1': '' })).outcome).toBe('done');
  });
  it.each<[string, Files, RegExp]>([
    ['one of two is missing', { '/dev/tenstorrent/0': '' }, /but only 1 of 2 devices appeared in/],
    ['there is a folder of names alone', { '/dev/tenstorrent/by-id/x': '' }, /but no device appeared in/],
  ])('fails where %s', async (_, brings, text) => {
    expect(await loading(brings)).toMatchObject({ outcome: 'failed', text: expect.stringMatching(text) });
  });
});

it('a reload under which one of two devices stays away is a failed one', async () => {
  const both: Files = { ...bound(ONE, 'b140', 0), ...bound(TWO, 'b140', 1) };
  const kernel = fakeKernel(A, {
    async first({ line }, on) {
      // The fake kernel gives the first device its node back, whatever the driver: 2.8.0 drives both.
      if (line.startsWith('insmod')) on.fs.write('/dev/tenstorrent/1', '');
      return undefined;
    },
  });
  const host = machine(
    {
      ...gentooKernel(A),
      ...driverSource('2.8.0'),
      ...waiting(ONE, 'b140'),
      '/etc/ttkmd/ttkmd.conf': '[driver]\nreload = when-idle\n',
      '/proc/sys/kernel/random/boot_id': 'this-boot\n',
    },
    { machine: { runningRelease: A }, exec: kernel },
  );
  await runReconcile(host);
  host.put({ ...driverSource('2.9.0'), ...both });
  const { done } = await runReconcile(host, { trigger: 'watch' });
  expect(done.find(({ step }) => step.kind === 'reload')).toMatchObject({
    outcome: 'failed',
    text: expect.stringMatching(/only 1 of 2 devices appeared.*2\.8\.0 was put back/),
  });
  expect(loadState(host.fs).driver?.failure?.step).toBe('reload');
});

it('a reload that was killed is judged by the devices that the driver had before it', async () => {
  const host = machine(
    {
      ...READY,
      [MODULE]: moduleText(A, '2.9.0'),
      ...loadedModule('2.9.0'),
      [COPY]: moduleText(A, '2.8.0'),
      ...bound(ONE, 'b140', 0),
      ...waiting(TWO, 'b140'),
      '/proc/sys/kernel/random/boot_id': 'this-boot\n',
      '/var/lib/ttkmd/state.json': JSON.stringify({
        schema: 1,
        driver: {
          boot: 'this-boot',
          reloading: {
            release: A,
            from: '2.8.0',
            fromSource: 'AB280',
            to: '2.9.0',
            devices: [ONE, TWO].map((address) => ({ address, family: 'blackhole' })),
          },
        },
      }),
    },
    { machine: { runningRelease: A }, exec: fakeKernel(A) },
  );
  const { done } = await runReconcile(host, { trigger: 'watch' });
  expect(done.find(({ step }) => step.kind === 'endReload')).toMatchObject({
    outcome: 'failed',
    text: expect.stringMatching(/only 1 of 2 devices appeared.*2\.8\.0 was put back/),
  });
});
