// Between the first look and the lock another run may have done the work: then, and only then, one more look.
import { describe, expect, it } from 'vitest';
import type { Host } from '../../../src/host/host.ts';
import { driverSource, gentooKernel, machine } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { workingDkms } from '../support/working-dkms.ts';

const RELEASE = '6.12.1-gentoo-dist';

function prepared(files = {}): MemoryHost {
  return machine({ ...gentooKernel(RELEASE), ...driverSource('2.9.0'), ...files }, { exec: workingDkms });
}

/** The same machine, and how often its driver sources were looked for. */
function countingLooks(host: MemoryHost): { host: Host; looks: () => number } {
  let looks = 0;
  const fs: Host['fs'] = {
    ...host.fs,
    list(path) {
      if (path === '/usr/src') looks += 1;
      return host.fs.list(path);
    },
  };
  return { host: { ...host, fs }, looks: () => looks };
}

/** The same machine, on which something happens just before the lock is taken. */
function withMeanwhile(host: Host, happens: () => Promise<unknown>): Host {
  const lock: Host['lock'] = {
    async acquire(...rest) {
      await happens();
      return host.lock.acquire(...rest);
    },
  };
  return { ...host, lock };
}

const builds = (host: MemoryHost): number =>
  host.exec.calls.filter(({ command, args }) => command === 'dkms' && args[0] === 'build').length;

describe('a run that got the lock at once', () => {
  it('finds nothing to do where another run has done it meanwhile', async () => {
    const host = prepared();
    const report = await runReconcile(withMeanwhile(host, () => runReconcile(host)));
    expect(report.outcome).toBe('nothing-to-do');
    expect(builds(host)).toBe(1);
  });

  it('does the rest where another run was killed meanwhile', async () => {
    const host = prepared();
    const killed: Host = {
      ...host,
      fs: {
        ...host.fs,
        rename() {
          throw new Error('killed');
        },
      },
    };
    const report = await runReconcile(withMeanwhile(host, () => runReconcile(killed).catch(() => {})));
    expect(report.after.kernels.map(({ state }) => state)).toEqual(['current']);
  });

  it('goes by what it has seen where nobody did anything, and only there', async () => {
    const alone = countingLooks(prepared());
    await runReconcile(alone.host);
    const disturbed = countingLooks(prepared());
    const { fs } = disturbed.host;
    await runReconcile(
      withMeanwhile(disturbed.host, async () => fs.append('/run/ttkmd/events.jsonl', '{}\n')),
    );
    expect(disturbed.looks()).toBeGreaterThan(alone.looks());
  });
});

describe('dkms build', () => {
  it.each<[string, object, boolean]>([
    ['cleans a source that a build left objects in', { '/usr/src/tenstorrent-2.9.0/module.o': 'ELF' }, true],
    ['… and one with what kbuild notes', { '/usr/src/tenstorrent-2.9.0/Module.symvers': '' }, true],
    ['leaves out the cleaning of one that has nothing to be cleaned of', {}, false],
  ])('%s', async (_, files, cleans) => {
    const host = prepared(files);
    await runReconcile(host);
    const call = host.exec.calls.find(({ command, args }) => command === 'dkms' && args[0] === 'build');
    expect(call?.args.includes('CLEAN=true')).toBe(!cleans);
  });
});
