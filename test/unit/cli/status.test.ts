// The status screen: what each row says of its kernel, and who is at work.
import { describe, expect, it } from 'vitest';
import { renderStatus } from '../../../src/cli/render-status.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { cardsOf } from '../../../src/reconcile/look.ts';
import { EMPTY_STATE, type FailureRecord, type ModuleRecord, saveState } from '../../../src/state/state.ts';
import {
  current,
  dkmsRecord,
  driverSource,
  type Files,
  gentooKernel,
  judgeHost,
  machine,
  NOW,
} from '../support/machines.ts';

const A = '6.12.58-gentoo-dist';
const B = '6.12.60-gentoo-dist';
const SOURCE: Files = { ...driverSource('2.9.0'), ...dkmsRecord('2.9.0') };
const NO_HEADERS: Files = { [`/lib/modules/${B}/build`]: { link: '/nowhere' } };
const MINUTE = 60_000;

function terminal(width: number): Terminal {
  return { width, live: false, style: (_, text) => text, line() {}, raw() {} };
}

const RECORD = {
  version: '2.9.0',
  sourceHash: '',
  abiIdentity: undefined,
  abiHash: undefined,
  trigger: 'cli',
} as const;

async function screen(
  files: Files,
  options: { width?: number; built?: number; failed?: number; run?: number } = {},
): Promise<string[]> {
  const host = machine(files, { machine: { runningRelease: A } });
  const judged = await judgeHost(host);
  const hash = judged.driver.source?.hash ?? '';
  const module: ModuleRecord = { ...RECORD, sourceHash: hash, at: NOW - (options.built ?? 0), seconds: 9 };
  const failure: FailureRecord = {
    ...RECORD,
    sourceHash: hash,
    at: NOW - (options.failed ?? 0),
    tools: judged.observation.tools.get(B) ?? '',
    code: 'missing-symbol',
    headline: 'hwmon_device_register_with_info is missing',
    cause: 'CONFIG_HWMON is off in this kernel',
    hint: 'turn it on',
    transient: false,
    unsupported: false,
    log: undefined,
  };
  saveState(host.fs, {
    ...EMPTY_STATE,
    modules: options.built === undefined ? {} : { [A]: module },
    failures: options.failed === undefined ? {} : { [B]: failure },
  });
  const run =
    options.run === undefined
      ? undefined
      : { pid: 4711, started: '1', trigger: 'kernel-event' as const, since: NOW - options.run };
  const judgement = await judgeHost(host);
  return renderStatus(judgement, run, cardsOf(host, judgement), terminal(options.width ?? 200));
}

/** The row of a kernel, its cells apart. */
function row(lines: readonly string[], release: string): string[] {
  const line = lines.find((one) => one.slice(4).startsWith(`${release}  `)) ?? '';
  return line.replace('▸', '').trim().split(/ {2,}/);
}

function head(lines: readonly string[]): string[] {
  return (lines.find((line) => line.includes('KERNEL')) ?? '').trim().split(/ {2,}/);
}

describe('a row', () => {
  it('says since when the module is current, and nothing else where all are', async () => {
    const lines = await screen({ ...current(A, '2.9.0'), ...SOURCE }, { built: 12 * MINUTE });
    expect(head(lines)).toEqual(['KERNEL', 'ORIGIN', 'MODULE', 'DRIVER', 'SINCE']);
    expect(row(lines, A)).toEqual([A, 'sys-kernel/gentoo-kernel', 'current', '2.9.0', '12 min']);
  });

  it('says why it is not, under a title of its own', async () => {
    const files = { ...current(A, '2.9.0'), ...gentooKernel(B), ...SOURCE };
    const lines = await screen(files, { built: 3 * 24 * 60 * MINUTE, failed: 12 * MINUTE });
    expect(head(lines)).toEqual(['KERNEL', 'ORIGIN', 'MODULE', 'DRIVER', 'SINCE', 'WHY']);
    expect(row(lines, A)).toEqual([A, 'sys-kernel/gentoo-kernel', 'current', '2.9.0', '3 days']);
    expect(row(lines, B)).toEqual([
      B,
      'sys-kernel/gentoo-kernel',
      'failed',
      '–',
      '12 min',
      'CONFIG_HWMON is off in this kernel',
    ]);
  });

  it.each<[string, Files, RegExp]>([
    ['not built yet', { ...gentooKernel(B), ...SOURCE }, /^no module is installed$/],
    ['no source', gentooKernel(B), /driver source/],
    [
      'no dkms',
      { ...gentooKernel(B), ...SOURCE, '/usr/sbin/dkms': { link: '/nowhere' } },
      /^dkms is not installed$/,
    ],
    ['no headers', { ...gentooKernel(B), ...NO_HEADERS, ...SOURCE }, /\/build .*missing|leads to \/nowhere/],
    [
      'an older module and no headers',
      { ...current(B, '2.8.0'), ...NO_HEADERS, ...SOURCE },
      /version 2\.8\.0, wanted is 2\.9\.0; .*\/build/,
    ],
    ['built by another', { ...current(B, '2.9.0'), ...SOURCE }, /^nobody wrote down who built it$/],
  ])('says what is in the way: %s', async (_, files, why) => {
    expect(row(await screen(files), B).at(-1)).toMatch(why);
  });

  it.each([40, 60, 80, 100])('is no wider than a terminal of %i columns', async (width) => {
    const files = { ...current(A, '2.9.0'), ...gentooKernel(B), ...SOURCE };
    const lines = await screen(files, { width, built: 0, failed: 0, run: 5000 });
    for (const line of lines) {
      // What is to be copied stays whole.
      if (line.includes('log: ')) continue;
      const canBreak = line
        .trim()
        .replace(/^[→✗·] /, '')
        .includes(' ');
      if (canBreak) expect(line.length, line).toBeLessThanOrEqual(width);
    }
  });
});

it('names who is at work, since when, and how to see what it does', async () => {
  const lines = await screen({ ...gentooKernel(A), ...SOURCE }, { run: 12_000 });
  const at = lines.findIndex((line) => line.startsWith('  working'));
  expect(lines[at]).toBe('  working    a reconcile (kernel-event), pid 4711, for 12 s');
  expect(lines[at + 1]).toBe(
    '             see what it does, as root: ttkmdctl reconcile; end it: ttkmdctl cancel',
  );
});

it("says that a module is Portage's, and nothing of sources that are missing", async () => {
  const lines = await screen({
    ...current(A, '2.9.0'),
    [`/lib/modules/${A}/modules.dep`]: 'kernel/extra/tenstorrent.ko:\n',
    '/var/lib/dkms': { folder: true },
    [`/var/lib/dkms/tenstorrent/kernel-${A}-x86_64`]: { link: '/nowhere' },
    '/var/db/pkg/sys-kernel/tt-kmd-2.9.0/CONTENTS': `obj /lib/modules/${A}/kernel/extra/tenstorrent.ko d41d8cd98f00b204e9800998ecf8427e 1\n`,
  });
  const text = lines.join('\n');
  expect(text).toContain('driver     left to Portage: sys-kernel/tt-kmd-2.9.0');
  expect(lines.find((line) => line.includes('current'))).toContain(
    'left to Portage: sys-kernel/tt-kmd-2.9.0',
  );
  expect(text).not.toContain('/usr/src');
});
