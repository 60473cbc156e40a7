// Packages of Gentoo's own tree that the tests' root has as Debian's, offered to be merged.

import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { parts } from '../../system/support/parts.ts';
import { NODE } from '../../system/support/project.ts';
import type { GentooRoot } from './root.ts';

const TREE = '/var/db/repos/gentoo';

export interface Distfile {
  readonly url: string;
  readonly content: Buffer;
}

/**
 * @param lines what the ebuild has beside a head
 * @param distfile what it is to fetch
 */
export async function offerEbuild(
  { sandbox }: GentooRoot,
  atom: string,
  version: string,
  lines: readonly string[],
  distfile?: Distfile,
): Promise<void> {
  const folder = `${TREE}/${atom}`;
  const head = [
    'EAPI=8',
    'DESCRIPTION="Stand-in: the real program"',
    'HOMEPAGE="https://www.gentoo.org/"',
    ...(distfile === undefined ? [] : [`SRC_URI="${distfile.url}"`, 'RESTRICT="mirror"']),
    'LICENSE="MIT"',
    'SLOT="0"',
    'KEYWORDS="amd64"',
    `S="\${WORKDIR}"`,
  ];
  await sandbox.write(`${folder}/${basename(atom)}-${version}.ebuild`, `${[...head, ...lines].join('\n')}\n`);
  if (distfile !== undefined) await sandbox.write(`${folder}/Manifest`, manifestOf(distfile));
  await sandbox.run(['sed', '-i', `\\,^${atom}-,d`, '/etc/portage/profile/package.provided']);
}

function manifestOf({ url, content }: Distfile): string {
  const hash = (name: string): string => createHash(name).update(content).digest('hex');
  const sums = `BLAKE2B ${hash('blake2b512')} SHA512 ${hash('sha512')}`;
  return `DIST ${basename(url)} ${content.length} ${sums}\n`;
}

/** dkms as a package of the tree: its real files, which are not there until it is merged. */
export async function offerDkms(root: GentooRoot, distfile?: Distfile): Promise<void> {
  const files = parts().dkms.v32.root;
  const install = `src_install() { cp -a "${files}/." "\${ED}/" || die; }`;
  await offerEbuild(root, 'sys-kernel/dkms', '3.2.2', ['IUSE="systemd"', install], distfile);
  const script = `
    cd ${files} && find . -type f -o -type l | while read -r file; do rm -f "/\${file#./}"; done
    rm -f /usr/lib/kernel/*/*dkms* /etc/kernel/*/*dkms* /etc/kernel/*/dkms
    # Portage takes folders of a package that are left empty with it, and these would not have been there without it.
    find /etc/dkms /etc/kernel /etc/modprobe.d /usr/lib/dkms /usr/lib/kernel -depth -type d -empty -delete`;
  await root.sandbox.run(['sh', '-c', script], { allowFailure: true });
}

/**
 * Node.js with the npm that is here; its build is a long one where the file is there that makes it so. It comes with a
 * library, of which another slot is there.
 */
export async function offerNode(root: GentooRoot, slow: string): Promise<void> {
  for (const slot of ['1', '2']) await offerEbuild(root, 'dev-libs/sample', slot, [`SLOT="${slot}"`]);
  await root.emerge(['--quiet', 'dev-libs/sample:1']);
  const { stdout } = await root.sandbox.run(['sh', '-c', 'readlink -f "$(command -v npm)"']);
  await offerEbuild(root, 'net-libs/nodejs', '24.21.0', [
    'IUSE="+npm"',
    'RDEPEND="dev-libs/sample:2"',
    `src_compile() { [[ ! -e ${slow} ]] || xz -9 --threads=1 --stdout ${NODE} > node.xz || die; }`,
    'src_install() {',
    `  exeinto /usr/bin; newexe "$(readlink -f ${NODE})" node`,
    '  if use npm; then',
    `    printf '#!/bin/sh\\nexec /usr/bin/node ${stdout.trim()} "$@"\\n' > npm || die`,
    '    doexe npm',
    '  fi',
    '}',
  ]);
  await root.sandbox.run([
    'sh',
    '-c',
    'rm -f /usr/bin/node /usr/bin/npm /usr/bin/npx /usr/local/bin/node /usr/local/bin/np[mx]',
  ]);
}
