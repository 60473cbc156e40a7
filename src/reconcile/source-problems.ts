// What is wrong with the driver sources, and what that means for the kernels. Pure.
import type { DriverSource } from '../driver/driver.ts';
import type { DriverJudgement, Problem } from './judgement.ts';
import type { Observation } from './observation.ts';
import { areSourcesHidden } from './unknown.ts';

const UNPACK =
  'as root, unpack a tag of https://github.com/tenstorrent/tt-kmd there; ttkmdctl(8) has the commands';
const NO_DKMS = 'install it: emerge sys-kernel/dkms (Debian: apt install dkms)';

/** Each source that nothing is built from, no source at all, and no dkms to build it with. */
export function sourceProblems(observation: Observation, driver: DriverJudgement): Problem[] {
  const problems: Problem[] = [];
  const { source, refused, sources } = driver;
  // A package that has the driver needs no source in /usr/src.
  if (source === undefined && refused === undefined && observation.packaged.length === 0) {
    problems.push(problem('degraded', 'no-source', noSourceText(observation, driver), UNPACK));
  }
  for (const one of sources) {
    if (one.refused === undefined) continue;
    // That is told of as unknown, and not as a fault of the source.
    if (one.refused.code === 'unreadable' && areSourcesHidden(observation)) continue;
    const consequence = one === refused ? consequenceOf(observation, driver) : '';
    const text = `nothing is built from ${one.path}: ${one.refused.text}${consequence}`;
    problems.push(problem(one === refused ? 'degraded' : 'note', 'source-refused', text, one.refused.hint));
  }
  if (observation.dkms.command === undefined && source !== undefined) {
    problems.push(problem('degraded', 'no-dkms', 'dkms is not installed, so nothing can be built', NO_DKMS));
  }
  return problems;
}

/** What has to be done before anything can be built at all; undefined where nothing has to. */
export function hintBeforeBuilding(observation: Observation, driver: DriverJudgement): string | undefined {
  if (driver.source === undefined) return driver.refused?.refused?.hint ?? UNPACK;
  return observation.dkms.command === undefined ? NO_DKMS : undefined;
}

function consequenceOf({ config }: Observation, { desired, source, spurned }: DriverJudgement): string {
  if (config.driver.version !== 'newest') return `; driver.version asks for ${config.driver.version}`;
  if (source !== undefined) return `; ${source.version} is built instead`;
  if (spurned === undefined) return '';
  return `; the kernels keep ${desired} and do not go back to ${spurned}, unless driver.version asks for that`;
}

function noSourceText({ config }: Observation, { sources }: DriverJudgement): string {
  const { version } = config.driver;
  if (version === 'newest') return 'there is no driver source in /usr/src/tenstorrent-<version>';
  const usable = sources.filter((one: DriverSource) => one.refused === undefined);
  const others = usable.map((one) => one.version).join(', ');
  return `the driver version ${version}, which driver.version asks for, is not in /usr/src${others ? ` (there is ${others})` : ''}`;
}

function problem(severity: Problem['severity'], code: string, message: string, hint: string): Problem {
  return { code, message, hint, release: undefined, severity };
}
