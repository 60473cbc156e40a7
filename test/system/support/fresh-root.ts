// A disposable Debian that has nothing of dkms or kernels' headers yet, for what installs packages: real apt, real dpkg.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { aptSettings, debianSources, debianSuite } from '../../vm/support/sources.ts';
import { MACHINE_APT, searchNames, updateLists } from './apt.ts';
import { command } from './command.ts';
import { locked } from './lock.ts';
import { CACHE, PROJECT } from './project.ts';
import type { AliveProcess, RunResult } from './sandbox-options.ts';
import { processesIn } from './sandbox-processes.ts';

/** A compiler and Python are there, so that what is installed again and again is small. */
const PACKAGES = [
  'ca-certificates',
  'gcc',
  'kmod',
  'make',
  'python3-venv',
  'systemd',
  'systemd-sysv',
  'udev',
];
const KEY = createHash('sha256').update(PACKAGES.join()).digest('hex').slice(0, 16);
const BASE = join(CACHE, 'fresh-root', KEY);
const COPIES = join(PROJECT, 'build', 'unpacked-');
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/** What changes with every use of a package manager, and is nobody's state. */
const PASSING =
  /^(var\/(cache|log|lib\/apt)|var\/lib\/dpkg\/[^/]*-old|mnt|tmp|run|proc|dev|sys|etc\/ld\.so\.cache)(\/| |$)/;

const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
};

/** In a mount namespace of its own; it goes, with all that runs in it, when standard input, the leash, is closed. */
const SCRIPT = `
set -eu
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" fresh "$2/root"
mount --rbind /dev "$2/root/dev"
mount -t proc proc "$2/root/proc"
mount -t tmpfs run "$2/root/run"
mount --bind "$3" "$2/root/mnt"
. "$4"
hold_namespace
`;
const LEASH = join(import.meta.dirname, 'leash.sh');

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
}

export class FreshRoot implements AsyncDisposable {
  readonly #helper: ChildProcess;
  readonly #folder: string;
  readonly #release: string;
  /** The release of the one kernel that is there, without headers. */
  readonly kernel: string;

  private constructor(helper: ChildProcess, folder: string, release: string, kernel: string) {
    this.#helper = helper;
    this.#folder = folder;
    this.#release = release;
    this.kernel = kernel;
  }

  /** @param release what is seen as /mnt inside: an unpacked release */
  static async create(release: string): Promise<FreshRoot> {
    const kernel = await ensureBase();
    const folder = await mkdtemp(join(tmpdir(), 'fresh-root-'));
    for (const name of ['upper', 'work', 'root']) await mkdir(join(folder, name));
    const args = ['-m', '--propagation', 'private', 'sh', '-c', SCRIPT, 'sh', BASE, folder, release, LEASH];
    const helper = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'inherit'], env: ENVIRONMENT });
    const ready = await Promise.race([
      once(helper.stdout, 'data'),
      once(helper, 'exit').then(() => undefined),
    ]);
    if (ready === undefined) throw new Error('the fresh root could not be mounted');
    return new FreshRoot(helper, folder, release, kernel);
  }

  spawn(argv: readonly string[], { env = {} }: RunOptions = {}): ChildProcess {
    const settings = Object.entries({ ...ENVIRONMENT, ...env }).map(([name, value]) => `${name}=${value}`);
    const inside = ['chroot', join(this.#folder, 'root'), '/usr/bin/env', '-i', ...settings, ...argv];
    return spawn('nsenter', ['-t', String(this.#helper.pid), '-m', '--', ...inside], {
      env: ENVIRONMENT,
      detached: true,
    });
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const child = this.spawn(argv, options);
    child.stdin?.end();
    const [stdout, stderr, [code, signal]] = await Promise.all([
      text(child, 'stdout'),
      text(child, 'stderr'),
      once(child, 'close'),
    ]);
    return { code: (code as number | null) ?? -1, signal: signal as NodeJS.Signals | null, stdout, stderr };
  }

  /**
   * Everything that lasts, each path with its kind, mode, owner and link, and the content of each file that is not what
   * it was in the beginning: a file that nobody has written to need not be read.
   */
  async listing(): Promise<string[]> {
    const script =
      "cd / && find . -xdev -mindepth 1 \\( -path ./proc -o -path ./mnt -o -path ./dev -o -path ./sys \\) -prune -o -printf '%P %y %m %U:%G %l\\n'";
    const [{ stdout }, written] = await Promise.all([this.run(['sh', '-c', script]), this.#written()]);
    return [...stdout.split('\n'), ...written].filter((line) => !PASSING.test(line)).sort();
  }

  /** The files of the upper layer that differ from those below them. */
  async #written(): Promise<string[]> {
    const upper = join(this.#folder, 'upper');
    const found = await readdir(upper, { recursive: true, withFileTypes: true });
    const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return files.flatMap((file) => {
      const path = relative(upper, file);
      if (PASSING.test(path)) return [];
      const [now, before] = [hashOf(file), hashOf(join(BASE, path))];
      return now === before ? [] : [`${path} ${now}`];
    });
  }

  /** Everything that runs inside. */
  processes(): AliveProcess[] {
    const pid = this.#helper.pid ?? 0;
    return processesIn(readlinkSync(`/proc/${pid}/ns/mnt`), pid);
  }

  /** Where a path of it is to be found from outside this namespace: below the upper layer, where it was written. */
  async write(path: string, content: string | Uint8Array): Promise<void> {
    const child = this.spawn(['sh', '-c', 'mkdir -p "$(dirname "$1")" && cat > "$1"', 'sh', path]);
    child.stdin?.end(content);
    await once(child, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#helper.stdin?.end();
    if (this.#helper.exitCode === null) await once(this.#helper, 'exit');
    await rm(this.#folder, { recursive: true, force: true });
    if (this.#release.startsWith(COPIES)) await rm(this.#release, { recursive: true });
  }
}

function hashOf(file: string): string | undefined {
  if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

async function text(child: ChildProcess, name: 'stdout' | 'stderr'): Promise<string> {
  let all = '';
  child[name]?.setEncoding('utf8');
  for await (const piece of child[name] ?? []) all += piece;
  return all;
}

/** A root that nothing is to be written to: the folder, and the release of its kernel. */
export async function freshBase(): Promise<{ readonly folder: string; readonly kernel: string }> {
  const kernel = await ensureBase();
  return { folder: BASE, kernel };
}

/** Made once, in less than a minute; a kernel is there as a distribution's headers-less one is. */
function ensureBase(): Promise<string> {
  return locked(`${BASE}.lock`, 600, makeBase);
}

async function makeBase(): Promise<string> {
  const kernel = await newestKernel();
  const mark = join(BASE, 'boot', `vmlinuz-${kernel}`);
  if (existsSync(mark)) return kernel;
  const draft = `${BASE}.new`;
  await rm(draft, { recursive: true, force: true });
  await rm(BASE, { recursive: true, force: true });
  const sources = `${draft}.list`;
  await mkdir(dirname(BASE), { recursive: true });
  await writeFile(sources, await debianSources());
  const settings = (await aptSettings()).flatMap((line) => ['--aptopt', line]);
  const include = `--include=${PACKAGES.join(',')}`;
  // What it mounts goes with it, even where it is killed: nobody who deletes the folder reaches into /sys.
  await command([
    ...['unshare', '--mount', '--propagation', 'private', '--'],
    'mmdebstrap',
    '--quiet',
    '--variant=apt',
    include,
    ...settings,
    await debianSuite(),
    draft,
    sources,
  ]);
  await rm(sources);
  // mmdebstrap's own folder is for nobody but root, and apt's download user has to get in.
  await chmod(draft, 0o755);
  // Nothing of it outlives the tests, a power cut least of all.
  await writeFile(join(draft, 'etc/dpkg/dpkg.cfg.d/unsafe-io'), 'force-unsafe-io\n');
  await cp(CERTIFICATES, join(draft, CERTIFICATES));
  const modules = join(draft, 'lib/modules', kernel);
  await mkdir(join(modules, 'kernel/fs'), { recursive: true });
  for (const name of ['modules.builtin', 'modules.order']) await writeFile(join(modules, name), '');
  await command(['depmod', '-b', draft, kernel]);
  await writeFile(join(draft, 'boot', `vmlinuz-${kernel}`), 'image');
  await rename(draft, BASE);
  return kernel;
}

async function newestKernel(): Promise<string> {
  const find = async () =>
    (await searchNames('^linux-headers-6[.]1[.].*[0-9]-amd64$')).map((name) =>
      name.replace('linux-headers-', ''),
    );
  let found = await find();
  if (found.length === 0) {
    await updateLists(MACHINE_APT);
    found = await find();
  }
  const newest = found.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  if (newest === undefined) throw new Error('the archive has no headers of a 6.1 kernel');
  return newest;
}

/** The release as it is unpacked, without the packing: a copy that goes with the root that it is seen in. */
export function unpackedRelease(): Promise<string> {
  return locked(join(PROJECT, 'build', 'unpacked.lock'), 120, async () => {
    const node = join(PROJECT, 'node_modules/.bin/node');
    const name = await command([node, 'scripts/pack.ts'], { cwd: PROJECT });
    const copy = await mkdtemp(COPIES);
    // Packing replaces files, so that links to what they were will do.
    await command(['cp', '-al', `${join(PROJECT, 'build', name.trim())}/.`, copy]);
    await chmod(copy, 0o755);
    return copy;
  });
}
