// What the tests of the program look at on a sandbox's machine: the status document, module files, and what changed.

import { readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { layer, nameOf } from './layers.ts';
import type { KernelPart } from './parts.ts';
import { noBuildAlive, type RunResult, Sandbox, type SandboxOptions } from './sandbox.ts';

/** The part of `status --json` that the tests read. */
export interface StatusDocument {
  schema: number;
  health: 'ok' | 'degraded' | 'failed';
  run: { pid: number; trigger: string } | null;
  kernels: {
    release: string;
    kind: string;
    origin: string;
    buildTree: { ready: boolean; missing: { code: string; text: string }[] };
    module: {
      state: string;
      version: string | null;
      path: string | null;
      reason: string | null;
      log: string | null;
    };
  }[];
  driver: { desired: string | null; sources: { version: string; usable: boolean; registered: boolean }[] };
  problems: { code: string; message: string; hint: string; release: string | null; severity: string }[];
  unreadable: string[];
}

/** The part of `reconcile --json` that the tests read. */
export interface ReconcileDocument {
  schema: number;
  outcome: string;
  steps: {
    kind: string;
    release: string | null;
    outcome: string | null;
    detail: string | null;
    hint: string | null;
    log: string | null;
  }[];
  status: StatusDocument;
}

/** One entry of `history --json`. */
export interface HistoryEntry {
  at: string;
  trigger: string;
  step: string;
  release?: string;
  version?: string;
  outcome: string;
  detail: string;
}

/** The sample's version unless a test gives it another. */
export const SAMPLE = '1.0.0-sample';

/** Everything that a reconcile may write to: where nothing may happen, none of it changes. */
const WRITABLE = [
  '/lib/modules',
  '/usr/src',
  '/usr/lib/udev',
  '/var/lib/dkms',
  '/var/lib/ttkmd',
  '/var/log/ttkmd',
  '/etc',
  '/boot',
];

/** A sandbox with the program and the sample driver in it, and without dkms's own hooks. */
export async function prepared(options: SandboxOptions): Promise<Sandbox> {
  const bare: SandboxOptions = { dkmsHooks: 'none', ...options };
  const sandbox = await Sandbox.create({ ...bare, layers: [await withProgram(bare)] });
  try {
    await sandbox.addDriver();
    return sandbox;
  } catch (error) {
    await sandbox.dispose();
    throw error;
  }
}

/** As `prepared`, and all kernels have got the driver by a reconcile, before the machine was booted the last time. */
export async function settled(options: SandboxOptions): Promise<Sandbox> {
  const bare: SandboxOptions = { dkmsHooks: 'none', ...options };
  const program = await withProgram(bare);
  const done = await layer(`settled_${nameOf(bare)}`, { ...bare, layers: [program] }, async (sandbox) => {
    await sandbox.addDriver();
    await insist(sandbox, ['reconcile'], 0);
  });
  // The module lies in another file since it was saved: it is looked at once more, and that is remembered.
  const layers = [done, program];
  const checked = await layer(`checked_${nameOf(bare)}`, { ...bare, layers }, async (sandbox) => {
    await insist(sandbox, ['reconcile'], 0);
  });
  return Sandbox.create({ ...bare, layers: [checked, ...layers] });
}

/** The layer with the program as `ttkmdctl deploy` lays it out. */
export function withProgram(options: SandboxOptions): Promise<string> {
  const empty = { ...options, kernels: [] };
  return layer(`program_${nameOf(empty)}`, empty, (sandbox) => sandbox.installProgram());
}

/** Replaces the settings. */
export async function configure(sandbox: Sandbox, text: string): Promise<void> {
  await sandbox.write('/etc/ttkmd/ttkmd.conf.d/50-test.conf', text);
}

export function releaseOf(part: KernelPart, tree: SandboxOptions['tree']): string {
  return tree === 'gentoo' ? part.gentooRelease : part.release;
}

/** Everything that a command printed, for messages about what went otherwise than expected. */
export function printed({ code, stdout, stderr }: RunResult): string {
  return `exit status ${code}\n${stdout}${stderr}`;
}

/** Runs ttkmdctl and insists on an exit status. */
export async function insist(
  sandbox: Sandbox,
  args: readonly string[],
  status: number,
  options: Parameters<Sandbox['ttkmdctl']>[1] = {},
): Promise<RunResult> {
  const result = await sandbox.ttkmdctl(args, options);
  expect(result.code, `ttkmdctl ${args.join(' ')}: ${printed(result)}`).toBe(status);
  return result;
}

export async function statusOf(sandbox: Sandbox, ...global: string[]): Promise<StatusDocument> {
  const { stdout, stderr } = await sandbox.ttkmdctl([...global, 'status', '--json']);
  expect(stderr).toBe('');
  return JSON.parse(stdout) as StatusDocument;
}

/** The module's state for each kernel of /lib/modules; the machine's own kernel, which has no modules, is left out. */
export async function states(sandbox: Sandbox): Promise<Record<string, string>> {
  const { kernels } = await statusOf(sandbox);
  const named = kernels.filter(({ kind }) => kind !== 'no-modules');
  return Object.fromEntries(named.map(({ release, module }) => [release, module.state]));
}

export async function history(sandbox: Sandbox): Promise<HistoryEntry[]> {
  const { stdout } = await insist(sandbox, ['history', '--json', '--lines', '1000'], 0);
  return (JSON.parse(stdout) as { entries: HistoryEntry[] }).entries;
}

/** How often a step ended well for each kernel, by the history. */
export async function doneCount(sandbox: Sandbox, step: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const entry of await history(sandbox)) {
    if (entry.step !== step || entry.outcome !== 'done') continue;
    const key = entry.release ?? '';
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** The version in the module that modprobe would load; undefined where it would find none, or no sound one. */
export async function installedVersion(sandbox: Sandbox, release: string): Promise<string | undefined> {
  const { code, stdout } = await sandbox.run(['modinfo', '-k', release, '-F', 'version', 'tenstorrent'], {
    allowFailure: true,
  });
  return code === 0 && stdout !== '' ? stdout.trim() : undefined;
}

/** The place of the module that modprobe would load. */
export async function modulePath(sandbox: Sandbox, release: string): Promise<string> {
  return (await sandbox.run(['modinfo', '-k', release, '-n', 'tenstorrent'])).stdout.trim();
}

/** Number and time of a file's inode: another one after every replacement, however alike the content. */
export async function identity(sandbox: Sandbox, path: string): Promise<string> {
  return (await sandbox.run(['stat', '-c', '%i %Y %Z', path])).stdout.trim();
}

/** What dkms itself says, one line a built or installed module. */
export async function dkmsStatus(sandbox: Sandbox): Promise<string[]> {
  const { stdout } = await sandbox.run(['dkms', 'status']);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

/** Every path that a reconcile may write to, with what would change if it did. */
export async function snapshot(
  sandbox: Sandbox,
  folders: readonly string[] = WRITABLE,
): Promise<readonly string[]> {
  // A folder's size says nothing: what is in it is listed, too, and one that comes from a layer has another until its
  // mode is set. So it is with its inode number, which a layer may give anew once nobody has looked for a while.
  const print = (identity: string): string[] => ['-printf', `%p %y ${identity} %m %U %T@ %C@ %l\\n`];
  const { stdout } = await sandbox.run(
    ['find', '-H', ...folders, '-type', 'd', ...print('0 0'), '-o', ...print('%i %s')],
    { allowFailure: true },
  );
  return stdout.split('\n').sort();
}

/** Lines that two snapshots do not share: an empty list means that nothing was written. */
export function changes(before: readonly string[], after: readonly string[]): string[] {
  const [old, young] = [new Set(before), new Set(after)];
  return [
    ...before.filter((line) => !young.has(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !old.has(line)).map((line) => `+ ${line}`),
  ];
}

/** What an undisturbed reconcile leaves, of every kernel, in every place that knows of it. */
export async function expectSettled(
  sandbox: Sandbox,
  releases: readonly string[],
  version = SAMPLE,
): Promise<void> {
  const tree = '/var/lib/dkms/tenstorrent';
  const document = await statusOf(sandbox);
  for (const release of releases) {
    const kernel = document.kernels.find((one) => one.release === release);
    expect(kernel?.module, JSON.stringify(kernel)).toMatchObject({ state: 'current', version });
    expect(await installedVersion(sandbox, release)).toBe(version);
  }
  const found = await sandbox.run(['find', `${tree}/`, '-mindepth', '1', '-maxdepth', '3'], {
    allowFailure: true,
  });
  const inTree = found.stdout
    .split('\n')
    .map((path) => path.slice(tree.length + 1))
    // dkms makes an empty one when a version is added, and takes it away after a build of its own.
    .filter((path) => path !== '' && path !== `${version}/build`);
  expect(inTree.sort()).toEqual(
    [
      version,
      `${version}/source`,
      ...releases.flatMap((release) => [
        `kernel-${release}-x86_64`,
        `${version}/${release}`,
        `${version}/${release}/x86_64`,
      ]),
    ].sort(),
  );
  for (const release of releases) {
    expect(readlinkSync(`${sandbox.path(tree)}/kernel-${release}-x86_64`)).toBe(
      `${version}/${release}/x86_64`,
    );
  }
  expect(await sandbox.list('/var/lib/ttkmd/staging')).toEqual([]);
  expect(document.run).toBeNull();
  await noBuildAlive(sandbox);
}

// To ask costs: at most this share of the time goes into asking, so that what is waited for has the rest.
const ASKING = 0.2;

/** Waits until a condition holds, however slow the machine is, and says what for where it never does. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  limitMs = 120_000,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const asked = performance.now();
    if (await condition()) return;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms`);
    const took = performance.now() - asked;
    await sleep(Math.min(Math.max(10, took / ASKING - took), 1000));
  }
}

/**
 * Puts a program of the same name before a system program in the search path of whatever ttkmd starts.
 * @param script what it does before it becomes the real one
 */
export async function intercept(sandbox: Sandbox, program: string, script: string): Promise<void> {
  const { stdout } = await sandbox.run(['sh', '-c', `command -v ${program}`]);
  const text = `#!/bin/sh\n${script}\nexec ${stdout.trim()} "$@"\n`;
  await sandbox.write(`/usr/local/sbin/${program}`, text, 0o755);
}

export async function letGo(sandbox: Sandbox, program: string): Promise<void> {
  await sandbox.remove(`/usr/local/sbin/${program}`);
}
