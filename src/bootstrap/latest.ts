// `--versions latest`: the newest of what the steps need, as far as its publisher vouches for it with a checksum.
import { EXIT, TtkmdError } from '../host/errors.ts';
import { fileName } from './mirror.ts';
import { type Ask, newestPackage, newestRelease, type Release } from './publishers.ts';
import type { Download, StepName } from './step.ts';
import { parseVersions, TOOL_NAMES, type Versions } from './versions.ts';

export interface Wanted {
  readonly steps: readonly StepName[];
  /** Where tt-kmd comes from; undefined is its release. */
  readonly kmdSource: string | undefined;
  /** As uname says it. */
  readonly arch: string;
  readonly mirror: string | undefined;
}

type Part = Partial<Omit<Versions, 'schema' | 'machine'>>;

/**
 * What no step needs is not asked for, and stays as it is known. A mirror's newest is what it was filled with.
 * @param known versions with checksums that were known before
 * @throws TtkmdError that names all that cannot be had at once
 */
export async function latestVersions(known: Versions, wanted: Wanted, ask: Ask): Promise<Versions> {
  const { mirror } = wanted;
  if (mirror !== undefined) {
    const index = `${mirror.replace(/\/+$/, '')}/versions.json`;
    return parseVersions(await ask(index), index);
  }
  const results = await Promise.allSettled(questions(known, wanted, ask));
  const wrong = results.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
  if (wrong.length > 0) throw together(wrong);
  const parts = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const tools = Object.assign({}, known.tools, ...parts.map((part) => part.tools));
  const found = { ...known, ...Object.assign({}, ...parts), tools };
  return parseVersions(JSON.stringify(found), 'What the publishers say');
}

function questions(known: Versions, { steps, kmdSource, arch }: Wanted, ask: Ask): Promise<Part>[] {
  const release = (repository: string, use: (found: Release) => Part): Promise<Part> =>
    newestRelease(repository, ask).then(use);
  return [
    ...(steps.includes('source') && kmdSource === undefined
      ? [release('tt-kmd', (found) => driver(known, found))]
      : []),
    ...(steps.includes('firmware') ? [release('tt-system-firmware', firmware)] : []),
    ...(steps.includes('sfpi') ? [release('sfpi', (found) => sfpi(found, arch))] : []),
    ...(steps.includes('tt-metalium') ? [release('tt-metal', (found) => metalium(known, found))] : []),
    ...(steps.includes('tt-inference-server')
      ? [release('tt-inference-server', (found) => inference(known, found))]
      : []),
    ...TOOL_NAMES.filter((name) => steps.includes(name)).map(
      async (name): Promise<Part> => ({ tools: { [name]: await newestPackage(name, ask) } }),
    ),
  ];
}

function driver(known: Versions, found: Release): Part {
  const archive = sourceArchive(known.driver, found, /^tt-?kmd.*\.tar\.(gz|xz|zst)$/);
  if (archive !== undefined) return { driver: archive };
  throw unvouched(
    found,
    'tt-kmd',
    `or take the tag by git: --kmd-source https://github.com/tenstorrent/tt-kmd.git#${found.tag}`,
  );
}

function firmware(found: Release): Part {
  const bundle = found.files.find(({ name }) => name === `fw_pack-${found.version}.fwbundle`);
  if (bundle?.sha256 === undefined) throw unvouched(found, 'the firmware', 'or leave out --update-firmware');
  return { firmware: { version: found.version, url: bundle.url, sha256: bundle.sha256 } };
}

function sfpi({ version, files, ...found }: Release, arch: string): Part {
  const archives = ['x86_64', 'aarch64'].flatMap((one): [string, Download][] => {
    const file = files.find(({ name }) => name === `sfpi_${version}_${one}_debian.txz`);
    return file?.sha256 === undefined ? [] : [[one, { url: file.url, sha256: file.sha256 }]];
  });
  if (!archives.some(([one]) => one === arch))
    throw unvouched({ ...found, version, files }, `SFPI for ${arch}`, 'or leave out sfpi');
  return { sfpi: { version, ...Object.fromEntries(archives) } };
}

/** An image is named by the release's tag; whoever fetches it compares it with the registry's checksums. */
function metalium({ metalium: before }: Versions, { tag }: Release): Part {
  return before === undefined ? {} : { metalium: { ...before, tag } };
}

function inference({ inference: before }: Versions, found: Release): Part {
  const archive = sourceArchive(before, found, /^tt-inference-server.*\.tar\.(gz|xz|zst)$/);
  if (archive === undefined) throw unvouched(found, 'tt-inference-server', 'or leave it out');
  return { inference: archive };
}

/** GitHub makes a tag's own archive anew for whoever asks, and gives no checksum of it: known is what we know. */
function sourceArchive(
  known: Versions['driver'] | undefined,
  { version, tag, files }: Release,
  pattern: RegExp,
): Versions['driver'] | undefined {
  if (known?.version === version && fileName(known.url).includes(tag)) return known;
  const file = files.find(({ name, sha256 }) => pattern.test(name) && sha256 !== undefined);
  return file?.sha256 === undefined ? undefined : { version, url: file.url, sha256: file.sha256 };
}

function unvouched({ repository, tag, version, from }: Release, what: string, instead: string): TtkmdError {
  return new TtkmdError(
    'latest-unvouched',
    `${what} ${version} (${tag} of tenstorrent/${repository}) has no SHA-256 at ${from}, and nothing is installed that nobody vouches for`,
    `name it with its SHA-256 in a file, by --versions FILE; ${instead}`,
    EXIT.stepFailed,
  );
}

function together(wrong: readonly Error[]): TtkmdError {
  const [first] = wrong;
  if (wrong.length === 1 && first instanceof TtkmdError && first.code !== 'latest-unvouched') return first;
  const hints = wrong.flatMap((one) => (one instanceof TtkmdError ? [one.hint] : []));
  return new TtkmdError(
    'latest-failed',
    `The newest versions cannot be taken: ${wrong.map(({ message }) => message.replace(/\.$/, '')).join('; ')}.`,
    [...new Set(hints)].join(' ').replace(/([^.])$/, '$1.'),
    EXIT.stepFailed,
  );
}
