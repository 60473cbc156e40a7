// Debian's packages as files: finds them, downloads them and unpacks them, and installs nothing.

import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, command } from './command.ts';

// apt's own download user cannot write into root's folders; without this it warns at each file.
const AS_ROOT = ['-o', 'APT::Sandbox::User=root'];

/** An apt of its own: other sources, lists and cache than the machine's. `[]` is the machine's. */
export type Apt = readonly string[];

export const MACHINE_APT: Apt = [];

interface PackageRecord {
  name: string;
  depends: string[][]; // each an "a | b" group of names
}

export async function updateLists(apt: Apt): Promise<void> {
  await command(['apt-get', ...apt, ...AS_ROOT, '--quiet', 'update']);
}

export async function searchNames(pattern: string): Promise<string[]> {
  const found = await command(['apt-cache', 'search', '--names-only', pattern]);
  return found
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name !== '');
}

/**
 * An apt that knows another suite of the same mirror. The mirror is the one that the machine's own
 * configuration names, so that no address is written down here.
 */
export async function aptForSuite(suite: string, folder: string): Promise<Apt> {
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  const uri = await mirrorUri();
  for (const sub of [
    'etc/preferences.d',
    'etc/apt.conf.d',
    'state/lists/partial',
    'cache/archives/partial',
  ]) {
    await mkdir(join(folder, sub), { recursive: true });
  }
  const sources = join(folder, 'etc/sources.list');
  await writeFile(sources, `deb [signed-by=${keyring}] ${uri} ${suite} main\n`);
  return [
    `Dir::Etc=${join(folder, 'etc')}`,
    `Dir::Etc::SourceList=${sources}`,
    'Dir::Etc::SourceParts=-',
    `Dir::State=${join(folder, 'state')}`,
    `Dir::State::Lists=${join(folder, 'state/lists')}`,
    `Dir::Cache=${join(folder, 'cache')}`,
    'Acquire::Languages=none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
  ].flatMap((setting) => ['-o', setting]);
}

async function mirrorUri(): Promise<string> {
  const targets = await command([
    'apt-get',
    'indextargets',
    '--format',
    '$(ORIGIN)\t$(LABEL)\t$(COMPONENT)\t$(REPO_URI)',
    'Created-By: Packages',
  ]);
  for (const line of targets.split('\n')) {
    const [origin, label, component, uri] = line.split('\t');
    // The label tells the main archive from the security archive, which has not got every package.
    if (origin === 'Debian' && label === 'Debian' && component === 'main' && uri) return uri;
  }
  throw new Error('apt knows no Debian mirror yet. Run apt-get update, and see that its sources name one.');
}

/**
 * The names of everything that `name` needs and the machine has not got. `always` are taken from the
 * archive even when the machine has them; `never` are left out with all that they alone need.
 */
export async function closure(name: string, always: RegExp, never: RegExp): Promise<string[]> {
  const installed = await installedPackages();
  const taken = new Set<string>([name]);
  let frontier = [name];
  while (frontier.length > 0) {
    const next = new Set<string>();
    for (const record of await packageRecords(frontier)) {
      for (const group of record.depends) {
        const candidates = group.filter((one) => !never.test(one));
        if (candidates.some((one) => installed.has(one) && !always.test(one))) continue;
        const choice = candidates[0];
        if (choice !== undefined && !taken.has(choice)) next.add(choice);
      }
    }
    frontier = [...next];
    for (const one of frontier) taken.add(one);
  }
  return [...taken].sort();
}

async function packageRecords(names: readonly string[]): Promise<PackageRecord[]> {
  const shown = await command(['apt-cache', 'show', '--no-all-versions', ...names]);
  return shown
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .map((block) => {
      const fields = new Map(block.split('\n').map((line) => splitField(line)));
      return {
        name: fields.get('Package') ?? '',
        depends: [...groups(fields.get('Pre-Depends')), ...groups(fields.get('Depends'))],
      };
    });
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

function groups(field: string | undefined): string[][] {
  if (field === undefined) return [];
  return field.split(',').map((group) =>
    group
      .split('|')
      .map((one) => one.trim().split(/[ (:]/)[0] ?? '')
      .filter((one) => one !== ''),
  );
}

/** What dpkg has installed, and what those packages say that they provide. */
async function installedPackages(): Promise<Set<string>> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: these are dpkg-query's placeholders
  const listed = await command(['dpkg-query', '-W', '-f', '${db:Status-Abbrev}\t${Package}\t${Provides}\n']);
  const names = new Set<string>();
  for (const line of listed.split('\n')) {
    const [status = '', name = '', provides = ''] = line.split('\t');
    if (!status.startsWith('ii')) continue;
    names.add(name);
    for (const group of groups(provides)) for (const one of group) names.add(one);
  }
  return names;
}

/** Downloads the packages and unpacks them into `root`, laid out as a machine with a merged /usr. */
export async function unpack(apt: Apt, names: readonly string[], root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  const downloads = await mkdtemp(`${root}.debs-`);
  try {
    await command(['apt-get', ...apt, ...AS_ROOT, '--quiet', 'download', ...names], { cwd: downloads });
    for (const file of await readdir(downloads)) await command(['dpkg', '-x', join(downloads, file), root]);
    await mergeUsr(root);
    await rm(join(root, 'usr/share/doc'), { recursive: true, force: true });
  } finally {
    await rm(downloads, { recursive: true, force: true });
  }
}

/** bookworm's packages still ship files in /lib and /sbin, which are links on the machine. */
async function mergeUsr(root: string): Promise<void> {
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    const folder = join(root, name);
    if (!(await isFolder(folder))) continue;
    await mkdir(join(root, 'usr', name), { recursive: true });
    await command(['cp', '-a', `${folder}/.`, join(root, 'usr', name)]);
    await rm(folder, { recursive: true });
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Whether the failure is one that newer package lists may mend. */
export function listsMayBeOld(error: unknown): boolean {
  return (
    error instanceof CommandError &&
    /404|Unable to locate|No packages found|Can't find|Unable to fetch/.test(error.stderr)
  );
}
