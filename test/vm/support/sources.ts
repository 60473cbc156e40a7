// Where the guests' packages come from: what the machine's own apt is configured with, so that no mirror's
// address is written down here.

import { readFile } from 'node:fs/promises';
import { command } from '../../system/support/command.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Settings that decide whether an archive can be reached and is believed, e.g. a proxy or a snapshot's age. */
const PASSED_ON = /^Acquire::(?:https?::[\w:]*Proxy|Check-Valid-Until|Check-Date|Retries) "[^"]*";$/;

/** The machine's Debian sources, security and updates among them, as lines of a sources.list. */
export async function debianSources(): Promise<string> {
  const listed = await command([
    'apt-get',
    'indextargets',
    '--format',
    '$(ORIGIN)\t$(COMPONENT)\t$(REPO_URI)\t$(RELEASE)',
    'Created-By: Packages',
  ]);
  const lines = listed.split('\n').flatMap((line) => {
    const [origin, component, uri, release] = line.split('\t');
    if (origin !== 'Debian' || component !== 'main' || !uri || !release) return [];
    return [`deb [signed-by=${KEYRING}] ${uri} ${release} main`];
  });
  if (lines.length === 0) {
    throw new Error('apt knows no Debian mirror yet. Run apt-get update, and see that its sources name one.');
  }
  return `${[...new Set(lines)].join('\n')}\n`;
}

export async function aptSettings(): Promise<string[]> {
  const dumped = await command(['apt-config', 'dump']);
  return dumped.split('\n').filter((line) => PASSED_ON.test(line));
}

/** The machine's own suite, e.g. `bookworm`: the only one whose packages its apt can find. */
export async function debianSuite(): Promise<string> {
  const suite = /^VERSION_CODENAME=(\S+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  if (suite === undefined)
    throw new Error('/etc/os-release has no VERSION_CODENAME: this is no Debian release');
  return suite;
}
