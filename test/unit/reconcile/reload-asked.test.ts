// Loading, unloading and reloading by command.
import { describe, expect, it } from 'vitest';
import { HOOKS_FOLDER } from '../../../src/reconcile/hook-files.ts';
import { askedObstacle } from '../../../src/reconcile/plan-driver.ts';
import { loadState } from '../../../src/state/state.ts';
import { fakeKernel, holder } from '../support/fake-kernel.ts';
import { judgeHost, planHost } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import {
  A,
  DUE,
  ended,
  grown,
  HOOKS,
  PCI,
  recorded,
  run,
  setting,
  told,
  version,
} from '../support/reload-hosts.ts';

describe('by command', () => {
  const asked = (host: MemoryHost, driver: 'load' | 'unload' | 'reload') =>
    run(host, { trigger: 'cli', driver });

  it('unload lasts until a person asks for the driver again, or the next boot', async () => {
    const host = await grown(setting('never'));
    expect(ended(await asked(host, 'unload'))).toEqual(['unload done: unloaded tenstorrent']);
    host.fs.remove(`${PCI}/driver`);
    for (const trigger of ['watch', 'timer', 'boot', 'cli'] as const) {
      expect(ended(await run(host, { trigger }))).toEqual([]);
    }
    const { problems } = await judgeHost(host);
    expect(problems.map(({ code }) => code)).toEqual(['unloaded']);
    host.put({ '/proc/sys/kernel/random/boot_id': 'next-boot\n' });
    expect((await planHost(host, { trigger: 'boot' })).map(({ kind }) => kind)).toEqual(['load']);
    host.put({ '/proc/sys/kernel/random/boot_id': 'this-boot\n' });
    expect(ended(await asked(host, 'load'))).toEqual(['load done: loaded tenstorrent 2.9.0']);
    expect(loadState(host.fs).driver).toBeUndefined();
  });

  it('load where it is loaded, and unload where it is not, have nothing to do', async () => {
    const host = await grown();
    expect((await asked(host, 'load')).outcome).toBe('nothing-to-do');
    await asked(host, 'unload');
    expect((await asked(host, 'unload')).outcome).toBe('nothing-to-do');
  });

  it.each(['unload', 'reload'] as const)(
    '%s does nothing while somebody holds the device',
    async (action) => {
      const host = await grown({ ...holder(4711, 'python3'), '/sys/module/tenstorrent/refcnt': '1\n' });
      const before = host.exec.calls.length;
      expect((await asked(host, action)).outcome).toBe('nothing-to-do');
      expect(host.exec.calls.slice(before).map(({ command }) => command)).not.toContain('modprobe');
    },
  );

  it('reload asks the admin’s program to drain what holds the device', async () => {
    const host = await grown(
      { ...HOOKS, ...holder(4711, 'python3'), '/sys/module/tenstorrent/refcnt': '1\n' },
      {
        first({ command }, on) {
          if (!command.startsWith(HOOKS_FOLDER)) return undefined;
          on.fs.removeTree('/proc/4711');
          on.fs.write('/sys/module/tenstorrent/refcnt', '0\n');
          return '';
        },
      },
    );
    expect(ended(await asked(host, 'reload'))).toEqual([
      'reload done: loaded tenstorrent 2.8.0 in the place of 2.8.0',
    ]);
    expect(told(host)).toEqual(['pre-reload', 'post-reload done']);
  });

  it('reload fails where it is still held after that', async () => {
    const host = await grown(
      { ...HOOKS, ...holder(4711, 'python3'), '/sys/module/tenstorrent/refcnt': '1\n' },
      { first: ({ command }) => (command.startsWith(HOOKS_FOLDER) ? '' : undefined) },
    );
    const report = await asked(host, 'reload');
    expect(ended(report)[0]).toMatch(/^reload failed: not reloaded: the device is in use by python3/);
    expect(told(host)).toEqual(['pre-reload', 'post-reload failed']);
    expect(version(host)).toBe('2.8.0');
  });

  it('reload is refused where the loaded driver could not be put back, unless it is forced', async () => {
    const host = recorded(DUE);
    host.fs.removeTree('/run/ttkmd/loaded');
    expect(askedObstacle(await judgeHost(host), 'reload')).toMatchObject({
      text: expect.stringMatching(/no copy of the loaded driver/),
      hint: expect.stringMatching(/reboot.*ttkmdctl reload --force/),
    });
    expect((await asked(host, 'reload')).outcome).toBe('nothing-to-do');
    expect(version(host)).toBe('2.8.0');
    const forced = await run(host, { trigger: 'cli', driver: 'reload', force: true });
    expect(ended(forced)).toEqual(['reload done: loaded tenstorrent 2.9.0 in the place of 2.8.0']);
  });

  it('reload is done after a failure that stands', async () => {
    let refuses = ['2.9.0'];
    const host = await grown(
      {},
      {
        first: (call, on) => (refuses.length > 0 ? fakeKernel(A, { refuses })(call, on) : undefined),
      },
    );
    await run(host);
    refuses = [];
    expect(ended(await asked(host, 'reload'))).toEqual([
      'reload done: loaded tenstorrent 2.9.0 in the place of 2.8.0',
    ]);
  });
});
