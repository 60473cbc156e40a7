// A small kernel that `ttkmdctl kernels build` makes of Debian's kernel sources, with its driver, in a disposable
// Debian: one that checks the versions of symbols, and takes no module that its own key has not signed. It takes some minutes and is kept in .cache/vm until the sources, the configuration or the program change.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MACHINE_APT, searchNames, updateLists } from '../../system/support/apt.ts';
import { command } from '../../system/support/command.ts';
import { FreshRoot, unpackedRelease } from '../../system/support/fresh-root.ts';
import { locked } from '../../system/support/lock.ts';
import type { StatusDocument } from '../../system/support/machine.ts';
import { FIXTURES, PROJECT } from '../../system/support/project.ts';
import { FOLDER } from './places.ts';

export interface BuiltKernel {
  readonly release: string;
  /** Holds `vmlinuz-RELEASE` and `initrd.img-RELEASE`, as installkernel has left them. */
  readonly boot: string;
  /** A tar archive of its folder in /lib/modules, as base64. */
  readonly modules: string;
  /** What `kernels build` printed. */
  readonly printed: string;
  /** What status said of its module then. */
  readonly module: StatusDocument['kernels'][number]['module'];
}

const KEPT = join(FOLDER, 'built-kernels');
const FRAGMENT = join(import.meta.dirname, 'small-kernel.config');
const DRIVER = join(FIXTURES, 'sample-driver');

/** What a kernel's build needs, and an installkernel that makes an initramfs: Debian's. */
const PACKAGES = [
  'bc',
  'bison',
  'cpio',
  'dkms',
  'flex',
  'initramfs-tools',
  'libelf-dev',
  'libssl-dev',
  'openssl',
  'xz-utils',
  'zstd',
];

const LOCK_SECONDS = 3600;

/** Makes it where it is missing; asked twice at once, one makes it and the other waits. */
export async function builtKernel(log: (line: string) => void): Promise<BuiltKernel> {
  const sources = await sourcePackage();
  const key = await keyOf(sources);
  const folder = join(KEPT, key);
  await locked(join(KEPT, 'lock'), LOCK_SECONDS, async () => {
    if (existsSync(folder)) return;
    log(`building a small kernel of ${sources} (four to ten minutes)`);
    const draft = `${folder}.new`;
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { recursive: true });
    await make(sources, draft);
    await rename(draft, folder);
    for (const name of await readdir(KEPT)) {
      if (name !== key && name !== 'lock') await rm(join(KEPT, name), { recursive: true, force: true });
    }
  });
  return JSON.parse(await readFile(join(folder, 'kernel.json'), 'utf8')) as BuiltKernel;
}

/** `linux-source-6.1`: the oldest series, which is the smallest. */
async function sourcePackage(): Promise<string> {
  const find = async (): Promise<string | undefined> =>
    (await searchNames('^linux-source-6[.][0-9]+$')).sort((a, b) =>
      a.localeCompare(b, 'en', { numeric: true }),
    )[0];
  let found = await find();
  if (found === undefined) {
    await updateLists(MACHINE_APT);
    found = await find();
  }
  if (found === undefined) throw new Error('apt knows no linux-source-6.…; Debian 12 has 6.1');
  return found;
}

async function keyOf(sources: string): Promise<string> {
  const hash = createHash('sha256').update(
    await command(['apt-cache', 'show', '--no-all-versions', sources]),
  );
  const program = join(PROJECT, 'src/kernel-build');
  const files = [
    FRAGMENT,
    import.meta.filename,
    join(PROJECT, 'src/cli/kernels-build.ts'),
    ...(await readdir(program)).sort().map((name) => join(program, name)),
  ];
  for (const file of files) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}

async function make(sources: string, folder: string): Promise<void> {
  await using root = await FreshRoot.create(await unpackedRelease());
  const tree = `/usr/src/${sources}`;
  const run = async (script: string): Promise<string> => {
    const result = await root.run(['sh', '-euc', script], { env: { DEBIAN_FRONTEND: 'noninteractive' } });
    if (result.code !== 0)
      throw new Error(`${script}: ended with ${result.code}\n${result.stdout}${result.stderr}`);
    return `${result.stdout}${result.stderr}`;
  };
  await run(
    `apt-get -qq update && apt-get -qq install --no-install-recommends ${[...PACKAGES, sources].join(' ')}`,
  );
  await run('echo MODULES=list > /etc/initramfs-tools/conf.d/test && /mnt/install.sh');
  for (const name of await readdir(DRIVER)) {
    await root.write(`/usr/src/tenstorrent-1.0.0-sample/${name}`, await readFile(join(DRIVER, name)));
  }
  await run(
    `chmod +x /usr/src/tenstorrent-*/dkms-post-install; tar -xf ${tree}.tar.xz -C /usr/src --no-same-owner`,
  );
  await root.write('/root/fragment', await readFile(FRAGMENT));
  // As an admin has it who keeps a configuration: the tree has none.
  await run(
    `make -s -C ${tree} tinyconfig >/dev/null && cat ${tree}/.config /root/fragment > /root/small.config && rm ${tree}/.config`,
  );
  const printed = await run(`ttkmdctl kernels build ${sources} --config /root/small.config`);
  const release = (await run(`cat ${tree}/include/config/kernel.release`)).trim();
  const status = JSON.parse((await root.run(['ttkmdctl', 'status', '--json'])).stdout) as StatusDocument;
  const module = status.kernels.find((kernel) => kernel.release === release)?.module;
  for (const name of [`vmlinuz-${release}`, `initrd.img-${release}`]) {
    await writeFile(join(folder, name), Buffer.from(await run(`base64 /boot/${name}`), 'base64'));
  }
  // Its build tree stays behind.
  const modules = await run(`tar -cz --exclude=build --exclude=source -C / lib/modules/${release} | base64`);
  const boot = folder.replace(/\.new$/, '');
  await writeFile(
    join(folder, 'kernel.json'),
    `${JSON.stringify({ release, boot, modules, printed, module })}\n`,
  );
}
