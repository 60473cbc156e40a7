// Somebody else's dkms is at work while a module is installed.
import { describe, expect, it } from 'vitest';
import { gentooKernel, machine } from '../support/machines.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { workingDkms } from '../support/working-dkms.ts';
import { A, V1 } from './host-rows.ts';

const INDEX = `/lib/modules/${A}/modules.dep`;

const PROCESS = {
  '/proc/77/comm': 'dkms\n',
  '/proc/77/cmdline': 'dkms\0autoinstall\0',
  '/proc/77/status': 'Name:\tdkms\nUid:\t0\t0\t0\t0\n',
  '/proc/77/root': { link: '/' },
};

interface Stranger {
  /** It begins before our install or while that is at work; `never` is a machine without one. */
  readonly begins: 'before' | 'during' | 'never';
  /** Milliseconds that it goes on for when our install is over. */
  readonly lasts: number;
  /** Our first install fails, as it does where folders change below it. */
  readonly spoils?: true;
}

/** Runs a reconcile beside a stranger, whose last deed is an index that it began before our module was there. */
async function beside({ begins, lasts, spoils }: Stranger) {
  let endsAt = Number.POSITIVE_INFINITY;
  let installs = 0;
  let waited = 0;
  const host = machine(
    { ...gentooKernel(A), ...V1 },
    {
      exec: async (call, on) => {
        const verb = call.command === 'dkms' ? call.args[0] : undefined;
        const usual = await workingDkms(call, on);
        if (verb === 'build' && begins === 'before') host.put(PROCESS);
        if (verb !== 'install') return usual;
        installs += 1;
        if (installs > 1) return usual;
        if (begins === 'during') host.put(PROCESS);
        endsAt = host.clock.now() + lasts;
        if (lasts === 0) host.fs.removeTree('/proc/77');
        return spoils ? { code: 6 } : usual;
      },
    },
  );
  const sleep = async (ms: number): Promise<void> => {
    await host.clock.sleep(ms);
    waited += ms;
    if (!host.fs.exists('/proc/77/comm') || host.clock.now() < endsAt) return;
    host.fs.removeTree('/proc/77');
    host.put({ [INDEX]: 'kernel/fs/ext4.ko:\n' });
  };
  const { done } = await runReconcile({ ...host, clock: { now: host.clock.now, sleep } });
  const outcome = done.find(({ step }) => step.kind === 'install')?.outcome;
  return { outcome, installs, waited, indexed: host.fs.readText(INDEX)?.includes('tenstorrent') };
}

describe('an install that fails beside a dkms of somebody else', () => {
  it.each(['before', 'during'] as const)('is done again once that has ended: it began %s', async (begins) => {
    expect(await beside({ begins, lasts: 60_000, spoils: true })).toEqual({
      outcome: 'done',
      installs: 2,
      waited: 60_000,
      indexed: true,
    });
  });

  it('is done again at once where that has ended meanwhile', async () => {
    const ended = await beside({ begins: 'before', lasts: 0, spoils: true });
    expect(ended).toMatchObject({ outcome: 'done', installs: 2, waited: 0 });
  });

  it('is done again after ten minutes where that never ends', async () => {
    const endless = await beside({ begins: 'before', lasts: Number.POSITIVE_INFINITY, spoils: true });
    expect(endless).toMatchObject({ outcome: 'done', installs: 2, waited: 600_000 });
  });

  it('has failed where there is none', async () => {
    const alone = await beside({ begins: 'never', lasts: 0, spoils: true });
    expect(alone).toMatchObject({ outcome: 'failed', installs: 1, waited: 0 });
  });
});

describe('an install that ends well beside a dkms of somebody else', () => {
  it.each(['before', 'during'] as const)(
    'is in the index when that has ended: it began %s',
    async (begins) => {
      expect(await beside({ begins, lasts: 2_000 })).toEqual({
        outcome: 'done',
        installs: 1,
        waited: 2_000,
        indexed: true,
      });
    },
  );

  it('waits no longer than a moment', async () => {
    const endless = await beside({ begins: 'during', lasts: Number.POSITIVE_INFINITY });
    expect(endless).toMatchObject({ outcome: 'done', installs: 1, waited: 10_000, indexed: true });
  });
});
