// Archives of build trees: which are made, what is built from them, and when they go.
import { describe, expect, it } from 'vitest';
import type { Host } from '../../../src/host/host.ts';
import type { HeldLock } from '../../../src/host/lock.ts';
import {
  buildTree,
  current,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  judgeHost,
  machine,
  NOW,
  planHost,
} from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import type { ExecAnswer, ExecFunction } from '../support/scripted-exec.ts';
import { workingDkms } from '../support/working-dkms.ts';
import { A, B, state, V1 } from './host-rows.ts';

const settings = (text: string): Files => ({ '/etc/ttkmd/ttkmd.conf': `[kernels]\n${text}\n` });
const ON = settings('archive = yes');
const archive = (release: string, bytes = 100): Files => ({
  [`/var/lib/ttkmd/archive/${release}.tar.zst`]: 'x'.repeat(bytes),
});
const BOTH: Files = { ...current(A, '2.9.0'), ...current(B, '2.9.0'), ...V1 };

/** A machine that remembers archives of all its kernels. */
async function remembering(files: Files, change: object | undefined): Promise<MemoryHost> {
  const host = machine(files);
  if (change === undefined) return host;
  const { kernels } = await judgeHost(host);
  const archives = Object.fromEntries(
    kernels.map(({ kernel }) => [kernel.release, { abiIdentity: kernel.abiIdentity, bytes: 100, ...change }]),
  );
  host.put(state({ archives }));
  return host;
}

describe('archives of build trees', () => {
  it.each<[string, Files, object | undefined, string[]]>([
    ['are not made unless asked for', BOTH, undefined, []],
    ['are made of each tree that is ready', { ...BOTH, ...ON }, undefined, [`archive ${B}`, `archive ${A}`]],
    ['are there', { ...BOTH, ...ON, ...archive(A), ...archive(B) }, {}, []],
    [
      'are made anew of another tree',
      { ...BOTH, ...ON, ...archive(A), ...archive(B) },
      { abiIdentity: 'x' },
      [`archive ${B}`, `archive ${A}`],
    ],
    [
      'stay where the settings cannot be read',
      { ...BOTH, ...settings('archive = perhaps'), ...archive(A) },
      {},
      [],
    ],
    ['are made anew where one was lost', { ...BOTH, ...ON, ...archive(A) }, {}, [`archive ${B}`]],
    ['go where they are not wanted any more', { ...BOTH, ...archive(A) }, {}, [`dropArchive ${A}`]],
    [
      'have so much room, which the newest kernel gets',
      { ...BOTH, ...settings('archive = yes\narchive_size = 150'), ...archive(A), ...archive(B) },
      {},
      [`dropArchive ${A}`],
    ],
    [
      'are not made again for what has no room',
      { ...BOTH, ...settings('archive = yes\narchive_size = 150'), ...archive(B) },
      {},
      [],
    ],
    [
      'have the room of what is not to be made any more',
      { ...BOTH, ...settings(`archive = yes\narchive_size = 150\nexclude = ${B}`), ...archive(A) },
      {},
      [],
    ],
    [
      'have the room of a kernel that can never take the driver',
      {
        ...BOTH,
        [`/usr/src/linux-${B}/include/config/auto.conf`]: 'CONFIG_MODULES=y\nCONFIG_SMP=y\n',
        ...settings('archive = yes\narchive_size = 150'),
        ...archive(A),
      },
      {},
      [],
    ],
    [
      'have the room of what cannot be made, since its tree is gone',
      {
        ...BOTH,
        [`/lib/modules/${B}/build`]: { link: '/usr/src/none' },
        ...settings('archive = yes\narchive_size = 150'),
        ...archive(A),
      },
      {},
      [],
    ],
    [
      'have the room of what is left alone, whose own archive goes for it',
      { ...BOTH, ...settings(`archive = yes\narchive_size = 150\nexclude = ${B}`), ...archive(B) },
      {},
      [`dropArchive ${B}`, `archive ${A}`],
    ],
    [
      'stay of what is left alone where there is room',
      { ...BOTH, ...settings(`archive = yes\nexclude = ${B}`), ...archive(A), ...archive(B) },
      {},
      [],
    ],
    [
      'have the room of a kernel that takes no module that is built here, though it has one',
      {
        ...BOTH,
        ...buildTree(`/usr/src/linux-${B}`, B, {
          options: 'CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_FORCE=y\n',
        }),
        ...settings('archive = yes\narchive_size = 150'),
        ...archive(A),
      },
      {},
      [],
    ],
    ['are made once there is room', { ...BOTH, ...ON, ...archive(B) }, {}, [`archive ${A}`]],
    ['are not made again of what cannot be kept', { ...BOTH, ...ON }, { bytes: undefined }, []],
    [
      'are tried again where there was no room on disk',
      { ...BOTH, ...ON },
      { bytes: undefined, transient: true },
      [`archive ${B}`, `archive ${A}`],
    ],
  ])('%s', async (_, files, change, expected) => {
    const host = await remembering(files, change);
    expect(inShort(await planHost(host))).toEqual(expected);
  });

  it.each(['kernel-event', 'boot'] as const)('wait for another moment than a %s', async (trigger) => {
    expect(inShort(await planHost(machine({ ...BOTH, ...ON }), { trigger }))).toEqual([]);
  });
});

it('whoever waits for the lock does not wait for archives, which are made later', async () => {
  const folders = [A, B].flatMap((release) =>
    ['include', 'scripts'].map((name) => [`/usr/src/linux-${release}/${name}`, { folder: true }]),
  );
  let waiting: Promise<HeldLock | undefined> | undefined;
  const host = machine(
    { ...Object.fromEntries(folders), ...BOTH, ...ON },
    {
      machine: { effectiveUser: 0 },
      exec: async (call, on) => {
        const { signal } = (call.options ?? {}) as { signal?: AbortSignal };
        const file = call.args[call.args.indexOf('--file') + 1] ?? '';
        if (call.command !== 'tar')
          return ['zstd', 'find'].includes(call.command) ? '' : workingDkms(call, on);
        on.fs.write(file, 'half an archive');
        if (waiting !== undefined) return '';
        waiting = on.lock.acquire(60_000);
        // It takes as long as it is let.
        await new Promise((end) => signal?.addEventListener('abort', end));
        return { cancelled: true, signal: 'SIGTERM' };
      },
    },
  );
  const { done, outcome } = await runReconcile(host);
  expect(done.map((one) => [one.step.kind, one.outcome])).toEqual([
    ['archive', 'skipped'],
    ['archive', 'skipped'],
  ]);
  expect(done[0]?.text).toMatch(/another run waits/);
  expect(outcome).toBe('done');
  expect(host.fs.list('/var/lib/ttkmd/archive')).toEqual([]);
  (await waiting)?.release();
  expect(inShort((await runReconcile(host)).steps)).toEqual([`archive ${B}`, `archive ${A}`]);
  expect(await planHost(host)).toEqual([]);
});

it('what a killed run has left of one is cleared away', async () => {
  const drafts = ['archive/.6.1.0.tar.4711.new', 'unpacked/6.1.0/Makefile'];
  const files = Object.fromEntries(drafts.map((name) => [`/var/lib/ttkmd/${name}`, 'half']));
  expect(inShort(await planHost(machine({ ...BOTH, ...files })))).toEqual(['clean own', 'clean own']);
});

it('what another command of ours is just writing is left alone', async () => {
  const draft = { '/var/lib/ttkmd/.checks.json.4711.new': 'half' };
  const writing = { '/proc/4711/cmdline': 'ttkmdctl\0status\0' };
  const other = { '/proc/4711/cmdline': 'sleep\x001000\0' };
  expect(inShort(await planHost(machine({ ...BOTH, ...draft, ...writing })))).toEqual([]);
  expect(inShort(await planHost(machine({ ...BOTH, ...draft, ...other })))).toEqual(['clean own']);
});

describe('a kernel whose build tree is removed', () => {
  const TREE = `/usr/src/linux-${A}`;
  const LINK = `/lib/modules/${A}/build`;
  const calls: string[] = [];
  let damaged = false;
  let refusal: ExecAnswer | undefined;

  /** A tar whose archives hold a build tree. */
  const working: ExecFunction = (call, on: Host) => {
    calls.push([call.command, ...call.args].join(' '));
    if (call.command === 'zstd') return '';
    if (call.command === 'find') return '';
    if (call.command !== 'tar') return workingDkms(call, on);
    const { args } = call;
    if (args.includes('--create')) on.fs.write(args[args.indexOf('--file') + 1] ?? '', 'an archive');
    else if (refusal !== undefined) return refusal;
    else {
      const folder = args[args.indexOf('--directory') + 1] ?? '';
      const tree = buildTree(folder, damaged ? '6.6.6' : A);
      for (const [path, text] of Object.entries(tree)) on.fs.write(path, String(text));
    }
    return '';
  };

  /** Where its link leads may be sources that another kernel waits for. */
  async function stepsFor(host: MemoryHost): Promise<string[]> {
    return inShort((await runReconcile(host)).steps).filter((step) => step !== 'wait 6.6.6');
  }

  async function depcleaned(more: Files = {}) {
    const folders = Object.fromEntries(
      ['include', 'scripts'].map((name) => [`${TREE}/${name}`, { folder: true }]),
    );
    const files = { ...folders, ...gentooKernel(A), ...V1, ...ON } as Files;
    const host = machine(files, { exec: working, machine: { effectiveUser: 0 } });
    expect(inShort((await runReconcile(host)).steps).at(-1)).toBe(`archive ${A}`);
    expect(host.fs.list('/var/lib/ttkmd/archive')).toEqual([`${A}.tar.zst`]);
    expect(inShort((await runReconcile(host)).steps)).toEqual([]);
    host.fs.remove(LINK);
    host.fs.removeTree(TREE);
    host.put(more);
    expect(await stepsFor(host)).toEqual([]);
    host.put(driverSource('2.10.0'));
    calls.length = 0;
    return host;
  }

  it.each<[string, Files]>([
    ['is not there', {}],
    ['leads nowhere', { [LINK]: { link: TREE } }],
    [
      'follows to the tree of another kernel',
      { ...buildTree('/usr/src/linux-other', '6.6.6'), [LINK]: { link: '/usr/src/linux-other' } },
    ],
    [
      'follows to sources that nobody has built',
      {
        '/usr/src/linux-6.6.6/Makefile': 'VERSION = 6\nPATCHLEVEL = 6\nSUBLEVEL = 6\n',
        [LINK]: { link: '/usr/src/linux-6.6.6' },
      },
    ],
  ])('gets the next driver from the archive where its link %s', async (_, files) => {
    damaged = false;
    const host = await depcleaned(files);
    const report = await runReconcile(host);
    expect(report.done.map(({ outcome, step }) => `${step.kind} ${outcome}`)).toContain('install done');
    expect(report.after.kernels.find(({ kernel }) => kernel.release === A)).toMatchObject({
      state: 'current',
      module: { version: '2.10.0' },
    });
    const build = calls.find((call) => call.startsWith('dkms build'));
    expect(build).toContain(`--kernelsourcedir /var/lib/ttkmd/unpacked/${A}`);
    expect(host.fs.exists('/var/lib/ttkmd/unpacked')).toBe(false);
    expect(await stepsFor(host)).toEqual([]);

    // The tree comes back as it was: what was built from the archive was built from that.
    host.fs.remove(LINK);
    host.put({ ...buildTree(TREE, A), [LINK]: { link: TREE } });
    const steps = await stepsFor(host);
    expect(steps.filter((step) => !step.startsWith('archive'))).toEqual([]);
  });

  it('keeps what it has where the archive is damaged, and says so once', async () => {
    const host = await depcleaned();
    damaged = true;
    const report = await runReconcile(host);
    expect(report.outcome).toBe('failed');
    expect(report.after.kernels[0]).toMatchObject({ state: 'drifted', module: { version: '2.9.0' } });
    expect(report.after.problems[0]).toMatchObject({
      message: expect.stringContaining(`${A}.tar.zst is not to be built from`),
      hint: expect.stringMatching(/^emerge the kernel again.* rm \/var\/lib\/ttkmd\/archive/),
    });
    expect(calls.filter((call) => call.startsWith('dkms build'))).toEqual([]);
    expect(host.fs.exists('/var/lib/ttkmd/unpacked')).toBe(false);
    expect(inShort((await runReconcile(host)).steps)).toEqual([]);
  });

  // As tar 1.34 says it, with zstd 1.5.4 and xz 5.4.
  it.each<[string, ExecAnswer, RegExp]>([
    [
      'there is no zstd',
      { code: 2, stderr: 'tar (child): zstd: Cannot exec: No such file or directory\n' },
      /app-arch\/zstd/,
    ],
    [
      'zstd was killed for want of memory',
      { code: 2, stderr: 'tar: Child died with signal 9\ntar: Error is not recoverable: exiting now\n' },
      /zstd --test/,
    ],
    [
      'there is little memory',
      {
        code: 2,
        stderr: 'zstd: error 11 : Allocation error : not enough memory\ntar: Child returned status 11\n',
      },
      /zstd --test/,
    ],
    [
      'there was no room for it',
      { code: 2, stderr: 'tar: Makefile: Cannot write: No space left on device\n' },
      /^make room for \/var\/lib\/ttkmd, then/,
    ],
    ['it took too long', { timedOut: true, signal: 'SIGTERM' }, /zstd --test/],
  ])('is tried again where %s', async (_, answer, hint) => {
    damaged = false;
    const host = await depcleaned();
    refusal = answer;
    const { outcome, after } = await runReconcile(host);
    refusal = undefined;
    expect(outcome).toBe('failed');
    expect(after.problems[0]).toMatchObject({
      message: expect.stringContaining(`${A}.tar.zst could not be unpacked`),
      hint: expect.stringMatching(hint),
    });
    expect(after.problems[0]?.hint).not.toMatch(/\brm\b/);
    expect((await runReconcile(host)).after.kernels[0]).toMatchObject({ module: { version: '2.10.0' } });
  });

  const ANOTHER: Files = {
    [`/var/lib/ttkmd/archive/${A}.tar.zst`]: { text: 'another archive', modified: NOW },
  };
  it.each<[string, Files]>([
    ['its build tree is back as it was', { ...buildTree(TREE, A), [LINK]: { link: TREE } }],
    ['there is another archive', ANOTHER],
  ])('that could not be built for a damaged archive is tried again once %s', async (_, files) => {
    damaged = false;
    const host = await depcleaned();
    refusal = {
      code: 2,
      stderr: '/*stdin*\\ : Read error (39) : premature end \ntar: Unexpected EOF in archive\n',
    };
    await runReconcile(host);
    refusal = undefined;
    expect((await runReconcile(host)).steps, 'as long as it is the same').toEqual([]);
    host.put(files);
    const { after } = await runReconcile(host);
    expect(after.kernels[0]).toMatchObject({ state: 'current', module: { version: '2.10.0' } });
  });

  it('takes its archive with it when it is gone for good', async () => {
    damaged = false;
    const host = await depcleaned();
    host.put(gentooKernel(B));
    host.fs.removeTree(`/lib/modules/${A}`);
    host.fs.remove(`/boot/vmlinuz-${A}`);
    await runReconcile(host, { only: A, removed: true });
    expect(host.fs.list('/var/lib/ttkmd/archive')).not.toContain(`${A}.tar.zst`);
  });
});
