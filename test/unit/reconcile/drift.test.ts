// A kernel, a driver source or a module that changed under the same name: what is built anew, and what is not.
import { describe, expect, it } from 'vitest';
import { readOption } from '../../../src/kernels/configuration.ts';
import { coverage } from '../../../src/reconcile/digest.ts';
import { judgeReadiness } from '../../../src/reconcile/readiness.ts';
import { CHECKS_PATH } from '../../../src/state/checks.ts';
import { STATE_PATH } from '../../../src/state/state.ts';
import {
  buildTree,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  judgeHost,
  machine,
  planHost,
  symvers,
} from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import type { ExecFunction } from '../support/scripted-exec.ts';
import { workingDkms } from '../support/working-dkms.ts';
import { A, BUILD_A, V1 } from './host-rows.ts';

const TREE = `/usr/src/linux-${A}`;
const CONF = `${TREE}/include/config/auto.conf`;
const SYMVERS = `${TREE}/Module.symvers`;
const MODULE = `/lib/modules/${A}/kernel/extra/tenstorrent.ko`;
const BUILT = `/var/lib/dkms/tenstorrent/2.9.0/${A}/x86_64/module/tenstorrent.ko`;
const CODE = '/usr/src/tenstorrent-2.9.0/module.c';
const GCC = 'CONFIG_CC_VERSION_TEXT="gcc (Gentoo) 14.3.0"\n';
const SYMBOLS = { module_layout: '0x11', _printk: '0x22', not_ours: '0x33' };

type Change = (host: MemoryHost) => void;

const text = (host: MemoryHost, path: string): string => host.fs.readText(path) ?? '';
const edit =
  (path: string, from: string, to: string): Change =>
  (host) =>
    host.put({ [path]: text(host, path).replace(from, to) });
const append =
  (path: string, line: string): Change =>
  (host) =>
    host.put({ [path]: text(host, path) + line });
const put =
  (files: Files): Change =>
  (host) =>
    host.put(files);
const forgetUs: Change = (host) => {
  host.fs.remove(STATE_PATH);
  host.fs.remove(CHECKS_PATH);
};
const all =
  (...changes: Change[]): Change =>
  (host) => {
    for (const change of changes) change(host);
  };

/** The compiler at hand is always the one that built the kernel. */
const withCompiler: ExecFunction = (call, host) =>
  call.args[0] === '--version'
    ? (readOption(host.fs.readText(CONF) ?? '', 'CC_VERSION_TEXT') ?? '')
    : workingDkms(call, host);

/** A kernel whose driver we have built, and then the change. */
async function after(
  change: Change,
  symbols: Readonly<Record<string, string>> | undefined,
): Promise<MemoryHost> {
  const tree = { options: GCC, ...(symbols === undefined ? {} : { symbols }) };
  const host = machine({ ...gentooKernel(A, tree), ...V1 }, { exec: withCompiler });
  expect((await runReconcile(host)).outcome).toBe('done');
  expect(await planHost(host)).toEqual([]);
  change(host);
  return host;
}

interface Row {
  readonly name: string;
  readonly change: Change;
  /** Why it is built anew; undefined where it is not. */
  readonly why?: RegExp;
}

const EITHER: readonly Row[] = [
  { name: 'nothing', change: () => {} },
  { name: 'files written anew with the same content', change: all(append(CONF, ''), append(SYMVERS, '')) },
  {
    name: 'another compiler',
    change: edit(CONF, 'gcc (Gentoo) 14.3.0', 'gcc (Gentoo) 15.1.0'),
    why: /the kernel was built anew/,
  },
  {
    name: 'plugins of gcc',
    change: append(CONF, 'CONFIG_GCC_PLUGINS=y\n'),
    why: /the kernel was built anew/,
  },
  {
    name: 'another random layout of structures',
    change: all(
      append(CONF, 'CONFIG_RANDSTRUCT=y\n'),
      put({ [`${TREE}/include/generated/randstruct_hash.h`]: '#define RANDSTRUCT_HASHED_SEED "4567"\n' }),
      edit(MODULE, ' mod_unload', ' mod_unload RANDSTRUCT_0123'),
    ),
    why: /another RANDSTRUCT seed/,
  },
  {
    name: 'another text of the driver',
    change: edit(CODE, 'code', 'other'),
    why: /2\.9\.0 has changed since/,
  },
  { name: 'what we remember is lost', change: forgetUs },
  {
    name: 'what we remember is lost, and then the driver source was written to',
    change: all(forgetUs, put({ [CODE]: { text: 'other', modified: Date.now() + 3_600_000 } })),
    why: /was written to after it was built/,
  },
  {
    name: 'the build tree is removed',
    change: (host) => host.fs.removeTree(TREE),
  },
  {
    name: 'the build tree is swapped for that of another release',
    change: (host) => {
      host.put(buildTree('/usr/src/other', '6.12.99-gentoo', { symbols: { _printk: '0x99' } }));
      host.fs.link('/usr/src/other', `/lib/modules/${A}/build`);
    },
  },
  {
    name: 'somebody signed the module',
    change: append(MODULE, 'signature'),
  },
];

const WITH_VERSIONS: readonly Row[] = [
  ...EITHER,
  { name: 'an option', change: append(CONF, 'CONFIG_USB=y\n') },
  { name: 'the version of a symbol that nobody imports', change: edit(SYMVERS, '0x33', '0x34') },
  { name: 'a new symbol', change: append(SYMVERS, symvers({ new_one: '0x44' })) },
  {
    name: 'the version of an imported symbol',
    change: edit(SYMVERS, '0x22', '0x23'),
    why: /1 of the 2 symbols .* \(_printk: 0x22 in the module, 0x23 in the kernel\)/,
  },
  {
    name: 'an imported symbol that is exported no more',
    change: edit(SYMVERS, '_printk', 'printk'),
    why: /_printk: 0x22 in the module, not exported by the kernel/,
  },
  {
    name: 'the version of an imported symbol, of a module that nobody wrote down',
    change: all(forgetUs, edit(SYMVERS, '0x11', '0x12')),
    why: /module_layout: 0x11 in the module/,
  },
  {
    name: 'a tree of the same release swapped under its link',
    change: (host) => {
      host.put(buildTree('/usr/src/other', A, { symbols: { ...SYMBOLS, _printk: '0x99' }, options: GCC }));
      host.fs.link('/usr/src/other', `/lib/modules/${A}/build`);
    },
    why: /_printk: 0x22 in the module, 0x99 in the kernel/,
  },
  {
    name: "somebody else's module that fits, in place of ours",
    change: edit(MODULE, 'version=2.9.0', 'author=me\0version=2.9.0'),
  },
  {
    name: "somebody else's module that does not fit, in place of ours",
    change: edit(MODULE, 'crc=0x22', 'crc=0x55'),
    why: /_printk: 0x55 in the module, 0x22 in the kernel/,
  },
];

const WITHOUT_VERSIONS: readonly Row[] = [
  ...EITHER,
  { name: 'an option', change: append(CONF, 'CONFIG_USB=y\n'), why: /the kernel was built anew/ },
  { name: 'a new symbol', change: append(SYMVERS, symvers({ new_one: '0x0' })) },
];

describe.each([
  ['checks symbol versions', SYMBOLS, WITH_VERSIONS],
  ['checks none', undefined, WITHOUT_VERSIONS],
] as const)('under a kernel that %s', (_, symbols, rows) => {
  it.each(rows)('$name', async ({ change, why }) => {
    const host = await after(change, symbols);
    const [judged] = (await judgeHost(host)).kernels;
    expect(judged?.reason ?? '').toMatch(why ?? /^$/);
    expect(inShort(await planHost(host)).filter((step) => !step.startsWith('wait'))).toEqual(
      why === undefined ? [] : expect.arrayContaining(BUILD_A),
    );
    expect((await runReconcile(host)).outcome).not.toBe('failed');
    expect(
      inShort(await planHost(host)).filter((step) => !step.startsWith('wait')),
      'twice',
    ).toEqual([]);
    const calls = host.exec.calls.length;
    await runReconcile(host);
    const asked = host.exec.calls.slice(calls).map(({ command }) => command);
    expect(
      asked.filter((command) => command === 'modprobe'),
      'nothing is read again',
    ).toEqual([]);
  });
});

it('a kernel that would refuse its module is not ready, and has no driver', async () => {
  const host = await after(
    all(edit(SYMVERS, '0x22', '0x23'), (one) => one.fs.remove(`${TREE}/scripts/mod/modpost`)),
    SYMBOLS,
  );
  const judgement = await judgeHost(host);
  expect(judgement.kernels[0]?.state).toBe('drifted');
  expect(judgeReadiness(judgement, A)).toMatchObject({
    ready: false,
    text: expect.stringMatching(/will come up without a driver: 1 of the 2 symbols/),
  });
  expect(coverage(judgement)).toBe('0 of 1 kernel has the current driver');
});

it('a build tree that is removed has nothing written, and known again once it is back', async () => {
  const host = await after(() => {}, SYMBOLS);
  const before = host.snapshot();
  const link = `/lib/modules/${A}/build`;
  host.fs.remove(link);
  expect((await runReconcile(host)).outcome).toBe('nothing-to-do');
  host.fs.link(TREE, link);
  const calls = host.exec.calls.length;
  expect((await runReconcile(host)).outcome).toBe('nothing-to-do');
  expect(host.exec.calls.slice(calls).map(({ command }) => command)).not.toContain('modprobe');
  expect(host.snapshot()).toEqual(before);
});

it('what could not be looked at is looked at again', async () => {
  let isBusy = false;
  const host = machine(
    { ...gentooKernel(A, { symbols: SYMBOLS }), ...V1 },
    {
      exec: (call, on) => (isBusy && call.command === 'modprobe' ? { code: 137 } : workingDkms(call, on)),
    },
  );
  await runReconcile(host);
  isBusy = true;
  edit(SYMVERS, '0x22', '0x23')(host);
  await runReconcile(host);
  isBusy = false;
  expect(inShort(await planHost(host))).toEqual(BUILD_A);
});

it('a module of another srcversion than what dkms has built is not taken for ours', async () => {
  const host = await after(forgetUs, SYMBOLS);
  host.put({
    [MODULE]: `${text(host, MODULE)}srcversion=AAAA\0`,
    [BUILT]: `${text(host, BUILT)}srcversion=BBBB\0`,
  });
  const [judged] = (await judgeHost(host)).kernels;
  expect(judged).toMatchObject({
    state: 'drifted',
    reason: expect.stringMatching(/not what dkms has built/),
  });
});

it('the driver source of a version is known by its text, not by its times', async () => {
  const host = await after((one) => one.put(driverSource('2.9.0')), SYMBOLS);
  expect(await planHost(host)).toEqual([]);
});
