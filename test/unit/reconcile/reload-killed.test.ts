// A reload that is killed at any of its commands and changes to the disk, or ended by a power cut: the card is there
// again, with the driver that it should have, and whoever was told of the beginning is told of the end.
import { describe, expect, it } from 'vitest';
import type { HostFs } from '../../../src/host/fs.ts';
import type { Host } from '../../../src/host/host.ts';
import { HOOKS_FOLDER } from '../../../src/reconcile/hook-files.ts';
import { loadState } from '../../../src/state/state.ts';
import { fakeKernel, type KernelOptions } from '../support/fake-kernel.ts';
import { driverSource, type Files, gentooKernel, judgeHost, machine } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { A, HOOKS, setting, told, version, WAITING } from '../support/reload-hosts.ts';
import { runReconcile } from '../support/run-reconcile.ts';

const FIRST: Files = {
  ...gentooKernel(A),
  ...driverSource('2.8.0'),
  ...WAITING,
  ...setting('when-idle'),
  ...HOOKS,
};

/** 2.8.0 is loaded, the source of 2.9.0 has come. */
async function prepared(options: KernelOptions): Promise<MemoryHost> {
  const host = machine(FIRST, {
    machine: { runningRelease: A },
    exec: fakeKernel(A, {
      ...options,
      first: ({ command }) => (command.startsWith(HOOKS_FOLDER) ? '' : undefined),
    }),
  });
  await runReconcile(host);
  host.put(driverSource('2.9.0'));
  return host;
}

const CHANGING = ['write', 'append', 'makeFolder', 'link', 'rename', 'copy', 'remove', 'removeTree'] as const;

/** A process that dies before one of its deeds: of what it would do from then on nothing comes. */
function mortal(host: MemoryHost, lives: number): { host: Host; deeds: string[] } {
  const deeds: string[] = [];
  const dare = (deed: string): void => {
    if (deeds.length >= lives) throw new Error('killed');
    deeds.push(deed);
  };
  const fs: HostFs = { ...host.fs };
  for (const name of CHANGING) {
    const act = host.fs[name] as (...args: unknown[]) => void;
    Object.assign(fs, {
      [name](...args: unknown[]) {
        dare(`${name} ${args[0]}`);
        act(...args);
      },
    });
  }
  const exec: Host['exec'] = {
    prepare() {},
    query: async (command, args, options) => {
      dare(`${command} ${args.join(' ')}`);
      return host.exec.query(command, args, options);
    },
    run: async (command, args, options) => {
      dare(`${command} ${args.join(' ')}`);
      return host.exec.run(command, args, options);
    },
  };
  return { host: { ...host, fs, exec }, deeds };
}

const CASES: readonly [string, KernelOptions, string][] = [
  ['that goes well', {}, '2.9.0'],
  ['that ends with the old one put back', { refuses: ['2.9.0'] }, '2.8.0'],
  ['under which the device is gone', { blind: ['2.9.0'] }, '2.8.0'],
];

describe.each(CASES)('a reload %s', (_, options, expected) => {
  it('may be killed anywhere', { timeout: 60_000 }, async () => {
    const whole = mortal(await prepared(options), Number.POSITIVE_INFINITY);
    await runReconcile(whole.host);
    // The copy of the loaded one is made when its file is about to be replaced.
    const first = options.refuses === undefined ? /^dkms install/ : /pre-reload/;
    const begins = whole.deeds.findIndex((deed) => first.test(deed));
    expect(whole.deeds.length - begins).toBeGreaterThan(10);
    for (let lives = begins; lives < whole.deeds.length; lives += 1) {
      const host = await prepared(options);
      await runReconcile(mortal(host, lives).host).catch(() => {});
      await runReconcile(host);
      // One that had not got further than the question is begun anew at the next look.
      await runReconcile(host);
      const where = `killed before ${whole.deeds[lives]}, after ${whole.deeds[lives - 1]}`;
      expect(version(host), where).toBe(expected);
      expect(host.fs.exists('/dev/tenstorrent/0'), where).toBe(true);
      expect(loadState(host.fs).driver?.reloading, where).toBeUndefined();
      expect(told(host).at(-1), where).toMatch(/^post-reload/);
      expect((await runReconcile(host)).outcome, where).toBe('nothing-to-do');
    }
  });

  it('may be ended by a power cut anywhere', { timeout: 60_000 }, async () => {
    const whole = mortal(await prepared(options), Number.POSITIVE_INFINITY);
    await runReconcile(whole.host);
    const begins = whole.deeds.findIndex((deed) => deed.includes('/pre-reload'));
    expect(begins).toBeGreaterThan(10);
    for (let lives = begins; lives < whole.deeds.length; lives += 1) {
      const host = await prepared(options);
      await runReconcile(mortal(host, lives).host).catch(() => {});
      for (const gone of ['/sys/module/tenstorrent', '/dev/tenstorrent', '/run']) host.fs.removeTree(gone);
      host.fs.write('/proc/sys/kernel/random/boot_id', 'next-boot\n');
      const before = host.exec.calls.length;
      await runReconcile(host);
      const where = `cut before ${whole.deeds[lives]}`;
      // It is loaded once, as at any boot; there is no reload to be ended, and nothing to be put back.
      const tries = host.exec.calls
        .slice(before)
        .filter(({ line }) => /^modprobe -[br] |^insmod /.test(line));
      expect(
        tries.map(({ line }) => line),
        where,
      ).toEqual(['modprobe -b tenstorrent']);
      // What does not load is no better after a boot; that is said, and nothing is left of the reload.
      expect(version(host), where).toBe(options.refuses === undefined ? '2.9.0' : undefined);
      expect((await judgeHost(host)).observation.state.driver?.reloading, where).toBeUndefined();
      expect(loadState(host.fs).driver?.reloading, where).toBeUndefined();
      // Nobody was told of one that had not got as far.
      if (lives > begins) expect(told(host).at(-1), where).toMatch(/^post-reload/);
    }
  });
});
