// Lays out the content of a release in build/ttkmd-VERSION and prints that folder's name.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly engines: { readonly node: string };
}

const EXECUTABLE =
  /^(install\.sh|bootstrap\.sh|node\/bin\/node|hooks\/usr\/bin\/.*|hooks\/.*\/35-ttkmd(\.install)?|hooks\/usr\/share\/ttkmd\/.*|openrc\/.*init\.d\/.*)$/;

const { name, version, license, engines } = readJson<Package>('package.json');
const top = `${name}-${version}`;
const folder = join('build', top);
rmSync(folder, { recursive: true, force: true });

put('dist', 'lib', ['share']);
put('node_modules/node/bin/node', 'node/bin/node');
write('node/LICENSE', nodeLicense());
for (const tree of ['hooks', 'units', 'openrc']) put(tree, tree);
put('dist/share', 'share');
put('overlay', 'overlay');
put('LICENSE', 'LICENSE');
for (const document of ['README.md', 'CONTRIBUTING.md', 'bench/README.md']) put(document, document);
put('scripts/install.sh', 'install.sh');
put('scripts/start.sh', 'start.sh');
put('bootstrap.sh', 'bootstrap.sh');
write('THIRD-PARTY-LICENSES', thirdPartyLicenses());
write('package.json', `${JSON.stringify({ name, version, license, type: 'module', engines }, null, 2)}\n`);
requireLinks('README.md');
setModes(folder, '');
console.log(top);

/** Copies a file or folder if there is one; folders with nothing in them are left out. */
function put(from: string, to: string, except: readonly string[] = []): void {
  const found = statSync(from, { throwIfNoEntry: false });
  if (found?.isDirectory()) {
    for (const name of readdirSync(from)) {
      if (!except.includes(name) && !name.startsWith('.')) put(join(from, name), join(to, name));
    }
  } else if (found !== undefined) {
    mkdirSync(dirname(join(folder, to)), { recursive: true });
    copyFileSync(from, join(folder, to));
  }
}

function write(path: string, text: string): void {
  const target = join(folder, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}

/** A link that leads out of the release leads nowhere. */
function requireLinks(document: string): void {
  for (const [, target = ''] of readFileSync(join(folder, document), 'utf8').matchAll(/\]\(([^):#]+)\)/g)) {
    if (!existsSync(join(folder, target)))
      throw new Error(`${document} links to ${target}, which is not packed`);
  }
}

/** Whatever the umask and the checkout say: the same modes in every release. */
function setModes(path: string, inside: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const [place, rest] = [join(path, entry.name), join(inside, entry.name)];
    chmodSync(place, entry.isDirectory() || EXECUTABLE.test(rest) ? 0o755 : 0o644);
    if (entry.isDirectory()) setModes(place, rest);
  }
}

/** The licence of the Node.js that goes along. npm package `node` has only the binary, the one it came from both. */
function nodeLicense(): string {
  const pinned = readJson<Package>('node_modules/node/package.json').version;
  const kept = join('.cache', `node-${pinned}-LICENSE`);
  if (existsSync(kept)) return readFileSync(kept, 'utf8');
  const source = `node-${process.platform}-${process.arch}@${pinned}`;
  mkdirSync('.cache', { recursive: true });
  const pack = ['pack', '--prefer-offline', '--silent', '--pack-destination', '.cache', source];
  const archive = join('.cache', basename(execFileSync('npm', pack, { encoding: 'utf8' }).trim()));
  const text = execFileSync('tar', ['-xzOf', archive, 'package/LICENSE'], { encoding: 'utf8' });
  rmSync(archive);
  writeFileSync(kept, text);
  return text;
}

/** The licences of the packages that the bundle holds. */
function thirdPartyLicenses(): string {
  const lock = readJson<{ packages: Record<string, { dev?: boolean; version?: string }> }>(
    'package-lock.json',
  );
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true && existsSync(path))
    .map(([path, found]) => {
      const file = readdirSync(path).find((entry) => /^licen[cs]e/i.test(entry));
      const title = `${path.replace(/^.*node_modules\//, '')} ${found.version ?? ''}`.trim();
      const text =
        file === undefined
          ? readJson<Package>(join(path, 'package.json')).license
          : readFileSync(join(path, file), 'utf8');
      return `${title}\n${'-'.repeat(title.length)}\n${text.trim()}\n`;
    })
    .join('\n');
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}
