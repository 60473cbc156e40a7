// A run that is killed at any of its changes to the disk, or refused one: the next one leaves the machine as if it had
// not been.
import { expect, it } from 'vitest';
import type { HostFs } from '../../../src/host/fs.ts';
import type { Host } from '../../../src/host/host.ts';
import { driverSource, type Files, gentooKernel, machine } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import type { ExecFunction } from '../support/scripted-exec.ts';
import { workingDkms } from '../support/working-dkms.ts';

const R = '6.12.58-gentoo-dist';

const MODULE = `/lib/modules/${R}/kernel/extra/tenstorrent.ko`;
const ELSEWHERE = 'kernel/drivers/char/tenstorrent.ko';
const KERNEL = gentooKernel(R);
const OLD = driverSource('2.8.0');

/** What a machine has when a run begins, what then joins it, and how its dkms works. */
interface Scene {
  readonly first?: Files;
  readonly joins: Files;
  readonly dkms?: ExecFunction;
  /** What need not be the same. */
  readonly passing?: RegExp;
}

/** A dkms that leaves a damaged file when it installs 2.9.0. */
const flawedDkms: ExecFunction = (call, host) => {
  const answer = workingDkms(call, host);
  const isNew = call.args[0] === 'install' && call.args.includes('2.9.0');
  if (isNew) host.fs.write(MODULE, 'damaged');
  return answer;
};

const SCENES: Readonly<Record<string, Scene>> = {
  'a first installation': { joins: { ...KERNEL, ...driverSource('2.9.0') } },
  'a source that is taken over': { joins: { ...KERNEL, ...driverSource('2.9.0', { autoinstall: true }) } },
  'a newer version': { first: { ...KERNEL, ...OLD }, joins: driverSource('2.9.0') },
  'a source that has changed': {
    first: { ...KERNEL, ...OLD },
    joins: driverSource('2.8.0', { code: 'other' }),
  },
  'a module that lies where only depmod finds it': {
    joins: {
      ...KERNEL,
      ...driverSource('2.9.0'),
      [`/lib/modules/${R}/${ELSEWHERE}`]: `version=2.8.0\0vermagic=${R} SMP mod_unload \0`,
      [`/lib/modules/${R}/modules.dep`]: `${ELSEWHERE}:\n`,
    },
  },
  'a newer version that is damaged when it is installed': {
    first: { ...KERNEL, ...OLD },
    joins: driverSource('2.9.0'),
    dkms: flawedDkms,
    // Builds that nobody uses, until one is installed.
    passing: /^\/var\/lib\/dkms\//,
  },
};

async function prepared({ first, joins, dkms = workingDkms }: Scene): Promise<MemoryHost> {
  const host = machine(first ?? {}, { exec: dkms });
  if (first !== undefined) await runReconcile(host);
  host.put(joins);
  return host;
}

const KILLED = 'killed';
const CHANGING = ['write', 'append', 'makeFolder', 'link', 'rename', 'copy', 'remove', 'removeTree'] as const;

/** The same machine for a process whose changes to the disk come to something; and those changes. */
function fated(
  host: MemoryHost,
  fate: (change: number) => Error | undefined,
): { host: Host; changes: string[] } {
  const changes: string[] = [];
  const fs: HostFs = { ...host.fs };
  for (const name of CHANGING) {
    const act = host.fs[name] as (...args: unknown[]) => void;
    Object.assign(fs, {
      [name](...args: unknown[]) {
        const end = fate(changes.length);
        if (end?.message !== KILLED) changes.push(`${name} ${args[0]}`);
        if (end !== undefined) throw end;
        act(...args);
      },
    });
  }
  return { host: { ...host, fs }, changes };
}

const PASSING = /^\/(?:run|var\/log)\/|^\/var\/lib\/ttkmd\/\w+\.json/;

/** What lies on the disk, but for what tells of when and how often. */
function remains(host: MemoryHost, { passing = /^$/ }: Scene): [string, string | null][] {
  const files = Object.entries(host.snapshot()).filter(
    ([path]) => !PASSING.test(path) && !passing.test(path),
  );
  return files.sort();
}

it.each(Object.entries(SCENES))('leaves no trace of it: %s', { timeout: 60_000 }, async (_, scene) => {
  const sound = await prepared(scene);
  const whole = fated(sound, () => undefined);
  const { after } = await runReconcile(whole.host);
  expect(whole.changes.length).toBeGreaterThan(15);
  for (let lives = 0; lives < whole.changes.length; lives += 1) {
    const host = await prepared(scene);
    const fate = (change: number) => (change < lives ? undefined : new Error(KILLED));
    await runReconcile(fated(host, fate).host).catch(() => {});
    const report = await runReconcile(host);
    const where = `killed before ${whole.changes[lives]}, after ${whole.changes[lives - 1]}`;
    expect(
      report.after.kernels.map(({ state }) => state),
      where,
    ).toEqual(after.kernels.map(({ state }) => state));
    expect(remains(host, scene), where).toEqual(remains(sound, scene));
  }
});

it.each<[string, (fs: HostFs) => void]>([
  ['had taken the module away', (fs) => fs.remove(MODULE)],
  ['had written half of the new one', (fs) => fs.write(MODULE, 'half')],
])('killed when dkms %s, the old one outlives another failure', async (_, half) => {
  let killed = false;
  const host = await prepared({
    first: { ...KERNEL, ...OLD },
    joins: driverSource('2.9.0'),
    dkms(call, on) {
      if (call.args[0] !== 'install' || !call.args.includes('2.9.0')) return workingDkms(call, on);
      half(on.fs);
      if (killed) return { code: 5, stdout: 'Error! it cannot be copied' };
      killed = true;
      throw new Error(KILLED);
    },
  });
  const before = host.fs.readText(MODULE);
  const dead = new Proxy(host.fs, {
    get: (fs, name: keyof HostFs) => {
      if (killed && CHANGING.some((one) => one === name)) throw new Error(KILLED);
      return fs[name];
    },
  });
  await runReconcile({ ...host, fs: dead }).catch(() => {});
  expect(host.fs.readText(MODULE)).not.toBe(before);
  const report = await runReconcile(host);
  expect(report.outcome).toBe('failed');
  expect(host.fs.readText(MODULE)).toBe(before);
});

it.each(['a newer version', 'a source that has changed'])(
  'what the file system refuses once costs no module: %s',
  async (name) => {
    const scene = SCENES[name] ?? { joins: {} };
    const sound = await prepared(scene);
    const whole = fated(sound, () => undefined);
    await runReconcile(whole.host);
    for (const [index, change] of whole.changes.entries()) {
      const host = await prepared(scene);
      const refusal = Object.assign(new Error('EIO: input/output error'), { code: 'EIO' });
      const { host: unlucky } = fated(host, (one) => (one === index ? refusal : undefined));
      const refused = await runReconcile(unlucky).catch((error) => error as Error);
      expect(refused, `refused: ${change}`).not.toBeInstanceOf(Error);
      expect(host.fs.readText(MODULE), `refused: ${change}`).toMatch(/^version=2\.[89]\.0/);
      const report = await runReconcile(host);
      expect(
        report.after.kernels.map(({ state }) => state),
        `after: ${change}`,
      ).toEqual(['current']);
      expect(remains(host, scene), `after: ${change}`).toEqual(remains(sound, scene));
    }
  },
);
