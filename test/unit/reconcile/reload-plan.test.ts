// When the driver is reloaded, and when it is left as it is: what is planned, and who is looked at for it.
import { describe, expect, it } from 'vitest';
import type { Policy } from '../../../src/reconcile/plan.ts';
import { fakeKernel, holder, loadedModule } from '../support/fake-kernel.ts';
import { type Files, inShort, judgeHost, machine, NOW, planHost } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { A, DUE, record, recorded, run, setting } from '../support/reload-hosts.ts';

describe('a reload is planned', () => {
  const failed = (retryAt?: number): object => ({
    boot: 'this-boot',
    failure: { step: 'reload', module: 'MODULE', text: 'no', hint: 'mend it', at: 1, retryAt },
  });
  it.each<[string, Files, Files, Partial<Policy>, string[]]>([
    ['when-idle, by the daemon', DUE, setting('when-idle'), { trigger: 'watch' }, [`reload ${A} 2.9.0`]],
    ['when-idle, for a person', DUE, setting('when-idle'), {}, [`reload ${A} 2.9.0`]],
    ['when-idle, at boot', DUE, setting('when-idle'), { trigger: 'boot' }, [`reload ${A} 2.9.0`]],
    ['not while a kernel is installed', DUE, setting('when-idle'), { trigger: 'kernel-event' }, []],
    ['never, by default', DUE, {}, { trigger: 'boot' }, []],
    ['never', DUE, setting('never'), { trigger: 'boot' }, []],
    ['at boot, where that is the setting', DUE, setting('boot'), { trigger: 'boot' }, [`reload ${A} 2.9.0`]],
    ['and then at no other time', DUE, setting('boot'), { trigger: 'watch' }, []],
    [
      'not while a process holds the device',
      { ...DUE, ...loadedModule('2.8.0', 1), ...holder(4711, 'python3') },
      setting('when-idle'),
      { trigger: 'watch' },
      [`wait ${A}`],
    ],
    [
      'not at boot either',
      { ...DUE, ...loadedModule('2.8.0', 1), ...holder(4711, 'python3') },
      setting('boot'),
      { trigger: 'boot' },
      [],
    ],
    [
      'not while another module uses it',
      { ...DUE, ...loadedModule('2.8.0', 1) },
      setting('when-idle'),
      { trigger: 'timer' },
      [`wait ${A}`],
    ],
    ['not where it is the same', { ...DUE, ...loadedModule('2.9.0') }, setting('when-idle'), {}, []],
    [
      'where it is another build of one version',
      { ...DUE, ...loadedModule('2.9.0'), '/sys/module/tenstorrent/srcversion': 'AB280' },
      setting('when-idle'),
      {},
      [`reload ${A} 2.9.0`],
    ],
    [
      'not of a driver of the kernel itself',
      { ...DUE, '/sys/module/tenstorrent/taint': '\n' },
      setting('when-idle'),
      {},
      [],
    ],
    [
      'not where the one on disk would not be loaded',
      { ...DUE, '/etc/modprobe.d/no.conf': 'blacklist tenstorrent\n' },
      setting('when-idle'),
      {},
      [],
    ],
  ])('%s', async (_, files, more, policy, expected) => {
    expect(inShort(await planHost(recorded({ ...files, ...more }), policy))).toEqual(expected);
  });

  it('not of a module that somebody else put on disk', async () => {
    const host = machine(
      { ...DUE, ...setting('when-idle') },
      { machine: { runningRelease: A }, exec: fakeKernel(A) },
    );
    expect(inShort(await planHost(host))).toEqual([]);
  });

  it('not without a copy to put back, at boot either', async () => {
    const without = (reload: string) => {
      const host = recorded({ ...DUE, ...setting(reload) });
      host.fs.removeTree('/run/ttkmd/loaded');
      return host;
    };
    expect(inShort(await planHost(without('when-idle')))).toEqual([]);
    expect(inShort(await planHost(without('boot'), { trigger: 'boot' }))).toEqual([]);
  });

  it('not by a kernel that cannot unload', async () => {
    const host = recorded({ ...DUE, ...setting('when-idle') });
    host.fs.remove('/sys/module/tenstorrent/refcnt');
    expect(inShort(await planHost(host))).toEqual([]);
  });

  it.each<[string, number | undefined, string[]]>([
    ['not after it has failed with this module', undefined, []],
    ['not before the time for another question', NOW + 1000, []],
    ['again after that', NOW - 1000, [`reload ${A} 2.9.0`]],
  ])('%s', async (_, retryAt, expected) => {
    const host = recorded({ ...DUE, ...setting('when-idle') }, record('this-boot', failed(retryAt)));
    const { observation } = await judgeHost(host);
    const text = host.fs.readText('/var/lib/ttkmd/state.json') ?? '';
    host.fs.write('/var/lib/ttkmd/state.json', text.replace('MODULE', observation.loading.module ?? ''));
    expect(inShort(await planHost(host))).toEqual(expected);
  });

  it('again where another module was installed since', async () => {
    const host = recorded({ ...DUE, ...setting('when-idle') }, record('this-boot', failed()));
    expect(inShort(await planHost(host))).toEqual([`reload ${A} 2.9.0`]);
  });
});

describe('processes are looked at', () => {
  it.each<[string, Files, Partial<Policy>, boolean]>([
    ['where a reload waits for them', setting('when-idle'), { trigger: 'watch' }, true],
    ['not where nothing is reloaded by itself', {}, { trigger: 'watch' }, false],
    ['never by a hook of a kernel’s installation', setting('when-idle'), { trigger: 'kernel-event' }, false],
    ['never for hugepages', setting('when-idle'), { part: 'hugepages' }, false],
    ['not where the loaded driver is the one on disk', loadedModule('2.9.0', 1), { trigger: 'timer' }, false],
    ['where a person wants to unload it', {}, { driver: 'unload' }, true],
  ])('%s', async (_, more, policy, expected) => {
    const host = recorded({ ...DUE, ...loadedModule('2.8.0', 1), ...holder(4711, 'python3'), ...more });
    const looked: string[] = [];
    const fs = { ...host.fs, list: (path: string) => host.fs.list(looked[looked.push(path) - 1] ?? path) };
    await run({ ...host, fs } as MemoryHost, policy);
    expect(looked.includes('/proc/4711/fd')).toBe(expected);
  });
});
