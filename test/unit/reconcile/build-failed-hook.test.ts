// The admin's program for failed builds: what it is told, when it is not run, and that it never spoils a run.
import { describe, expect, it } from 'vitest';
import { HOOK_PATH, runBuildFailedHook } from '../../../src/reconcile/build-failed-hook.ts';
import type { Work } from '../../../src/reconcile/work.ts';
import { readHistory } from '../../../src/state/history.ts';
import { POLICY } from '../support/machines.ts';
import { type ExecAnswer, type FileSpec, memoryHost } from '../support/memory-host.ts';

const LOG = '/var/log/ttkmd/builds/x.log';
const STEP = { release: '6.12.58-gentoo-dist', version: '2.9.0' };
const SCRIPT: FileSpec = { text: '#!/bin/sh\n', mode: 0o755 };

async function tell(files: Readonly<Record<string, FileSpec>>, answer: ExecAnswer = '') {
  const host = memoryHost({ files: { [LOG]: 'a log\n', ...files }, exec: () => answer });
  const work = { host, policy: POLICY, descriptor: 3 } as unknown as Work;
  await runBuildFailedHook(work, STEP, { outcome: 'failed', text: 'no such symbol', log: LOG });
  return { host, entry: readHistory(host.fs).at(-1), log: host.fs.readText(LOG) };
}

it('is told what failed, why, where the log is and who asked', async () => {
  const { host, entry, log } = await tell({ [HOOK_PATH]: SCRIPT }, 'mail sent\n');
  expect(host.exec.calls).toMatchObject([
    {
      kind: 'run',
      command: HOOK_PATH,
      args: [],
      options: {
        timeLimit: 30_000,
        env: {
          TTKMD_RELEASE: STEP.release,
          TTKMD_VERSION: STEP.version,
          TTKMD_REASON: 'no such symbol',
          TTKMD_LOG: LOG,
          TTKMD_TRIGGER: 'cli',
        },
      },
    },
  ]);
  expect(log).toBe(`a log\n\n--- ${HOOK_PATH}\nmail sent\n--- ${HOOK_PATH} was told\n`);
  expect(entry).toMatchObject({ step: 'build-failed-hook', outcome: 'done', release: STEP.release });
  expect(host.log.entries).toEqual([]);
});

it('is nothing to speak of where there is none', async () => {
  const { host, entry, log } = await tell({});
  expect([host.exec.calls, entry, log]).toEqual([[], undefined, 'a log\n']);
});

describe('is not run', () => {
  it.each<[string, FileSpec, string]>([
    ['belongs to another', { text: '', mode: 0o755, user: 1000 }, 'it belongs to user 1000, not to root'],
    ['can be written to by all', { text: '', mode: 0o757 }, 'others than root can write to it'],
    ['can be written to by a group', { text: '', mode: 0o775, group: 5 }, 'others than root can write to it'],
    ['is not executable', { text: '', mode: 0o644 }, 'it is not executable'],
    ['is a folder', { folder: true }, 'it is no file'],
    ['leads nowhere', { link: '/nowhere' }, 'it is no file'],
  ])('where it %s', async (_, spec, why) => {
    const { host, entry } = await tell({ [HOOK_PATH]: spec });
    expect(host.exec.calls).toEqual([]);
    expect(entry).toMatchObject({ outcome: 'failed', detail: `${HOOK_PATH} is not run: ${why}` });
    expect(host.log.entries).toMatchObject([{ level: 'warn' }]);
  });

  it('where others can put something else in its place', async () => {
    const { host, entry } = await tell({
      [HOOK_PATH]: SCRIPT,
      '/etc/ttkmd/hooks.d': { folder: true, mode: 0o777 },
    });
    expect(host.exec.calls).toEqual([]);
    expect(entry?.detail).toBe(`${HOOK_PATH} is not run: others than root can write to its folder`);
  });
});

describe('its own failure is written down, and no more', () => {
  it.each<[string, ExecAnswer, string]>([
    ['a status', { code: 3, stderr: 'no mail\n' }, 'ended with 3'],
    ['a signal', { signal: 'SIGSEGV' }, 'ended with SIGSEGV'],
    ['no end', { timedOut: true }, 'was ended after 30 s'],
  ])('%s', async (_, answer, why) => {
    const { entry, log } = await tell({ [HOOK_PATH]: SCRIPT }, answer);
    expect(entry).toMatchObject({ outcome: 'failed', detail: `${HOOK_PATH} ${why}` });
    expect(log).toContain(`--- ${HOOK_PATH} ${why}\n`);
  });
});
