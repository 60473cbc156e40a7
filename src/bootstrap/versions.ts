// Which version of everything: the set that belongs to this release, or a file of the caller's.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { PythonWay } from './choices.ts';
import { STEP_NAMES } from './choices.ts';
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

/**
 * Reads a file with versions.
 * @throws TtkmdError that names the entry that is wrong
 */
export function parseVersions(text: string, place: string): Versions {
  const wrong = (what: string): never => {
    throw new TtkmdError(
      'versions-wrong',
      `${place} cannot be used: ${what}.`,
      'ttkmdctl bootstrap --export FILE writes one that can; nothing was done.',
      EXIT.usage,
    );
  };
  let found: Record<string, unknown> = {};
  try {
    found = record(JSON.parse(text));
  } catch {
    wrong('it is no JSON');
  }
  if (found.schema !== 1) wrong('its schema is not 1, so it is of another ttkmd');

  const version = (value: unknown, name: string): string =>
    typeof value === 'string' && VERSION.test(value) ? value : wrong(`${name} is no version`);
  const download = (value: unknown, name: string): Download => {
    const { url, sha256 } = record(value);
    if (typeof url !== 'string' || !/^https?:\/\//.test(url))
      return wrong(`${name}.url is no http or https address`);
    if (typeof sha256 !== 'string' || !SHA256.test(sha256)) return wrong(`${name}.sha256 is no SHA-256`);
    return { url, sha256 };
  };
  const released = (name: string): Download & { version: string } => ({
    version: version(record(found[name]).version, `${name}.version`),
    ...download(found[name], name),
  });
  const sfpi = record(found.sfpi);
  const metalium = record(found.metalium);
  const text_ = (value: unknown, name: string, pattern: RegExp): string =>
    typeof value === 'string' && pattern.test(value) ? value : wrong(`${name} is not as it should be`);
  return {
    schema: 1,
    driver: released('driver'),
    tools: Object.fromEntries(
      Object.entries(record(found.tools)).map(([name, value]) =>
        /^tt-(smi|flash|topology)$/.test(name)
          ? [name, version(value, `tools.${name}`)]
          : wrong(`tools.${name} is unknown`),
      ),
    ),
    ...(found.firmware === undefined ? {} : { firmware: released('firmware') }),
    ...(found.sfpi === undefined
      ? {}
      : {
          sfpi: {
            version: version(sfpi.version, 'sfpi.version'),
            ...(sfpi.x86_64 === undefined ? {} : { x86_64: download(sfpi.x86_64, 'sfpi.x86_64') }),
            ...(sfpi.aarch64 === undefined ? {} : { aarch64: download(sfpi.aarch64, 'sfpi.aarch64') }),
          },
        }),
    ...(found.metalium === undefined
      ? {}
      : {
          metalium: {
            image: text_(metalium.image, 'metalium.image', /^[a-z0-9][\w./:-]*$/),
            tag: text_(metalium.tag, 'metalium.tag', /^[\w][\w.-]*$/),
          },
        }),
    ...(found.inference === undefined ? {} : { inference: released('inference') }),
    ...(found.machine === undefined ? {} : { machine: machine(record(found.machine), wrong) }),
  };
}

function machine(
  found: Record<string, unknown>,
  wrong: (what: string) => never,
): NonNullable<Versions['machine']> {
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
