// Hosts as they come, from what is on their disks to what is to be done: the frame of the tables.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { observeSources } from '../../../src/driver/sources.ts';
import {
  driverSource,
  type Files,
  inShort,
  judgeHost,
  LONG_AGO,
  machine,
  module,
  planHost,
} from '../support/machines.ts';
export const A = '6.12.58-gentoo-dist';
export const B = '6.12.60-gentoo-dist';
export const V1 = driverSource('2.9.0');
export const state = (data: object): Files => ({
  '/var/lib/ttkmd/state.json': JSON.stringify({ schema: 1, ...data }),
});
export const FAILURE = {
  version: '2.9.0',
  at: LONG_AGO,
  trigger: 'kernel-event',
  code: 'missing-symbol',
  headline: 'a symbol is missing',
  hint: 'set the option',
  unsupported: false,
};

export const RULE: Files = { '/usr/src/tenstorrent-2.9.0/udev-50-tenstorrent.rules': 'rule' };

/** A modules.dep of which the last 64 KiB, which are read first, begin so many characters into a line. */
export function cutIn(line: string, characters: number): string {
  const rest = 64 * 1024 - (line.length + 1 - characters);
  return `kernel/a/a.ko:\n${line}\n${'z'.repeat(rest - 1)}\n`;
}

export function withoutImage(files: Files): Files {
  return Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith('/boot/')));
}

export function framework(text: string): Files {
  return { '/etc/dkms/framework.conf': `dkms_tree="/srv/not this one"\n${text}\n` };
}

/** With dkms's records elsewhere. */
export function moved(files: Files, tree: string): Files {
  const place = (path: string): string => path.replace(/^\/var\/lib\/dkms(?=\/)/, tree);
  return Object.fromEntries(Object.entries(files).map(([path, spec]) => [place(path), spec]));
}

export interface Host {
  readonly name: string;
  readonly files: Files;
  readonly running?: string;
  /** Each kernel's module state, the newest release first. */
  readonly states: readonly string[];
  readonly plan: readonly string[];
}

export const BUILD_A = [`build ${A} 2.9.0`, `install ${A} 2.9.0`];
export const BUILD_B = [`build ${B} 2.9.0`, `install ${B} 2.9.0`];

export const LINK_A = `/var/lib/dkms/tenstorrent/kernel-${A}-x86_64`;

/** What dkms has built is what is installed. */
export function builtAlike(files: Files): Files {
  const installed = files[`/lib/modules/${A}/kernel/extra/tenstorrent.ko`] ?? '';
  const built = Object.keys(files).filter((path) => /^\/var\/lib\/dkms\/.*\.ko$/.test(path));
  return { ...files, ...Object.fromEntries(built.map((path) => [path, installed])) };
}

/** The record of our own installation of the module that `module` makes. */
export function installedThroughDkms(release: string): Files {
  const installed = String(module(release, '2.9.0')[`/lib/modules/${release}/kernel/extra/tenstorrent.ko`]);
  const file = createHash('sha256').update(installed).digest('hex');
  const { version, at, trigger } = FAILURE;
  const sourceHash = sourceHashOf(V1);
  return state({ modules: { [release]: { version, sourceHash, at, trigger, seconds: 1, file } } });
}

export function sourceHashOf(files: Files): string {
  return observeSources(machine(files).fs, {})[0]?.hash ?? '';
}

/** Observe, judge and plan, in one go. */
export function expectPlans(hosts: readonly Host[]): void {
  describe('observe, judge and plan', () => {
    it.each(hosts)('$name', async ({ files, running, states, plan }) => {
      const host = machine(files, { machine: { runningRelease: running } });
      const before = host.snapshot();
      const judgement = await judgeHost(host);
      expect(judgement.kernels.map((kernel) => kernel.state)).toEqual(states);
      expect(inShort(await planHost(host))).toEqual(plan);
      expect(host.snapshot(), 'looking changes nothing').toEqual(before);
    });

    it.each(hosts)('has a next step for every problem: $name', async ({ files, running }) => {
      const judgement = await judgeHost(machine(files, { machine: { runningRelease: running } }));
      for (const problem of judgement.problems) {
        expect(problem.message).toBeTruthy();
        expect(problem.hint).toBeTruthy();
      }
    });
  });
}
