// A reload: how it is done, what it tells, and how it ends where something is in the way.
import { describe, expect, it } from 'vitest';
import { contentIdentity } from '../../../src/driver/installed.ts';
import { digest } from '../../../src/reconcile/digest.ts';
import { HOOKS_FOLDER } from '../../../src/reconcile/hook-files.ts';
import { readHistory } from '../../../src/state/history.ts';
import { loadState } from '../../../src/state/state.ts';
import { holder, loadedModule } from '../support/fake-kernel.ts';
import { driverSource, judgeHost, machine, planHost } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import {
  A,
  COPY,
  type ExecFunctionLike,
  ended,
  grown,
  HOOKS,
  PCI,
  run,
  take,
  told,
  version,
  WAITING,
} from '../support/reload-hosts.ts';

describe('a reload', () => {
  it('follows the installation, with nothing left behind', async () => {
    const host = await grown();
    expect(version(host)).toBe('2.8.0');
    expect(ended(await run(host))).toEqual(['reload done: loaded tenstorrent 2.9.0 in the place of 2.8.0']);
    expect(version(host)).toBe('2.9.0');
    expect(host.fs.exists(COPY)).toBe(false);
    expect(loadState(host.fs).driver).toBeUndefined();
    expect((await run(host)).outcome).toBe('nothing-to-do');
    const { problems } = await judgeHost(host);
    expect(problems).toEqual([]);
  });

  it('tells the admin’s programs before and after', async () => {
    const answered: ExecFunctionLike = ({ command }) => (command.startsWith(HOOKS_FOLDER) ? '' : undefined);
    const host = await grown(HOOKS, { first: answered });
    await run(host);
    expect(told(host)).toEqual(['pre-reload', 'post-reload done']);
    const { options } = host.exec.calls.find(({ command }) => command.endsWith('pre-reload')) ?? {};
    expect(options?.env).toMatchObject({
      TTKMD_RELEASE: A,
      TTKMD_VERSION: '2.9.0',
      TTKMD_LOADED: '2.8.0',
      TTKMD_DEVICES: '0000:01:00.0',
    });
    expect(readHistory(host.fs).map(({ step, outcome }) => `${step} ${outcome}`)).toEqual(
      expect.arrayContaining(['pre-reload-hook done', 'post-reload-hook done', 'reload done']),
    );
  });

  it('is refused by the admin’s program, which is asked again later', async () => {
    const host = await grown(HOOKS, {
      first: ({ command }) =>
        command.endsWith('pre-reload')
          ? { code: 1, stdout: 'job 7 is running\n' }
          : command.endsWith('post-reload')
            ? ''
            : undefined,
    });
    expect(ended(await run(host))).toEqual([
      `reload skipped: not reloaded: refused: job 7 is running (${HOOKS_FOLDER}/pre-reload ended with 1)`,
    ]);
    expect(version(host)).toBe('2.8.0');
    expect(told(host)).toEqual(['pre-reload', 'post-reload failed']);
    expect((await run(host)).outcome).toBe('nothing-to-do');
    const { problems } = await judgeHost(host);
    expect(problems.map(({ code, message }) => `${code}: ${message}`).join()).toMatch(
      /reload-failed: .*job 7 is running/,
    );
    const written = readHistory(host.fs).length;
    host.clock.advance(15 * 60_000);
    expect(ended(await run(host))).toHaveLength(1);
    expect(told(host)).toHaveLength(4);
    // The wait grows, and what was written down is not written down each time.
    host.clock.advance(15 * 60_000);
    expect((await run(host)).outcome).toBe('nothing-to-do');
    host.clock.advance(15 * 60_000);
    expect(ended(await run(host))).toHaveLength(1);
    expect(readHistory(host.fs)).toHaveLength(written);
  });

  it('is not tried without the program that cannot be trusted', async () => {
    const host = await grown({ [`${HOOKS_FOLDER}/pre-reload`]: { text: '', mode: 0o777 } });
    expect(ended(await run(host))[0]).toMatch(
      /not reloaded: refused \(.*is not run: it can be written to by everybody\)/,
    );
    expect(version(host)).toBe('2.8.0');
  });

  it('puts the old module back, with its parameters, where the new one does not load, and does not try that again', async () => {
    const host = await grown({}, { refuses: ['2.9.0'] });
    expect(ended(await run(host))[0]).toMatch(
      /^reload failed: not loaded: .*Invalid argument.*; 2\.8\.0 was put back$/,
    );
    expect(version(host)).toBe('2.8.0');
    expect(host.exec.calls.map(({ line }) => line)).toContain(
      `insmod ${COPY} reset_limit=3 note="two words"`,
    );
    expect(host.exec.calls.map(({ line }) => line)).toContain('modprobe -a hwmon');
    const before = host.exec.calls.length;
    for (const trigger of ['watch', 'timer', 'boot', 'cli'] as const) {
      expect((await run(host, { trigger })).outcome).toBe('nothing-to-do');
    }
    expect(host.exec.calls.slice(before).filter(({ command }) => command === 'modprobe')).toEqual([]);
    const judgement = await judgeHost(host);
    expect(judgement.problems.map(({ code }) => code)).toEqual(['reload-failed']);
    expect(digest(judgement, undefined).again).toBeUndefined();
  });

  it('puts the old module back where the device is gone under the new one', async () => {
    const host = await grown({}, { blind: ['2.9.0'] });
    expect(ended(await run(host))[0]).toMatch(
      /loaded tenstorrent 2\.9\.0, but no device appeared.*2\.8\.0 was put back/,
    );
    expect(version(host)).toBe('2.8.0');
    expect(host.fs.exists('/dev/tenstorrent/0')).toBe(true);
  });

  it('is tried again where the failed module is replaced', async () => {
    const host = await grown({}, { refuses: ['2.9.0'] });
    await run(host);
    host.put(driverSource('2.10.0'));
    expect(ended(await run(host))).toEqual(['reload done: loaded tenstorrent 2.10.0 in the place of 2.8.0']);
  });

  it('says that nothing is loaded where the old one does not come back either, and does not try forever', async () => {
    const host = await grown({}, { refuses: ['2.9.0', '2.8.0'] });
    expect(ended(await run(host))[0]).toMatch(/; 2\.8\.0 could not be put back: .*Invalid argument/);
    expect(version(host)).toBeUndefined();
    host.put(WAITING);
    host.fs.remove(`${PCI}/driver`);
    expect((await run(host)).outcome).toBe('nothing-to-do');
    const { problems, health } = await judgeHost(host);
    expect(health).toBe('failed');
    expect(problems.find(({ code }) => code === 'not-loaded')?.message).toMatch(/could not be put back/);
    expect(ended(await run(host, { trigger: 'timer' }))).toHaveLength(0);
    host.clock.advance(15 * 60_000);
    expect(ended(await run(host, { trigger: 'timer' }))).toHaveLength(1);
    // The wait grows: what refuses for hours is not asked each quarter of an hour.
    host.clock.advance(15 * 60_000);
    expect(ended(await run(host, { trigger: 'timer' }))).toHaveLength(0);
    host.clock.advance(15 * 60_000);
    expect(ended(await run(host, { trigger: 'timer' }))).toHaveLength(1);
    // But not without end.
    for (let n = 0; n < 6; n += 1) {
      host.clock.advance(4 * 60 * 60_000);
      expect(ended(await run(host, { trigger: 'timer' })), `try ${n}`).toHaveLength(1);
    }
  });

  it.each<[string, ExecFunctionLike]>([
    [
      'while the admin’s program drained',
      ({ command }, on) => {
        if (command.endsWith('pre-reload')) take(on as MemoryHost);
        return command.startsWith(HOOKS_FOLDER) ? '' : undefined;
      },
    ],
    [
      'between the last look and the unloading: the kernel itself refuses',
      ({ line, command }, on) => {
        if (line === 'modprobe -r tenstorrent') take(on as MemoryHost);
        return command.startsWith(HOOKS_FOLDER) ? '' : undefined;
      },
    ],
  ])('is put off where somebody opens the device %s', async (_, first) => {
    const host = await grown(HOOKS, { first });
    const report = await run(host);
    expect(ended(report)[0]).toMatch(
      /^reload skipped: not (re|un)loaded: the device is in use by python3 \(pid 4711/,
    );
    expect(version(host)).toBe('2.8.0');
    expect(told(host)).toEqual(['pre-reload', 'post-reload failed']);
    expect(report.outcome).toBe('done');
    // Not each minute: what uses the card was drained for it.
    expect(digest(report.after, report).again).toBe(15 * 60_000);
    host.put({ '/sys/module/tenstorrent/refcnt': '0\n' });
    host.fs.removeTree('/proc/4711');
    expect(await planHost(host)).toEqual([]);
    host.clock.advance(15 * 60_000);
    expect((await planHost(host)).map(({ kind }) => kind)).toEqual(['reload']);
  });

  it('waits for the holder who is there from the start, and is done when it lets go', async () => {
    const host = await grown({ ...holder(4711, 'python3'), '/sys/module/tenstorrent/refcnt': '1\n' });
    const report = await run(host);
    expect(ended(report)).toEqual([]);
    expect(report.after.driver.reload?.obstacle?.text).toContain('python3 (pid 4711');
    expect(digest(report.after, report).again).toBe(60_000);
    host.put({ '/sys/module/tenstorrent/refcnt': '0\n' });
    host.fs.removeTree('/proc/4711');
    expect(ended(await run(host))).toEqual(['reload done: loaded tenstorrent 2.9.0 in the place of 2.8.0']);
  });

  it('is not begun by itself in the run of an installation either, where nothing could be put back', async () => {
    // What is loaded is not what lay on disk: there is no file to be kept.
    const host = await grown(loadedModule('2.7.0'));
    expect(ended(await run(host))[0]).toMatch(/^reload skipped: .*no copy/);
    expect(version(host)).toBe('2.7.0');
  });

  it('is not begun where it could not be written down', async () => {
    const host = await grown(HOOKS);
    await run(host, { trigger: 'kernel-event' });
    const fs = {
      ...host.fs,
      write(path: string, ...rest: never[]) {
        if (path.endsWith('state.json'))
          throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' });
        (host.fs.write as (path: string, ...rest: never[]) => void)(path, ...rest);
      },
    };
    expect(ended(await run({ ...host, fs } as MemoryHost))).toEqual([
      'reload skipped: not begun, since it could not be written down that it has',
    ]);
    expect(version(host)).toBe('2.8.0');
    expect(told(host)).toEqual([]);
  });
});

it('a module is known again by whatever path it is reached', () => {
  const host = machine({
    '/usr/lib/modules/x/a.ko': 'text',
    '/usr/lib/modules/x/b.ko': 'text',
    '/alias': { link: 'usr/lib' },
  });
  const [one, same, other] = [
    '/alias/modules/x/a.ko',
    '/usr/lib/modules/x/a.ko',
    '/alias/modules/x/b.ko',
  ].map((path) => contentIdentity(host.fs, path));
  expect(same).toBe(one);
  expect(other).not.toBe(one);
});
