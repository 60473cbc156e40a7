// OpenRC from Debian's archive: unpacked beside the other parts, and laid into a sandbox as if it had booted it.

import { existsSync } from 'node:fs';
import { rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Apt, aptForSuite, listsMayBeOld, MACHINE_APT, unpack, updateLists } from './apt.ts';
import { CACHE } from './project.ts';
import type { Sandbox } from './sandbox.ts';

const PARTS = join(CACHE, 'parts');
const PACKAGES = ['openrc', 'librc1', 'libeinfo1'];

/** Debian 13's is made for a newer C library than Debian 12's, so it comes with all that its scripts start. */
const NEWER_SUITE = 'trixie';
const NEWER_PACKAGES = [
  ...['openrc', 'librc1t64', 'libeinfo1', 'libaudit1', 'libcap-ng0', 'libcap2', 'libpam0g'],
  ...['libc6', 'libacl1', 'libattr1', 'libpcre2-8-0', 'libselinux1', 'libsystemd0'],
  ...['bsdutils', 'coreutils', 'dash', 'grep', 'sed'],
];

/** What OpenRC makes in /run when it boots a machine. */
const STATE_FOLDERS =
  'started starting stopping inactive wasinactive failed daemons exclusive options hotplugged scheduled tmp';

/** What the base of a system has, and OpenRC looks at. */
const NEWER_ROOT = `
mkdir -p "$2" && cd "$2" && mkdir upper work root
mount -t overlay -o "lowerdir=$1,upperdir=upper,workdir=work" newer root
cd root
mkdir -p dev proc run var/log && mkdir -m 1777 tmp
mount -t proc proc proc
mount -t tmpfs dev dev
mknod -m 666 dev/null c 1 3
echo root:x:0:0:root:/:/bin/sh >etc/passwd
echo root:x:0: >etc/group
: >etc/insserv.conf && mkdir etc/insserv.conf.d
cp -a /etc/init.d/ttkmd* etc/init.d/
cp -a /etc/conf.d/ttkmd etc/conf.d/
`;

export async function addOpenrc(sandbox: Sandbox): Promise<void> {
  const root = await openrcPart();
  await sandbox.run(['cp', '-aT', join(root, 'usr'), '/usr']);
  await sandbox.run(['cp', '-aT', join(root, 'etc'), '/etc']);
  // Debian's build reads it.
  await sandbox.write('/etc/insserv.conf', '');
}

/**
 * A root inside the sandbox, for chroot, with a newer OpenRC and the sandbox's own services.
 * @param part what `newerOpenrcPart` has fetched
 * @returns where it is
 */
export async function addNewerOpenrc(sandbox: Sandbox, part: string): Promise<string> {
  const folder = '/run/newer-openrc';
  await sandbox.run(['sh', '-ec', NEWER_ROOT, 'sh', part, folder]);
  return join(folder, 'root');
}

/** Makes OpenRC take the sandbox, or a root in it, for a machine that it has booted. */
export async function pretendBooted(sandbox: Sandbox, root = ''): Promise<void> {
  await sandbox.run(['sh', '-c', `cd ${root}/run && mkdir openrc && cd openrc && mkdir ${STATE_FOLDERS}`]);
  await sandbox.write(`${root}/run/openrc/softlevel`, 'default');
}

function openrcPart(): Promise<string> {
  return kept('openrc', (draft) => unpackNewest(MACHINE_APT, PACKAGES, draft));
}

/** Throws where the machine's mirror does not have it. */
export function newerOpenrcPart(): Promise<string> {
  return kept(`openrc-${NEWER_SUITE}`, async (draft) => {
    const apt = await aptForSuite(NEWER_SUITE, join(PARTS, 'apt', NEWER_SUITE));
    await unpackNewest(apt, NEWER_PACKAGES, draft);
    for (const name of ['bin', 'lib', 'lib64', 'sbin']) await symlink(`usr/${name}`, join(draft, name));
  });
}

async function kept(name: string, fetch: (draft: string) => Promise<void>): Promise<string> {
  const folder = join(PARTS, name);
  if (existsSync(folder)) return folder;
  const draft = `${folder}.${process.pid}`;
  try {
    await fetch(draft);
    // Two test runs may have done it at once: the first wins.
    await rename(draft, folder).catch(() => {});
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return folder;
}

async function unpackNewest(apt: Apt, packages: readonly string[], root: string): Promise<void> {
  await unpack(apt, packages, root).catch(async (error: unknown) => {
    if (!listsMayBeOld(error)) throw error;
    await updateLists(apt);
    await unpack(apt, packages, root);
  });
}
