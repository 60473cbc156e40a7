// Driver versions that no kernel uses any more: which are kept, which go, and whose they are.
import { describe, expect, it } from 'vitest';
import {
  current,
  dkmsRecord,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  machine,
  module,
  planHost,
} from '../support/machines.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { workingDkms } from '../support/working-dkms.ts';
import { A, B } from './host-rows.ts';

const path = (version: string): string => `/usr/src/tenstorrent-${version}`;
const sources = (...versions: string[]): Files =>
  Object.assign({}, ...versions.map((version) => driverSource(version))) as Files;
const brought = (...versions: string[]): Files => ({
  '/var/lib/ttkmd/bootstrap.json': JSON.stringify({
    schema: 1,
    steps: [{ name: 'source', done: true, undo: versions.map((one) => ({ kind: 'tree', path: path(one) })) }],
  }),
});
const settings = (text: string): Files => ({ '/etc/ttkmd/ttkmd.conf': `[driver]\n${text}\n` });
const ALL = ['2.6.0', '2.7.0', '2.8.0', '2.9.0'];
const MACHINE: Files = { ...current(A, '2.9.0'), ...sources(...ALL) };

describe('old driver sources', () => {
  it.each<[string, Files, string[]]>([
    ['nobody knows whose', {}, []],
    ['all brought by a bootstrap', brought(...ALL), ['removeSource 2.7.0', 'removeSource 2.6.0']],
    ['one brought by a bootstrap', brought('2.6.0'), ['removeSource 2.6.0']],
    ['the one to be kept brought by a bootstrap', brought('2.8.0'), []],
    ['more to be kept', { ...brought(...ALL), ...settings('keep_old = 2') }, ['removeSource 2.6.0']],
    [
      'none to be kept',
      { ...brought(...ALL), ...settings('keep_old = 0') },
      ['removeSource 2.8.0', 'removeSource 2.7.0', 'removeSource 2.6.0'],
    ],
    [
      'one that a kernel uses',
      { ...brought(...ALL), ...gentooKernel(B, { without: ['Makefile'] }), ...module(B, '2.7.0') },
      ['removeSource 2.6.0', `wait ${B}`],
    ],
    [
      'newer than the pinned one',
      {
        ...brought(...ALL),
        ...module(A, '2.7.0'),
        ...dkmsRecord('2.7.0', [A]),
        ...settings('version = 2.7.0'),
      },
      ['unregister 2.9.0'],
    ],
    ['settings that cannot be read', { ...brought(...ALL), ...settings('keep_old = all') }, []],
    ['a journal that cannot be read', { '/var/lib/ttkmd/bootstrap.json': '{' }, []],
    [
      "one that is not root's",
      { ...brought(...ALL), ...driverSource('2.6.0', { user: 7 }) },
      ['removeSource 2.7.0'],
    ],
  ])('%s', async (_, files, expected) => {
    expect(inShort(await planHost(machine({ ...MACHINE, ...files })))).toEqual(expected);
  });

  it('stay where only one kernel is meant', async () => {
    const host = machine({ ...MACHINE, ...brought(...ALL) });
    expect(inShort(await planHost(host, { only: A }))).toEqual([]);
  });

  it('go once their kernels have the new driver, and not before', async () => {
    const files = { ...current(A, '2.8.0'), ...sources('2.8.0', '2.9.0') };
    const options = { ...brought('2.8.0'), ...settings('keep_old = 0') };
    for (const works of [true, false]) {
      const host = machine(
        { ...files, ...options },
        {
          exec: (call, on) =>
            !works && call.command === 'dkms' && call.args[0] === 'build'
              ? { code: 10, stdout: 'error: no' }
              : workingDkms(call, on),
          machine: { effectiveUser: 0 },
        },
      );
      const report = await runReconcile(host);
      const removal = report.done.find(({ step }) => step.kind === 'removeSource');
      expect(removal?.outcome).toBe(works ? 'done' : 'skipped');
      expect(host.fs.exists(path('2.8.0'))).toBe(!works);
      expect(host.fs.exists(path('2.9.0'))).toBe(true);
      if (works) expect(inShort((await runReconcile(host)).steps)).toEqual([]);
    }
  });
});
