// What the publishers say of their newest releases: GitHub of repositories, PyPI of Python packages.
import { EXIT, TtkmdError } from '../host/errors.ts';
import { record } from './record.ts';
import type { Download } from './step.ts';

/** Reads the text behind an address. */
export type Ask = (url: string) => Promise<string>;

export interface Release {
  /** Where it was read. */
  readonly from: string;
  readonly repository: string;
  readonly tag: string;
  /** The first number in the tag and what follows it. */
  readonly version: string;
  readonly files: readonly (Download & { readonly name: string })[];
}

/** The newest release of a repository of Tenstorrent's that is no draft and no pre-release. */
export async function newestRelease(repository: string, ask: Ask): Promise<Release> {
  const from = `https://api.github.com/repos/tenstorrent/${repository}/releases/latest`;
  const found = parse(await ask(from), from);
  const tag = found.tag_name;
  const version = typeof tag === 'string' ? /\d[\w.+-]*$/.exec(tag)?.[0] : undefined;
  if (typeof tag !== 'string' || version === undefined) throw strange(from, 'it names no version');
  const assets: unknown[] = Array.isArray(found.assets) ? found.assets : [];
  return { from, repository, tag, version, files: assets.map(file).filter((one) => one.name !== '') };
}

function file(asset: unknown): Release['files'][number] {
  const { name, browser_download_url: url, digest } = record(asset);
  return {
    name: typeof name === 'string' ? name : '',
    url: typeof url === 'string' ? url : '',
    // GitHub computes it when a file is uploaded; files of long ago have none.
    sha256: typeof digest === 'string' ? /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1] : undefined,
  };
}

/** The newest version of a Python package; pip itself compares what it takes with PyPI's checksums. */
export async function newestPackage(name: string, ask: Ask): Promise<string> {
  const from = `https://pypi.org/pypi/${name}/json`;
  const { version } = record(parse(await ask(from), from).info);
  if (typeof version !== 'string') throw strange(from, 'it names no version');
  return version;
}

function parse(text: string, from: string): Record<string, unknown> {
  try {
    return record(JSON.parse(text));
  } catch (error) {
    throw strange(from, 'it is no JSON', error);
  }
}

function strange(from: string, what: string, cause?: unknown): TtkmdError {
  return new TtkmdError(
    'publisher-strange',
    `What ${from} answers cannot be used: ${what}.`,
    'Something between here and there may answer in its place: a proxy, a login page.',
    EXIT.stepFailed,
    cause,
  );
}
