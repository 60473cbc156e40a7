// Fills a mirror: a folder with every download of some steps, for machines without a network.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { HostFs } from '../host/fs.ts';
import { fileHash } from '../host/hash.ts';
import { downloadsOf, toolsOf } from './downloads.ts';
import { fileName, pythonMirror } from './mirror.ts';
import type { Hands, StepName } from './step.ts';
import type { Versions } from './versions.ts';

/** Milliseconds for pip to find and download what the tools need. */
const PIP_LIMIT = 60 * 60_000;

export interface FetchOptions {
  /** Absolute. */
  readonly folder: string;
  readonly steps: readonly StepName[];
  readonly versions: Versions;
  readonly arch: string;
  readonly onLine: (line: string) => void;
}

/**
 * Afterwards the folder has all that `--mirror` takes from it. What is there already is not brought again.
 * @returns the names of what was brought
 */
export async function fillMirror(
  fs: HostFs,
  hands: Pick<Hands, 'download' | 'run'>,
  options: FetchOptions,
): Promise<string[]> {
  const { folder, steps, versions, arch, onLine } = options;
  const brought: string[] = [];
  for (const { url, sha256 } of downloadsOf(steps, versions, { kmdSource: undefined }, arch)) {
    const name = fileName(url);
    if (sha256 !== undefined && fileHash(fs, `${folder}/${name}`) === sha256) continue;
    onLine(`${url}`);
    await hands.download(url, `${folder}/${name}`, sha256);
    brought.push(name);
  }
  const tools = toolsOf(steps, versions);
  if (tools.length > 0) brought.push(...(await fetchTools(fs, hands, tools, options)));
  // What the folder is for; whoever installs from it installs these.
  fs.write(`${folder}/versions.json`, `${JSON.stringify(versions, undefined, 2)}\n`);
  return brought;
}

async function fetchTools(
  fs: HostFs,
  hands: Pick<Hands, 'run'>,
  tools: readonly string[],
  { folder, onLine }: FetchOptions,
): Promise<string[]> {
  const place = pythonMirror(folder);
  const before = new Set(fs.list(place));
  const argv = [
    'python3',
    '-m',
    'pip',
    'download',
    '--quiet',
    '--disable-pip-version-check',
    '--dest',
    place,
    ...tools,
  ];
  onLine(argv.join(' '));
  const said: string[] = [];
  const { code } = await hands.run({ kind: 'run', argv, network: true, timeLimit: PIP_LIMIT }, (line) =>
    said.push(line),
  );
  if (code !== 0) {
    throw new TtkmdError(
      'fetch-failed',
      `${argv.join(' ')} ended with ${code}: ${said.at(-1) ?? ''}`,
      'It takes a Python 3 with pip, of the version that the other machine has, and PyPI; leave the tools out by --without tt-smi,tt-flash.',
      EXIT.stepFailed,
    );
  }
  const files = fs.list(place).filter((name) => name !== 'index.html');
  // Behind an address, pip reads the names off a page.
  fs.write(
    `${place}/index.html`,
    files.map((name) => `<a href="${encodeURIComponent(name)}">${name}</a>\n`).join(''),
  );
  return files.filter((name) => !before.has(name));
}
