// The admin's programs: what they are told, in which order, when they are not run, and that they never spoil a run.
import { describe, expect, it } from 'vitest';
import { runHooks } from '../../../src/reconcile/admin-hooks.ts';
import { HOOKS_FOLDER, type HookName } from '../../../src/reconcile/hook-files.ts';
import type { Work } from '../../../src/reconcile/work.ts';
import { readHistory } from '../../../src/state/history.ts';
import { createUnwritten } from '../../../src/state/unwritten.ts';
import { driverSource, type Files, gentooKernel, machine, POLICY } from '../support/machines.ts';
import { type ExecAnswer, type FileSpec, memoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import type { ExecScript } from '../support/scripted-exec.ts';
import { workingDkms } from '../support/working-dkms.ts';

const HOOK_PATH = `${HOOKS_FOLDER}/build-failed`;
const LOG = '/var/log/ttkmd/builds/x.log';
const RELEASE = '6.12.58-gentoo-dist';
const FACTS = { RELEASE, VERSION: '2.9.0', REASON: 'no such symbol', LOG };
const SCRIPT: FileSpec = { text: '#!/bin/sh\n', mode: 0o755 };

interface Options {
  readonly name?: HookName;
  readonly signal?: AbortSignal;
}

async function tell(
  files: Readonly<Record<string, FileSpec>>,
  answer: ExecAnswer | ExecScript = '',
  { name = 'build-failed', signal = new AbortController().signal }: Options = {},
) {
  const exec = typeof answer === 'function' || Array.isArray(answer) ? answer : () => answer as ExecAnswer;
  const host = memoryHost({ files: { [LOG]: 'a log\n', ...files }, exec: exec as ExecScript });
  const unwritten = createUnwritten();
  const shown: string[] = [];
  const onLine = (line: string) => void shown.push(line);
  const work = { host, policy: POLICY, descriptor: 3, signal, unwritten, onLine } as unknown as Work;
  const result = await runHooks(work, name, FACTS);
  const entries = readHistory(host.fs);
  return { host, result, entries, entry: entries.at(-1), log: host.fs.readText(LOG), unwritten, shown };
}

it('is told what failed, why, where the log is and who asked', async () => {
  const { host, entry, log, result } = await tell({ [HOOK_PATH]: SCRIPT }, 'mail sent\n');
  expect(host.exec.calls).toMatchObject([
    {
      kind: 'run',
      command: HOOK_PATH,
      args: [],
      options: {
        timeLimit: 30_000,
        seesProcesses: true,
        env: {
          TTKMD_EVENT: 'build-failed',
          TTKMD_RELEASE: RELEASE,
          TTKMD_VERSION: '2.9.0',
          TTKMD_REASON: 'no such symbol',
          TTKMD_LOG: LOG,
          TTKMD_TRIGGER: 'cli',
        },
      },
    },
  ]);
  // What it leaves running is not to hold the lock.
  expect(host.exec.calls[0]?.options).not.toHaveProperty('keepOpen');
  expect(log).toBe(`a log\n\n--- ${HOOK_PATH}\nmail sent\n--- ${HOOK_PATH} was told\n`);
  expect(entry).toMatchObject({ step: 'build-failed-hook', outcome: 'done', release: RELEASE });
  expect(host.log.entries).toEqual([]);
  expect(result).toEqual({ trouble: undefined, lastLine: 'mail sent' });
});

it('is nothing to speak of where there is none', async () => {
  const { host, entry, log, result } = await tell({});
  expect([host.exec.calls, entry, log, result]).toEqual([[], undefined, 'a log\n', undefined]);
});

describe('a folder', () => {
  const folder = (names: Readonly<Record<string, FileSpec>>): Files =>
    Object.fromEntries(Object.entries(names).map(([name, spec]) => [`${HOOK_PATH}/${name}`, spec]));
  const ran = (host: { exec: { calls: readonly { command: string }[] } }) =>
    host.exec.calls.map(({ command }) => command.slice(HOOK_PATH.length + 1));

  it('has its executables run by their names, and nothing else that lies there', async () => {
    const { host, entries } = await tell(
      folder({
        '20-mail': SCRIPT,
        '10-bell': SCRIPT,
        README: 'read me',
        '30-old~': SCRIPT,
        '.hidden': SCRIPT,
        '40.bak': SCRIPT,
        deeper: { folder: true },
      }),
    );
    expect(ran(host)).toEqual(['10-bell', '20-mail']);
    expect(entries.map(({ outcome }) => outcome)).toEqual(['done', 'done']);
  });

  it('goes on after one that fails, and gives them one time limit together', async () => {
    const { host, result, entries } = await tell(folder({ a: SCRIPT, b: SCRIPT, c: SCRIPT }), (call, on) => {
      (on.clock as unknown as { advance(ms: number): void }).advance(20_000);
      return call.command.endsWith('a') ? { code: 1 } : '';
    });
    expect(ran(host)).toEqual(['a', 'b']);
    expect(host.exec.calls.map(({ options }) => options?.timeLimit)).toEqual([30_000, 10_000]);
    expect(result?.trouble).toBe(`${HOOK_PATH}/a ended with 1`);
    expect(entries.map(({ outcome }) => outcome)).toEqual(['failed', 'done', 'failed']);
  });

  it('tells of one that others could write to, and runs the rest', async () => {
    const { host, result } = await tell(folder({ a: { text: '', mode: 0o777 }, b: SCRIPT }));
    expect(ran(host)).toEqual(['b']);
    expect(result?.trouble).toBe(`${HOOK_PATH}/a is not run: it can be written to by everybody`);
  });

  it('is looked at no further once one refuses a reload', async () => {
    const before = `${HOOKS_FOLDER}/pre-reload`;
    const { host, result } = await tell(
      { [`${before}/a`]: SCRIPT, [`${before}/b`]: SCRIPT },
      { code: 1, stdout: 'draining\njob 7 will not end\n\n' },
      { name: 'pre-reload' },
    );
    expect(host.exec.calls.map(({ command, options }) => [command, options?.timeLimit])).toEqual([
      [`${before}/a`, 300_000],
    ]);
    expect(result).toEqual({ trouble: `${before}/a ended with 1`, lastLine: 'job 7 will not end' });
  });
});

describe('is not run', () => {
  it.each<[string, FileSpec, string]>([
    ['belongs to another', { text: '', mode: 0o755, user: 1000 }, 'it belongs to user 1000, not to root'],
    ['can be written to by all', { text: '', mode: 0o757 }, 'it can be written to by everybody'],
    ['can be written to by a group', { text: '', mode: 0o775, group: 5 }, 'it can be written to by group 5'],
    ['is not executable', { text: '', mode: 0o644 }, 'it is not executable'],
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
      [HOOKS_FOLDER]: { folder: true, mode: 0o777 },
    });
    expect(host.exec.calls).toEqual([]);
    expect(entry?.detail).toBe(`${HOOK_PATH} is not run: ${HOOKS_FOLDER} can be written to by everybody`);
  });

  it('where it leads to what is not root’s', async () => {
    const { host, entry } = await tell({
      [HOOK_PATH]: { link: '/home/me/hook' },
      '/home/me/hook': SCRIPT,
      '/home/me': { folder: true, user: 1000 },
    });
    expect(host.exec.calls).toEqual([]);
    expect(entry?.detail).toContain('/home/me belongs to user 1000, not to root');
  });
});

describe('its own failure is written down, and no more', () => {
  it.each<[string, ExecAnswer, string]>([
    ['a status', { code: 3, stderr: 'no mail\n' }, 'ended with 3'],
    ['a signal', { signal: 'SIGSEGV' }, 'ended with SIGSEGV'],
    ['no end', { timedOut: true }, 'was ended after 30 s'],
    ['the end of the run', { cancelled: true }, 'was ended with the run'],
  ])('%s', async (_, answer, why) => {
    const { entry, log } = await tell({ [HOOK_PATH]: SCRIPT }, answer);
    expect(entry).toMatchObject({ outcome: 'failed', detail: `${HOOK_PATH} ${why}` });
    expect(log).toContain(`--- ${HOOK_PATH} ${why}\n`);
  });
});

it('has little time where the run’s own is over', async () => {
  const { host } = await tell({ [HOOK_PATH]: SCRIPT }, '', { signal: AbortSignal.abort() });
  expect(host.exec.calls.map(({ options }) => options?.timeLimit)).toEqual([5000]);
});

describe('in a run', () => {
  const SUCCEEDED = `${HOOKS_FOLDER}/build-succeeded`;
  const FILES = { ...gentooKernel(RELEASE), ...driverSource('2.9.0') };

  async function toldIn(script: (verb: string) => ExecAnswer | undefined) {
    const host = machine(
      { ...FILES, [HOOK_PATH]: SCRIPT, [SUCCEEDED]: SCRIPT },
      {
        exec: (call, on) =>
          call.command.startsWith(HOOKS_FOLDER) ? '' : (script(call.args[0] ?? '') ?? workingDkms(call, on)),
      },
    );
    await runReconcile(host);
    const told = host.exec.calls.filter(({ command }) => command.startsWith(HOOKS_FOLDER));
    return told.map(({ command, options }) => [command, options?.env?.TTKMD_REASON]);
  }

  it('a build that came to its end is told', async () => {
    expect(await toldIn(() => undefined)).toEqual([[SUCCEEDED, 'installed, verified']]);
  });

  it('so is one that failed', async () => {
    expect(await toldIn((verb) => (verb === 'build' ? { code: 10 } : undefined))).toEqual([
      [HOOK_PATH, expect.any(String)],
    ]);
  });

  it('and one whose module could not be installed', async () => {
    expect(await toldIn((verb) => (verb === 'install' ? { code: 6 } : undefined))).toEqual([
      [HOOK_PATH, 'dkms install ended with 6'],
    ]);
  });
});
