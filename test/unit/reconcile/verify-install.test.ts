// What is looked at after an installation, and what becomes of one that does not pass.
import { describe, expect, it } from 'vitest';
import type { Host } from '../../../src/host/host.ts';
import { loadState } from '../../../src/state/state.ts';
import { current, driverSource, gentooKernel, machine, planHost } from '../support/machines.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import type { ExecAnswer, RecordedCall } from '../support/scripted-exec.ts';
import { workingDkms } from '../support/working-dkms.ts';
import { A, V1 } from './host-rows.ts';

const FOLDER = `/lib/modules/${A}`;
const MODULE = `${FOLDER}/kernel/extra/tenstorrent.ko`;
const ALIAS = 'pci:v00001E52d0000B140sv*sd*bc*sc*i*';

/** What is not as it should be: done after the real thing, or an answer in its place. */
type Trouble = (call: RecordedCall, host: Host) => ExecAnswer | undefined | Promise<ExecAnswer | undefined>;

const isResolving = ({ command, args }: RecordedCall): boolean =>
  command === 'modinfo' && args.includes('-k');
const isInstalling = ({ command, args }: RecordedCall): boolean =>
  command === 'dkms' && args[0] === 'install';

/** Changes the module as it is installed. */
const changing =
  (change: (text: string) => string): Trouble =>
  async (call, host) => {
    if (!isInstalling(call)) return undefined;
    await workingDkms(call, host);
    host.fs.write(MODULE, change(host.fs.readText(MODULE) ?? ''));
    return '';
  };

const installedAs =
  (path: string): Trouble =>
  ({ command, args }, { fs }) => {
    if (command !== 'depmod') return undefined;
    fs.write(`${FOLDER}/${path}`, 'packed');
    fs.write(`/lib/modules/${args.at(-1)}/modules.dep`, `${path}:\n`);
    return '';
  };

interface Row {
  readonly name: string;
  readonly trouble: Trouble;
  /** What is said; undefined where all is well. */
  readonly says?: RegExp;
  readonly code?: string;
  /** It is not tried again until something changes. */
  readonly lasting?: boolean;
}

const ROWS: readonly Row[] = [
  { name: 'all is well', trouble: () => undefined },
  {
    name: 'it is signed on the way',
    trouble: changing((text) => `${text}signature`),
  },
  {
    name: 'a symbol of another version',
    trouble: changing((text) => text.replace('crc=0x2 ', 'crc=0x7 ')),
    says: /the kernel would refuse .*_printk: 0x7 in the module, 0x2 in the kernel/,
    code: 'install-flawed',
    lasting: true,
  },
  {
    name: 'another build of that version, left elsewhere, comes first',
    trouble: (call, host) => {
      const left = `${FOLDER}/updates/tenstorrent.ko`;
      host.fs.write(left, `version=2.9.0\0vermagic=${A} SMP mod_unload modversions \0older=1\0`);
      return isResolving(call) ? `filename:       ${left}\0${host.fs.readText(left)}` : undefined;
    },
    says: /modprobe would load .*updates\/tenstorrent\.ko \(another build of 2\.9\.0\)/,
    code: 'shadowed',
    lasting: true,
  },
  {
    name: "depmod's index knows another file",
    trouble: async (call, host) => {
      if (call.command !== 'depmod') return undefined;
      host.fs.write(`${FOLDER}/modules.dep`, 'kernel/fs/ext4.ko:\n');
      return '';
    },
    says: /modules\.dep in .* does not know .*tenstorrent\.ko/,
    code: 'not-indexed',
  },
  {
    name: "depmod's index knows its devices",
    trouble: async (call, host) =>
      call.args[0] === '-S' ? 'tenstorrent\n' : changing((text) => `${text}alias=${ALIAS}\0`)(call, host),
  },
  {
    name: "its devices are for another driver by the admin's own alias, as cards that a guest is given",
    trouble: async (call, host) => {
      // kmod 30: by what modprobe.d says where it is not told to read another configuration.
      if (call.args[0] === '-S') return call.line.includes('-C /dev/null') ? 'tenstorrent\n' : 'vfio_pci\n';
      return changing((text) => `${text}alias=${ALIAS}\0`)(call, host);
    },
  },
  {
    name: "depmod's index does not know its devices",
    trouble: async (call, host) =>
      call.args[0] === '-S' ? { code: 1 } : changing((text) => `${text}alias=${ALIAS}\0`)(call, host),
    says: /modules\.alias in .* does not know .*tenstorrent\.ko/,
    code: 'not-indexed',
  },
  {
    name: 'packed so that kmod cannot read it',
    trouble: (call, host) => {
      if (call.line === 'modprobe --version') return 'kmod version 31\n-ZSTD +XZ +ZLIB +LIBCRYPTO\n';
      if (isResolving(call)) return { code: 1 };
      return installedAs('extra/tenstorrent.ko.zst')(call, host);
    },
    says: /extra\/tenstorrent\.ko\.zst, but the kmod that is installed cannot read \.zst files/,
    code: 'unreadable-packing',
  },
];

describe('after an installation', () => {
  it.each(ROWS)('$name', async ({ trouble, says, code, lasting = false }) => {
    const tree = { symbols: { module_layout: '0x1', _printk: '0x2' } };
    const files = {
      ...current(A, '2.8.0'),
      ...gentooKernel(A, tree),
      ...driverSource('2.8.0'),
      ...V1,
    };
    const host = machine(files, {
      exec: async (call, on) => (await trouble(call, on)) ?? workingDkms(call, on),
    });
    const before = host.fs.readText(MODULE);
    const { done } = await runReconcile(host);
    const install = done.find(({ step }) => step.kind === 'install');
    if (says === undefined) {
      expect(install).toMatchObject({ outcome: 'done', text: 'installed, verified' });
      expect(await planHost(host)).toEqual([]);
      return;
    }
    expect(install).toMatchObject({ outcome: 'failed', text: expect.stringMatching(says) });
    expect(install?.hint).toBeTruthy();
    expect(host.fs.readText(MODULE), 'the one that worked before is there').toBe(before);
    expect(loadState(host.fs).failures[A]).toMatchObject({ code, transient: !lasting });
    expect(loadState(host.fs).modules).toEqual({});
  });

  it('a module that does not fit its build tree is not even installed', async () => {
    const tree = { symbols: { module_layout: '0x1', _printk: '0x2' } };
    const host = machine(
      { ...gentooKernel(A, tree), ...V1 },
      {
        exec: async (call, on) => {
          const answer = await workingDkms(call, on);
          const built = `/var/lib/ttkmd/staging/tenstorrent/2.9.0/${A}/x86_64/module/tenstorrent.ko`;
          if (call.args[0] === 'build')
            on.fs.write(built, (on.fs.readText(built) ?? '').replace('0x2 ', '0x9 '));
          return answer;
        },
      },
    );
    const { done } = await runReconcile(host);
    expect(done.find(({ step }) => step.kind === 'build')).toMatchObject({
      outcome: 'failed',
      text: expect.stringMatching(/not usable: 1 of the 2 symbols .*_printk: 0x9/),
    });
    expect(host.fs.exists(MODULE)).toBe(false);
    expect((await planHost(host)).filter(({ kind }) => kind !== 'wait')).toEqual([]);
  });
});
