// A new udev rule counts for the nodes that are there already, where there are any.
import { expect, it } from 'vitest';
import { loaded } from '../support/cards.ts';
import { current, driverSource, type Files, machine, modinfo } from '../support/machines.ts';
import { runReconcile } from '../support/run-reconcile.ts';

const A = '6.12.58-gentoo-dist';
const READY: Files = {
  ...current(A, '2.9.0'),
  ...driverSource('2.9.0'),
  '/usr/src/tenstorrent-2.9.0/udev-50-tenstorrent.rules': 'SUBSYSTEM=="tenstorrent", MODE="0666"\n',
};

it.each<[string, Files, number, string[]]>([
  ['the driver is loaded', loaded(0), 0, ['control --reload', 'trigger --subsystem-match=tenstorrent']],
  ['no udev answers', loaded(0), 1, ['control --reload', 'trigger --subsystem-match=tenstorrent']],
  ['it is not loaded, and udev reads the rule when it comes', {}, 0, []],
])('where %s', async (_, files, code, told) => {
  const host = machine(
    { ...READY, ...files },
    {
      machine: { runningRelease: A },
      exec: (call, on) => (call.command === 'udevadm' ? { code } : modinfo(call, on)),
    },
  );
  const { done } = await runReconcile(host);
  expect(done.map(({ step, outcome }) => `${step.kind} ${outcome}`)).toEqual(['placeRule done']);
  const udev = host.exec.calls.filter(({ command }) => command === 'udevadm');
  expect(udev.map(({ args }) => args.join(' '))).toEqual(told);
});
