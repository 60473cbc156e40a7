// Where steps put things, and whether there is room and the right to write. Pure.
import type { StepName } from './step.ts';

interface Place {
  readonly path: string;
  /** Written there, generously; undefined where it is next to nothing. */
  readonly bytes?: number;
  readonly steps: readonly StepName[];
}

const MEBI = 1024 ** 2;
const TOOLS: readonly StepName[] = ['tt-smi', 'tt-flash', 'tt-topology'];

const PLACES: readonly Place[] = [
  { path: '/usr', steps: ['program', 'packages', 'hooks', 'podman'] },
  { path: '/usr/src', bytes: 64 * MEBI, steps: ['source', 'driver'] },
  { path: '/usr/local/bin', steps: [...TOOLS, 'tt-metalium', 'tt-inference-server'] },
  { path: '/etc', steps: ['program', 'packages', 'kernel-options', 'service', 'podman'] },
  { path: '/lib/modules', steps: ['driver'] },
  { path: '/var/lib', bytes: 512 * MEBI, steps: ['packages', 'driver', 'podman'] },
  { path: '/opt', bytes: 1024 * MEBI, steps: [...TOOLS, 'sfpi', 'tt-inference-server'] },
];

/** Each is asked for its free space. */
export const FILLED = PLACES.flatMap(({ path, bytes }) => (bytes === undefined ? [] : [path]));
export const WRITTEN = PLACES.map(({ path }) => path);

/** What is too small for the steps: the bytes that are there, and those that are needed. */
export function smallPlaces(
  free: Readonly<Record<string, number | undefined>>,
  steps: readonly StepName[],
): { readonly path: string; readonly there: number; readonly needed: number }[] {
  return usedBy(steps).flatMap(({ path, bytes }) => {
    const there = free[path];
    return bytes === undefined || there === undefined || there >= bytes
      ? []
      : [{ path, there, needed: bytes }];
  });
}

/** What the steps write to and nobody can. */
export function closedPlaces(readOnly: readonly string[], steps: readonly StepName[]): string[] {
  return usedBy(steps).flatMap(({ path }) => (readOnly.includes(path) ? [path] : []));
}

function usedBy(steps: readonly StepName[]): Place[] {
  return PLACES.filter((place) => place.steps.some((name) => steps.includes(name)));
}
