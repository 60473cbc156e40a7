// Which version of everything: the set that belongs to this release, or a file of the caller's.
import { nearest } from '../config/nearest.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { PythonWay } from './choices.ts';
import { STEP_NAMES } from './choices.ts';
import { fileName } from './mirror.ts';
import { record } from './record.ts';
import type { Download, StepName } from './step.ts';
import releasedSet from './versions.json' with { type: 'json' };

export const TOOL_NAMES = ['tt-smi', 'tt-flash', 'tt-topology'] as const;
export type ToolName = (typeof TOOL_NAMES)[number];

export interface Versions {
  readonly schema: 1;
  readonly driver: Download & { readonly version: string };
  readonly tools: Readonly<Partial<Record<ToolName, string>>>;
  readonly firmware?: Download & { readonly version: string };
  readonly sfpi?: {
    readonly version: string;
    readonly x86_64?: Download;
    readonly aarch64?: Download;
  };
  readonly metalium?: { readonly image: string; readonly tag: string };
  readonly inference?: Download & { readonly version: string };
  /** What was done on the machine that the file was written on; whoever reads it does the same, without questions. */
  readonly machine?: {
    readonly steps: readonly StepName[];
    readonly python: PythonWay;
    /** As `--kmd-source` takes it; undefined is upstream's release. */
    readonly kmdSource?: string;
  };
}

const SHA256 = /^[0-9a-f]{64}$/;
const VERSION = /^\d[\w.+-]*$/;
const KMD_SOURCE = /^(?:ebuild|\/.*|[a-z]+:\/\/.*#.+)$/;
const PYTHON_WAYS: readonly PythonWay[] = ['pipx', 'venv', 'uv', 'active'];

/** The set that this release was made with. */
export function releasedVersions(): Versions {
  return parseVersions(JSON.stringify(releasedSet), "the release's own versions");
}

type Wrong = (what: string) => never;

/** What each part may have: a misspelt entry would be as if it were not there. */
const RELEASED = ['version', 'url', 'sha256'];
const ENTRIES = {
  schema: [],
  driver: RELEASED,
  tools: [...TOOL_NAMES],
  firmware: RELEASED,
  sfpi: ['version', 'x86_64', 'aarch64'],
  metalium: ['image', 'tag'],
  inference: RELEASED,
  machine: ['steps', 'python', 'kmdSource'],
} as const satisfies Readonly<Record<keyof Versions, readonly string[]>>;

/**
 * Reads a file with versions.
 * @throws TtkmdError that names the entry that is wrong
 */
export function parseVersions(text: string, place: string): Versions {
  const wrong: Wrong = (what) => {
    throw new TtkmdError(
      'versions-wrong',
      `${place} cannot be used: ${what}.`,
      'ttkmdctl bootstrap --export FILE writes one that can; nothing was done.',
      EXIT.usage,
    );
  };
  const found = parseObject(text, wrong);
  if (found.schema !== 1) wrong('its schema is not 1, so it is of another ttkmd');
  insistOnEntries(found, Object.keys(ENTRIES), '', wrong);
  const part = <T>(
    name: Exclude<keyof Versions, 'schema'>,
    read: (part: Record<string, unknown>) => T,
  ): T => {
    const entries = objectOf(found[name]) ?? wrong(`${name} is no object`);
    insistOnEntries(entries, ENTRIES[name], `${name}.`, wrong);
    return read(entries);
  };
  const optional = <N extends Exclude<keyof Versions, 'schema'>>(
    name: N,
    read: (part: Record<string, unknown>) => NonNullable<Versions[N]>,
  ): Partial<Pick<Versions, N>> =>
    found[name] === undefined ? {} : ({ [name]: part(name, read) } as Pick<Versions, N>);
  const released = (name: 'driver' | 'firmware' | 'inference') => (entries: Record<string, unknown>) => ({
    version: version(entries.version, `${name}.version`, wrong),
    ...download(entries, name, wrong),
  });
  return {
    schema: 1,
    driver: found.driver === undefined ? wrong('it names no driver') : part('driver', released('driver')),
    tools: {},
    ...optional('tools', (tools) =>
      Object.fromEntries(
        Object.entries(tools).map(([name, value]) => [name, version(value, `tools.${name}`, wrong)]),
      ),
    ),
    ...optional('firmware', released('firmware')),
    ...optional('sfpi', (entries) => sfpi(entries, wrong)),
    ...optional('metalium', ({ image, tag }) => ({
      image: matching(image, 'metalium.image', /^[a-z0-9][\w./:-]*$/, wrong),
      tag: matching(tag, 'metalium.tag', /^[\w][\w.-]*$/, wrong),
    })),
    ...optional('inference', released('inference')),
    ...optional('machine', (entries) => machine(entries, wrong)),
  };
}

function parseObject(text: string, wrong: Wrong): Record<string, unknown> {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    wrong('it is no JSON');
  }
  return objectOf(found) ?? wrong('it is no JSON object');
}

function objectOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? record(value) : undefined;
}

function insistOnEntries(
  found: Record<string, unknown>,
  known: readonly string[],
  before: string,
  wrong: Wrong,
): void {
  const unknown = Object.keys(found).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const meant = nearest(unknown, known);
  wrong(`${before}${unknown} is unknown${meant === undefined ? '' : ` (${meant} is meant?)`}`);
}

function version(value: unknown, name: string, wrong: Wrong): string {
  return matching(value, name, VERSION, wrong, 'is no version');
}

function matching(
  value: unknown,
  name: string,
  pattern: RegExp,
  wrong: Wrong,
  what = 'is not as it should be',
): string {
  return typeof value === 'string' && pattern.test(value) ? value : wrong(`${name} ${what}`);
}

function download(value: unknown, name: string, wrong: Wrong): Download {
  const { url, sha256 } = record(value);
  const isFile =
    typeof url === 'string' && /^https?:\/\//.test(url) && URL.canParse(url) && fileName(url) !== '';
  if (!isFile) return wrong(`${name}.url is no http or https address of a file`);
  return { url, sha256: matching(sha256, `${name}.sha256`, SHA256, wrong, 'is no SHA-256') };
}

function sfpi(found: Record<string, unknown>, wrong: Wrong): NonNullable<Versions['sfpi']> {
  const archives = (['x86_64', 'aarch64'] as const).flatMap((arch) =>
    found[arch] === undefined ? [] : [[arch, download(found[arch], `sfpi.${arch}`, wrong)]],
  );
  if (archives.length === 0) wrong('sfpi has neither x86_64 nor aarch64');
  return { version: version(found.version, 'sfpi.version', wrong), ...Object.fromEntries(archives) };
}

function machine(found: Record<string, unknown>, wrong: Wrong): NonNullable<Versions['machine']> {
  const { steps, python, kmdSource } = found;
  if (!Array.isArray(steps)) return wrong('machine.steps is no list');
  if (kmdSource !== undefined && (typeof kmdSource !== 'string' || !KMD_SOURCE.test(kmdSource)))
    return wrong('machine.kmdSource is no folder, tarball, URL#TAG or ebuild');
  return {
    steps: steps.map(
      (name) => STEP_NAMES.find((one) => one === name) ?? wrong(`machine.steps has an unknown one, ${name}`),
    ),
    python: PYTHON_WAYS.find((one) => one === python) ?? wrong('machine.python is unknown'),
    ...(kmdSource === undefined ? {} : { kmdSource }),
  };
}
