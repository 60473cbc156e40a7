// A build tree that changes while it is built from: what is written down is what the build began with.
import { describe, expect, it } from 'vitest';
import type { Host } from '../../../src/host/host.ts';
import { loadState } from '../../../src/state/state.ts';
import { driverSource, gentooKernel, inShort, judgeHost, machine, planHost } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import type { ExecAnswer, RecordedCall } from '../support/scripted-exec.ts';
import { workingDkms } from '../support/working-dkms.ts';
import { A, BUILD_A, V1 } from './host-rows.ts';

const TREE = `/usr/src/linux-${A}`;
const CONF = `${TREE}/include/config/auto.conf`;
const SYMVERS = `${TREE}/Module.symvers`;

/** What happens at a command of dkms's, before it answers; its answer where it is not the usual one. */
type Happening = (host: Host) => ExecAnswer | undefined;

/** A machine where something happens at one command of dkms's, once. */
function happening(verb: 'build' | 'install', happen: Happening): MemoryHost {
  let isOver = false;
  return machine(
    { ...gentooKernel(A), ...V1 },
    {
      exec: async (call: RecordedCall, on) => {
        if (call.command !== 'dkms' || call.args[0] !== verb || isOver) return workingDkms(call, on);
        isOver = true;
        const usual = await workingDkms(call, on);
        return happen(on) ?? usual;
      },
    },
  );
}

const append = (on: Host, path: string, line: string): void =>
  on.fs.write(path, `${on.fs.readText(path)}${line}`);

describe('a build tree that changes meanwhile', () => {
  it.each(['build', 'install'] as const)('is drift where that is during dkms %s', async (verb) => {
    const host = happening(verb, (on) => void append(on, CONF, 'CONFIG_USB=y\n'));
    expect((await runReconcile(host)).done.map(({ outcome }) => outcome)).not.toContain('failed');
    expect((await judgeHost(host)).kernels[0]).toMatchObject({
      state: 'drifted',
      reason: expect.stringContaining('the kernel was built anew'),
    });
    expect(inShort(await planHost(host))).toEqual(expect.arrayContaining(BUILD_A));
    await runReconcile(host);
    expect(await planHost(host)).toEqual([]);
  });

  it.each([
    ['configuration', CONF, 'CONFIG_USB=y\n'],
    ['symbol versions', SYMVERS, '0x2\tnew\tvmlinux\tEXPORT_SYMBOL\t\n'],
  ])('has not failed for good: its %s', async (_, path, line) => {
    const host = happening('build', (on) => {
      append(on, path, line);
      return { code: 10 };
    });
    expect((await runReconcile(host)).outcome).toBe('failed');
    expect(loadState(host.fs).failures[A]?.transient).toBe(true);
    expect(inShort(await planHost(host))).toEqual(expect.arrayContaining(BUILD_A));
    expect((await runReconcile(host)).outcome).toBe('done');
  });

  it('that stays as it is has failed for good', async () => {
    const host = happening('build', () => ({ code: 10 }));
    expect((await runReconcile(host)).outcome).toBe('failed');
    expect(loadState(host.fs).failures[A]?.transient).toBe(false);
    expect(await planHost(host)).toEqual([]);
  });
});

it('a kernel that is removed while its module is built has failed nothing', async () => {
  const host = happening('build', (on) => {
    on.fs.removeTree(`/lib/modules/${A}`);
    on.fs.removeTree(TREE);
    return { code: 8 };
  });
  const { done } = await runReconcile(host);
  expect(done.find(({ step }) => step.kind === 'build')).toMatchObject({
    outcome: 'skipped',
    text: 'the kernel was removed meanwhile',
  });
  expect(loadState(host.fs).failures).toEqual({});
});

it("a build reads its tree's symbol versions once to write them down", async () => {
  const host = machine({ ...gentooKernel(A), ...V1 }, { exec: workingDkms });
  await runReconcile(host);
  host.put(driverSource('2.10.0'));
  const read: string[] = [];
  const readBytes = (path: string) => {
    read.push(path);
    return host.fs.readBytes(path);
  };
  expect((await runReconcile({ ...host, fs: { ...host.fs, readBytes } })).outcome).toBe('done');
  expect(read.filter((path) => path === SYMVERS)).toEqual([SYMVERS]);
});
