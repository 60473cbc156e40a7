// Kernels come and go, and daemon and hooks are killed at random; in the end all is as if nothing had happened.
// `npm run soak` plays two hundred rounds, the tests a few.

import { once } from 'node:events';
import { release as machine } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Daemon } from './support/daemon.ts';
import {
  configure,
  dkmsStatus,
  expectSettled,
  prepared,
  SAMPLE,
  statusOf,
  until,
} from './support/machine.ts';
import { parts } from './support/parts.ts';
import { generator } from './support/random.ts';
import { noBuildAlive, type Sandbox } from './support/sandbox.ts';
import { untilInstalled } from './support/waiting.ts';

const { kernels, dkms } = parts();

const ROUNDS = Number(process.env.TTKMD_TEST_SOAK ?? 20);

/** Kernels at a time; a machine with more than that has other worries. */
const MOST_KERNELS = 4;

/** All must have come to rest after this many rounds. */
const STAGE = 10;

/** Private memory that a daemon may have taken more than at first, as a share. */
const GROWTH = 1.25;

const HOOK = '/usr/lib/kernel/preinst.d/35-ttkmd.install';

test(`${ROUNDS} arrivals and removals, with kills`, { timeout: ROUNDS * 60_000 }, async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  await configure(sandbox, '[watch]\nsettle = 500ms\n');
  const stays = kernels.v61.gentooRelease;
  const seed = Number(process.env.TTKMD_TEST_SEED ?? Date.now() % 2 ** 31);
  const random = generator(seed);
  let kills = 0;

  let daemon = await Daemon.start(sandbox);
  try {
    await rest(sandbox, [stays]);
    const first = await idleFigures(daemon);
    const there: string[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      if (there.length < MOST_KERNELS && (there.length === 0 || random() < 0.6)) {
        const { release } = await sandbox.addKernel(kernels.v61, { release: `6.1.${round}-soak` });
        there.push(release);
        if (random() < 0.5) kills += await callHook(sandbox, release, random);
      } else {
        const index = Math.floor(random() * there.length);
        const [release = ''] = there.splice(index, 1);
        await sandbox.removeKernel(release);
      }
      await sleep(random() * 1500);
      if (random() < 0.3) {
        await daemon.stop('SIGKILL');
        daemon = await Daemon.start(sandbox);
        kills += 1;
      }
      if (round % STAGE === 0) await rest(sandbox, [stays, ...there]);
    }
    for (const release of there) await sandbox.removeKernel(release);
    await rest(sandbox, [stays]);
    await expectSettled(sandbox, [stays]);
    expect(await dkmsStatus(sandbox)).toEqual([`tenstorrent/${SAMPLE}, ${stays}, x86_64: installed`]);
    await until('the daemon is as it was at first', async () => {
      const now = await idleFigures(daemon);
      return now.watches === first.watches && now.files <= first.files && now.memory <= first.memory * GROWTH;
    });
    console.log(
      `soak: seed ${seed}, ${ROUNDS} rounds, ${kills} kills, ${JSON.stringify(await idleFigures(daemon))}`,
    );
  } catch (error) {
    throw new Error(`seed ${seed}:\n${daemon.output}`, { cause: error });
  } finally {
    await daemon.stop('SIGKILL');
  }
});

/** A kernel installation's hook, which is killed as often as not. @returns how many were */
async function callHook(sandbox: Sandbox, release: string, random: () => number): Promise<number> {
  const hook = sandbox.spawn([HOOK, release, sandbox.kernel(release).image], { stdio: 'ignore' });
  const ended = once(hook, 'exit');
  if (random() < 0.5) {
    await ended;
    return 0;
  }
  await Promise.race([ended, sleep(random() * 2000)]);
  hook.kill('SIGKILL');
  await ended;
  return 1;
}

/** Until every kernel that is there has the driver, and nothing is known of any other. */
async function rest(sandbox: Sandbox, releases: readonly string[]): Promise<void> {
  for (const release of releases) {
    await untilInstalled(sandbox, release, SAMPLE);
  }
  await until('the others are forgotten', async () => {
    const status = await statusOf(sandbox);
    // One that was removed is listed until it is forgotten; the machine's own has no modules anyway.
    const known = status.kernels.map(({ release }) => release).filter((release) => release !== machine());
    return (
      status.run === null && status.health === 'ok' && known.sort().join() === [...releases].sort().join()
    );
  });
  await noBuildAlive(sandbox, 10_000);
}

async function idleFigures(daemon: Daemon): Promise<{ watches: number; files: number; memory: number }> {
  // What a burst of work took is given back a while after it.
  await sleep(2000);
  return { watches: daemon.watches(), files: daemon.openFiles(), memory: daemon.memory() };
}
