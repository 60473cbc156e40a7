// A run whose records cannot be written, or whose lock is lost: the driver comes first, and what failed is said.
import { describe, expect, it } from 'vitest';
import type { HostFs } from '../../../src/host/fs.ts';
import type { Host } from '../../../src/host/host.ts';
import type { Report } from '../../../src/reconcile/reconcile.ts';
import { driverSource, gentooKernel, machine } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { workingDkms } from '../support/working-dkms.ts';

const R = '6.12.58-gentoo-dist';
const FILES = { ...gentooKernel(R), ...driverSource('2.9.0') };

/** A host whose files below some places can be read and not written. */
function refusing(host: MemoryHost, places: readonly string[], code: string): Host {
  const refuse = (path: string): void => {
    if (!places.some((place) => path.startsWith(place))) return;
    const reason = { ENOSPC: 'no space left on device', EROFS: 'read-only file system' }[code] ?? 'refused';
    throw Object.assign(new Error(`${code}: ${reason}, write (${path})`), { code, syscall: 'write' });
  };
  const { fs } = host;
  const guarded: HostFs = {
    ...fs,
    write(path, ...rest) {
      refuse(path);
      fs.write(path, ...rest);
    },
    append(path, ...rest) {
      refuse(path);
      fs.append(path, ...rest);
    },
    remove(path) {
      if (fs.exists(path)) refuse(path);
      fs.remove(path);
    },
  };
  return { ...host, fs: guarded };
}

function endings(report: Report): string[] {
  return report.done.map(({ step, outcome }) => `${step.kind} ${outcome}`);
}

const BUILT = ['register done', 'build done', 'install done'];

describe('records that cannot be written', () => {
  it.each<[string, string[], string, string, RegExp]>([
    ['a full /var/log', ['/var/log'], 'ENOSPC', '/var/log/ttkmd/builds', /build log.*no space left.*ENOSPC/],
    ['a read-only /var/log', ['/var/log'], 'EROFS', '/var/log/ttkmd/builds', /build log.*read-only.*EROFS/],
    ['a full /run', ['/run'], 'ENOSPC', '/run/ttkmd', /announce.*no space left.*ENOSPC/],
    ['a read-only /run', ['/run'], 'EROFS', '/run/ttkmd', /announce.*read-only.*EROFS/],
    [
      'a history that cannot be written',
      ['/var/lib/ttkmd/history.jsonl'],
      'EIO',
      '/var/lib/ttkmd',
      /history.*EIO/,
    ],
  ])('%s costs a word, and no driver', async (_, places, code, where, said) => {
    const host = machine(FILES, { exec: workingDkms });
    const report = await runReconcile(refusing(host, places, code));
    expect(endings(report)).toEqual(BUILT);
    expect(report.outcome).toBe('done');
    expect(report.after.kernels.map((one) => one.state)).toEqual(['current']);
    expect(report.unwritten).toHaveLength(1);
    expect(report.unwritten[0]?.message).toMatch(said);
    expect(report.unwritten[0]?.message).toContain(where);
    expect(report.unwritten[0]?.hint).toMatch(/room|writ/);
  });

  it('a log that is not there is nobody referred to', async () => {
    const host = machine(FILES, {
      exec: (call, on) => (call.args[0] === 'build' ? { code: 10 } : workingDkms(call, on)),
    });
    const report = await runReconcile(refusing(host, ['/var/log'], 'ENOSPC'));
    expect(report.done.find(({ step }) => step.kind === 'build')?.log).toBeUndefined();
    expect(report.after.kernels[0]?.failure?.log).toBeUndefined();
    expect(report.after.kernels[0]?.state).toBe('failed');
  });

  it('a state that cannot be written is a failed run, and the driver is there all the same', async () => {
    const host = machine(FILES, { exec: workingDkms });
    const report = await runReconcile(refusing(host, ['/var/lib/ttkmd/state.json'], 'ENOSPC'));
    expect(endings(report)).toEqual(BUILT);
    expect(report.outcome).toBe('failed');
    expect(report.after.kernels.map((one) => one.state)).toEqual(['current']);
    expect(report.unwritten.map(({ record }) => record)).toEqual(['state']);
    expect(report.unwritten[0]?.message).toMatch(/remembered.*\/var\/lib\/ttkmd\/state\.json.*ENOSPC/);
  });

  it('what a source was before it is taken over is written down first, or it is not touched', async () => {
    const files = { ...gentooKernel(R), ...driverSource('2.9.0', { autoinstall: true }) };
    const host = machine(files, { exec: workingDkms });
    const report = await runReconcile(refusing(host, ['/var/lib/ttkmd/state.json'], 'ENOSPC'));
    expect(endings(report)).toEqual(['takeOver skipped', ...BUILT]);
    expect(report.outcome).toBe('failed');
    expect(host.fs.readText('/usr/src/tenstorrent-2.9.0/dkms.conf')).toContain('AUTOINSTALL');
  });

  it('what fails and succeeds later is no record of the state: it is written as a whole', async () => {
    const host = machine(FILES, { exec: workingDkms });
    let refusals = 1;
    const { fs } = host;
    const report = await runReconcile({
      ...host,
      fs: {
        ...fs,
        write(path, ...rest) {
          if (path.endsWith('/state.json') && refusals-- > 0) {
            throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
          }
          fs.write(path, ...rest);
        },
      },
    });
    expect(report.outcome).toBe('done');
    expect(report.unwritten).toEqual([]);
  });
});

describe('a lock that is lost in the middle', () => {
  it('ends the run before its next step, and leaves the records to the one that holds it now', async () => {
    let taken = false;
    let lost = false;
    const host = machine(FILES, {
      exec(call, on) {
        if (call.args[0] === 'build') {
          taken = true;
          on.fs.write('/run/ttkmd/run.json', '{"pid":1,"started":"5","trigger":"boot","since":1}\n');
          on.fs.write('/run/ttkmd/events.jsonl', '');
        }
        return workingDkms(call, on);
      },
    });
    const lock: Host['lock'] = {
      async acquire(...args) {
        const held = await host.lock.acquire(...args);
        return (
          held && {
            ...held,
            async stands() {
              lost = taken;
              return !lost;
            },
            get lost() {
              return lost;
            },
          }
        );
      },
    };
    const report = await runReconcile({ ...host, lock });
    expect(endings(report)).toEqual(['register done', 'build done', 'install failed']);
    expect(report.outcome).toBe('failed');
    const [{ text, hint } = { text: '', hint: '' }] = report.done.slice(-1);
    expect(text).toMatch(/lock.*\/run\/ttkmd.*another run/);
    expect(hint).toContain('ttkmdctl reconcile');
    expect(host.fs.readText('/run/ttkmd/run.json')).toContain('"pid":1,');
    expect(host.fs.readText('/run/ttkmd/events.jsonl')).toBe('');
    expect(host.fs.exists(`/lib/modules/${R}/kernel/extra/tenstorrent.ko`)).toBe(false);
  });
});
