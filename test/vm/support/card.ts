// A machine with two NUMA nodes, a card on each, and memory for pages of 1 GiB.

import { expect } from 'vitest';
import { SAMPLE } from '../../system/support/machine.ts';
import { Guest, type Hardware } from './guest.ts';
import { bootstrapped } from './services.ts';
import { statusOf } from './status.ts';

export const MOUNT = '/dev/hugepages-1G';

/**
 * The emulator's firmware names no node for what hangs on the first PCI bus, as many a real one does; the bus behind
 * the expander is on the second node. Memory that the guest does not touch costs the host nothing.
 */
export const TWO_NODES: Hardware = {
  memory: '12G',
  qemu: [
    ...['-object', 'memory-backend-ram,id=near,size=6G', '-numa', 'node,nodeid=0,memdev=near,cpus=0'],
    ...['-object', 'memory-backend-ram,id=far,size=6G', '-numa', 'node,nodeid=1,memdev=far'],
    ...['-device', 'pxb,id=expander,bus_nr=128,numa_node=1'],
    ...['-device', 'pci-bridge,id=behind,bus=expander,chassis_nr=2', '-device', 'edu,bus=behind,addr=1'],
  ],
};

/** It is on, under systemd, and has been bootstrapped, here or in the life of another guest. */
export async function cardGuest(): Promise<Guest> {
  const guest = await Guest.create('systemd', { ...TWO_NODES, kept: true });
  await guest.boot();
  // One kernel shows it as well as two.
  const exclude = `[kernels]\nexclude = ${guest.image.kernels.second}\n`;
  await guest.write('/etc/ttkmd/ttkmd.conf.d/60-one.conf', exclude);
  if (!guest.isKept) await bootstrapped(guest);
  return guest;
}

/** One page for each card, and less memory kept free than a real machine should. Gives the file that says so. */
export async function wantPages(guest: Guest, each = 1, more = ''): Promise<string> {
  const path = '/etc/ttkmd/ttkmd.conf.d/70-card.conf';
  const text = `[hugepages]\nmode = always\nwormhole = ${each}\nkeep_free = 1G\n${more}`;
  await guest.write(path, text);
  return path;
}

/** A page for the card that has no node, taken from the first one, and a page for the other; and their mount. */
export async function expectPages(guest: Guest): Promise<void> {
  const { hugepages, devices } = await statusOf(guest);
  expect(devices.map(({ numaNode }) => numaNode)).toEqual([null, 1]);
  expect(hugepages).toMatchObject({
    demand: 2,
    present: 2,
    nodes: [
      { node: 0, demand: 1, allocated: 1 },
      { node: 1, demand: 1, allocated: 1 },
    ],
    mount: { path: MOUNT, state: 'mounted' },
  });
  const counters = '/sys/devices/system/node/node*/hugepages/hugepages-1048576kB/nr_hugepages';
  expect((await guest.run(`cat ${counters}`)).stdout).toBe('1\n1\n');
  const { stdout } = await guest.run(`findmnt -no FSTYPE,OPTIONS ${MOUNT}`);
  expect(stdout).toMatch(/^hugetlbfs .*nosuid,nodev.*pagesize=1024M/);
  // What matters in the end: somebody other than root maps a page and writes to it.
  await guest.run(
    `setpriv --reuid=65534 --regid=65534 --clear-groups fallocate -l 1G ${MOUNT}/page && rm ${MOUNT}/page`,
  );
}

/** A driver source of another version, made of the one that is there. */
export async function addVersion(guest: Guest, version: string, change = 'true'): Promise<void> {
  const folder = `/usr/src/tenstorrent-${version}`;
  await guest.run(
    `cp -a /usr/src/tenstorrent-${SAMPLE} /usr/src/.new && cd /usr/src/.new && sed -i 's/^PACKAGE_VERSION=.*/PACKAGE_VERSION="${version}"/' dkms.conf && ${change} && mv /usr/src/.new ${folder}`,
  );
}
