// Cards on two NUMA nodes under systemd: their pages and their mount.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { cardGuest, expectPages, MOUNT, wantPages } from './support/card.ts';
import type { Guest } from './support/guest.ts';
import { until } from './support/services.ts';
import { statusOf } from './support/status.ts';

let guest: Guest;

beforeAll(async () => {
  guest = await cardGuest();
});
afterAll(() => guest?.dispose());

test('pages of 1 GiB are allocated on the node of each card and mounted', async () => {
  await wantPages(guest);
  await guest.run('ttkmdctl hugepages apply');
  await expectPages(guest);
  // What the mount unit is for. It finds that all is done, and mounts nothing on top.
  const uses = `[Unit]\nRequiresMountsFor=${MOUNT}\n[Service]\nType=oneshot\nExecStart=/usr/bin/findmnt ${MOUNT}\n`;
  await guest.write('/run/systemd/system/uses-pages.service', uses);
  await guest.run('systemctl daemon-reload && systemctl start uses-pages');
  await guest.run("systemctl is-active 'dev-hugepages\\x2d1G.mount'");
  expect((await guest.run(`grep -c ' ${MOUNT} ' /proc/self/mountinfo`)).stdout).toBe('1\n');
  const { health, problems } = await statusOf(guest);
  expect({ health, problems }).toEqual({ health: 'ok', problems: [] });
});

test('what was unmounted is mounted again; what cannot be met is told, with the way to have it', async () => {
  // Nobody asks for it: the daemon hears of it.
  await guest.run(`umount ${MOUNT}`);
  await until(guest, `findmnt ${MOUNT} && [ ! -e /run/ttkmd/run.json ]`);
  await expectPages(guest);
  await guest.run(`systemctl stop ttkmd && umount ${MOUNT}`);
  expect((await guest.run('ttkmdctl hugepages status', { allowFailure: true })).status).toBe(1);
  await guest.run('ttkmdctl reconcile');
  await guest.run('systemctl start ttkmd');
  await expectPages(guest);

  await wantPages(guest, 8);
  const refused = await guest.run('ttkmdctl hugepages apply', { allowFailure: true });
  expect([1, 6], refused.stdout).toContain(refused.status);
  expect(refused.stderr).toMatch(
    /\d+ of 16 hugepages of 1 GiB are there \(node 0: \d of 8, node 1: \d of 8\)|\d of 8 × 1 GiB are allocated on node/,
  );
  expect(refused.stderr).toContain('hugepagesz=1G hugepages=0:8,1:8');
  expect((await guest.run('ttkmdctl status', { allowFailure: true })).status).toBe(1);

  // Nobody takes back what is more than enough, but a person who asks for it.
  await wantPages(guest);
  await guest.run('ttkmdctl hugepages apply');
  const counters = 'cat /sys/devices/system/node/node*/hugepages/hugepages-1048576kB/nr_hugepages';
  expect((await guest.run(counters)).stdout).not.toBe('1\n1\n');
  await guest.run('ttkmdctl hugepages apply --release');
  await expectPages(guest);
});

test('a stricter mount lets in the members of its group alone', async () => {
  await wantPages(guest, 1, 'mount_mode = 0770\nmount_group = users\n');
  await guest.run(`umount ${MOUNT} && ttkmdctl hugepages apply`);
  expect((await guest.run(`stat -c '%a %G' ${MOUNT}`)).stdout).toBe('770 users\n');
  const mapsAs = async (groups: string): Promise<boolean> => {
    const map = `setpriv --reuid=65534 --regid=65534 ${groups} fallocate -l 1G ${MOUNT}/page && rm ${MOUNT}/page`;
    return (await guest.run(map, { allowFailure: true })).status === 0;
  };
  expect(await mapsAs('--groups=users')).toBe(true);
  expect(await mapsAs('--clear-groups')).toBe(false);
  await wantPages(guest);
  await guest.run(`umount ${MOUNT} && ttkmdctl hugepages apply`);
  await expectPages(guest);
});
