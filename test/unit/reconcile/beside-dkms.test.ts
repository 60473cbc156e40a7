// Somebody else's dkms is at work while a module is installed.
import { describe, expect, it } from 'vitest';
import { loadState } from '../../../src/state/state.ts';
import { current, driverSource, machine } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { workingDkms } from '../support/working-dkms.ts';
import { A, V1 } from './host-rows.ts';

const INDEX = `/lib/modules/${A}/modules.dep`;
const PLACE = `/lib/modules/${A}/kernel/extra/tenstorrent.ko`;
const FOREVER = Number.POSITIVE_INFINITY;

const PROCESS = {
  '/proc/77/comm': 'dkms\n',
  '/proc/77/cmdline': 'dkms\0autoinstall\0',
  '/proc/77/status': 'Name:\tdkms\nUid:\t0\t0\t0\t0\n',
  '/proc/77/root': { link: '/' },
};

interface Stranger {
  /** It begins before our install or while that is at work; `never` is a machine without one. */
  readonly begins: 'before' | 'during' | 'never';
  /** Milliseconds that it goes on for when our first install is over. */
  readonly lasts: number;
  /** What it does to that install, which then fails; or what else is wrong with what was installed. */
  readonly spoils?: (on: MemoryHost) => void;
  /** Our installs fail as long as it is there. */
  readonly always?: true;
  /** What happens at each of our waits. */
  readonly waiting?: (on: MemoryHost) => void;
  readonly trigger?: 'boot';
  readonly signal?: AbortSignal;
}

/** Halves the module, as a copy does that finds its folder gone or no room; dkms says so. */
const halves = (on: MemoryHost): void => {
  on.put({ [PLACE]: 'half a module' });
};

/**
 * Installs a newer version beside a stranger, whose last deed is an index that it began before our module was there.
 * `meanwhile` is the version that is there at our first wait.
 */
async function beside({ begins, lasts, spoils, always, waiting, trigger, signal }: Stranger) {
  let endsAt = FOREVER;
  let installs = 0;
  let waited = 0;
  let meanwhile: string | undefined;
  const host = machine(
    { ...current(A, '2.8.0'), ...driverSource('2.8.0'), ...V1 },
    {
      exec: async (call, on) => {
        const verb = call.command === 'dkms' ? call.args[0] : undefined;
        const usual = await workingDkms(call, on);
        if (verb === 'build' && begins === 'before' && installs === 0) host.put(PROCESS);
        if (verb !== 'install') return usual;
        installs += 1;
        if (installs > 1 && always === undefined) return usual;
        if (begins === 'during') host.put(PROCESS);
        if (installs === 1) endsAt = host.clock.now() + lasts;
        if (lasts === 0) host.fs.removeTree('/proc/77');
        spoils?.(host);
        return spoils === undefined ? usual : { code: 6 };
      },
    },
  );
  const sleep = async (ms: number): Promise<void> => {
    await host.clock.sleep(ms);
    meanwhile ??= host.fs.readText(PLACE)?.match(/version=([\d.]+)/)?.[1];
    waited += ms;
    waiting?.(host);
    if (!host.fs.exists('/proc/77/comm') || host.clock.now() < endsAt) return;
    host.fs.removeTree('/proc/77');
    if (host.fs.exists(PLACE)) host.put({ [INDEX]: 'kernel/fs/ext4.ko:\n' });
  };
  const clock = { now: host.clock.now, sleep };
  const { done } = await runReconcile({ ...host, clock }, trigger && { trigger }, signal && { signal });
  const { outcome } = done.find(({ step }) => step.kind === 'install') ?? {};
  const { transient, shadow } = loadState(host.fs).failures[A] ?? {};
  const isIndexed = host.fs.readText(INDEX)?.includes('tenstorrent');
  const version = host.fs.readText(PLACE)?.match(/version=([\d.]+)/)?.[1];
  return { outcome, installs, waited, meanwhile, version, isIndexed, transient, shadow };
}

describe('an install that fails beside a dkms of somebody else', () => {
  it.each(['before', 'during'] as const)(
    'is taken back, and done again once that has ended: it began %s',
    async (begins) => {
      expect(await beside({ begins, lasts: 60_000, spoils: halves })).toEqual({
        outcome: 'done',
        installs: 2,
        waited: 60_000,
        meanwhile: '2.8.0',
        version: '2.9.0',
        isIndexed: true,
      });
    },
  );

  it('is done again at once where that has ended meanwhile', async () => {
    const ended = await beside({ begins: 'before', lasts: 0, spoils: halves });
    expect(ended).toMatchObject({ outcome: 'done', installs: 2, waited: 0, version: '2.9.0' });
  });

  it('is done again after ten minutes where that never ends', async () => {
    const endless = await beside({ begins: 'before', lasts: FOREVER, spoils: halves });
    // And a moment for the index.
    expect(endless).toMatchObject({ outcome: 'done', installs: 2, waited: 600_000 + 10_000 });
  });

  it('is done again after a moment at boot, which waits for the card', async () => {
    const boot = await beside({ begins: 'before', lasts: FOREVER, spoils: halves, trigger: 'boot' });
    expect(boot).toMatchObject({ outcome: 'done', installs: 2, waited: 20_000, meanwhile: '2.8.0' });
  });

  it('has failed for now where it fails again', async () => {
    const twice = await beside({ begins: 'before', lasts: 60_000, spoils: halves, always: true });
    expect(twice).toMatchObject({ outcome: 'failed', installs: 2, version: '2.8.0', transient: true });
    expect(twice.isIndexed).toBe(true);
  });

  it('has failed for now where the run ends while it waits', async () => {
    const controller = new AbortController();
    const cut = await beside({
      begins: 'before',
      lasts: FOREVER,
      spoils: halves,
      waiting: () => controller.abort(),
      signal: controller.signal,
    });
    expect(cut).toMatchObject({
      outcome: 'failed',
      installs: 1,
      waited: 500,
      version: '2.8.0',
      transient: true,
    });
  });

  it('leaves the module that was there in the index, though the run ends with the other dkms', async () => {
    const controller = new AbortController();
    const waiting = (): void => controller.abort();
    const { signal } = controller;
    const cut = await beside({ begins: 'before', lasts: 500, spoils: halves, waiting, signal });
    expect(cut).toMatchObject({ outcome: 'failed', installs: 1, version: '2.8.0', isIndexed: true });
  });

  it('is done again where the other dkms has taken away the module that was there', async () => {
    const waiting = (on: MemoryHost): void => on.fs.remove(PLACE);
    const without = await beside({ begins: 'before', lasts: 2_000, spoils: halves, waiting });
    expect(without).toMatchObject({ outcome: 'done', installs: 2, version: '2.9.0' });
  });

  it('puts back what the other dkms has put there, where it fails again', async () => {
    const waiting = (on: MemoryHost): void => {
      on.put({ [PLACE]: on.fs.readText(PLACE)?.replace('2.8.0', '2.8.5') ?? '' });
    };
    const theirs = await beside({ begins: 'before', lasts: 2_000, spoils: halves, always: true, waiting });
    expect(theirs).toMatchObject({ outcome: 'failed', installs: 2, version: '2.8.5' });
  });

  it('is nothing any more where the kernel goes while it waits', async () => {
    const waiting = (on: MemoryHost): void => on.fs.removeTree(`/lib/modules/${A}`);
    const gone = await beside({ begins: 'before', lasts: 60_000, spoils: halves, waiting });
    expect(gone).toMatchObject({ outcome: 'skipped', installs: 1 });
  });

  it('has failed where there is none', async () => {
    const alone = await beside({ begins: 'never', lasts: 0, spoils: halves });
    expect(alone).toMatchObject({ outcome: 'failed', installs: 1, waited: 0, version: '2.8.0' });
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
        meanwhile: '2.9.0',
        version: '2.9.0',
        isIndexed: true,
      });
    },
  );

  it('waits no longer than a moment', async () => {
    const endless = await beside({ begins: 'during', lasts: FOREVER });
    expect(endless).toMatchObject({ outcome: 'done', installs: 1, waited: 10_000, isIndexed: true });
  });

  it('is done again where that takes it away', async () => {
    let taken = false;
    const waiting = (on: MemoryHost): void => {
      if (!taken) on.fs.remove(PLACE);
      taken = true;
    };
    const stolen = await beside({ begins: 'during', lasts: 30_000, waiting });
    expect(stolen).toMatchObject({ outcome: 'done', installs: 2, waited: 30_000, version: '2.9.0' });
  });
});
