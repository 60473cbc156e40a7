// The module that works outlives what happens while its successor is installed.
import { expect, it } from 'vitest';
import { driverSource, gentooKernel, machine } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { workingDkms } from '../support/working-dkms.ts';
import { A } from './host-rows.ts';

const FOLDER = `/lib/modules/${A}`;
const MODULE = `${FOLDER}/kernel/extra/tenstorrent.ko`;
const KEPT = `${FOLDER}/kernel/extra/.tenstorrent.ko.ttkmd-kept`;

it('the module that works is on the disk before it is replaced, and its successor before it goes', async () => {
  const events: string[] = [];
  const host: MemoryHost = machine(
    { ...gentooKernel(A), ...driverSource('2.9.0') },
    {
      exec: (call, on) => {
        if (/^(?:dkms install|depmod)/.test(call.line)) events.push(call.line.split(' ')[0] ?? '');
        return workingDkms(call, on);
      },
    },
  );
  await runReconcile(host);
  host.put(driverSource('2.10.0'));
  events.length = 0;
  const { fs } = host;
  const watched = {
    ...fs,
    sync(path: string) {
      events.push(`sync ${path}`);
      fs.sync(path);
    },
    remove(path: string) {
      if (path === KEPT) events.push(`remove ${path}`);
      fs.remove(path);
    },
  };
  expect((await runReconcile({ ...host, fs: watched })).outcome).toBe('done');
  const of = (event: string): number => events.indexOf(event);
  expect(events.slice(0, 3)).toEqual([`sync ${KEPT}`, 'dkms', 'depmod']);
  expect(of(`sync ${MODULE}`)).toBeGreaterThan(of('depmod'));
  expect(of(`sync ${FOLDER}/modules.dep`)).toBeGreaterThan(of('depmod'));
  expect(of(`remove ${KEPT}`)).toBe(events.length - 1);
});

it('the module that works is put back, though dkms can have its older build no more', async () => {
  const files = { ...gentooKernel(A), ...driverSource('2.9.0') };
  const host: MemoryHost = machine(files, {
    exec: async (call, on) => {
      const answer = await workingDkms(call, on);
      const isNew = call.args[0] === 'install' && call.args.includes('2.10.0');
      if (isNew) on.fs.write(MODULE, 'damaged');
      return answer;
    },
  });
  await runReconcile(host);
  const works = host.fs.readText(MODULE);
  host.put(driverSource('2.10.0'));
  const { fs } = host;
  const failing = {
    ...fs,
    removeTree(path: string) {
      const isBuild = path === `/var/lib/dkms/tenstorrent/2.10.0/${A}/x86_64`;
      if (isBuild) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
      fs.removeTree(path);
    },
  };
  const { done } = await runReconcile({ ...host, fs: failing });
  expect(done.find(({ outcome }) => outcome === 'failed')?.text).toMatch(/damaged or incomplete.*EIO/);
  expect(fs.readText(MODULE)).toBe(works);
  expect(fs.exists(KEPT)).toBe(false);
  await runReconcile(host);
  expect(fs.readText(MODULE)).toBe(works);
});
