// Does a module's vermagic fit a kernel: the string that the kernel compares before it loads a module.
import type { InstalledModule } from './driver.ts';

/**
 * Words of vermagic and the options that put them there, from `include/linux/vermagic.h`. Architectures add further
 * words, which are not judged here.
 */
const WORDS: readonly (readonly [string, string])[] = [
  ['SMP', 'SMP'],
  ['mod_unload', 'MODULE_UNLOAD'],
  ['modversions', 'MODVERSIONS'],
];

/**
 * Why a module's vermagic does not fit; undefined where it does.
 * @param configuration the kernel's options; undefined where its build tree is gone, and only the release counts
 */
export function vermagicMismatch(
  module: Pick<InstalledModule, 'vermagic'>,
  release: string,
  configuration: Readonly<Record<string, string>> | undefined,
): string | undefined {
  const [moduleRelease = '', ...words] = (module.vermagic ?? '').trim().split(/\s+/);
  if (moduleRelease !== release) return `it was built for ${moduleRelease || 'no kernel'}`;
  if (configuration === undefined) return undefined;
  const expected = WORDS.filter(([, option]) => configuration[option] === 'y').map(([word]) => word);
  const known = new Set(WORDS.map(([word]) => word));
  const preemption = words.find((word) => word.startsWith('preempt'));
  const accepted = preemptionWords(configuration);
  const fits = preemption === undefined ? accepted.length === 0 : accepted.includes(preemption);
  const lacking = expected.filter((word) => !words.includes(word)).concat(fits ? [] : accepted.slice(0, 1));
  const surplus = words
    .filter((word) => known.has(word) && !expected.includes(word))
    .concat(fits || preemption === undefined ? [] : [preemption]);
  if (!hasSeed(words, configuration.RANDSTRUCT_HASHED_SEED)) surplus.push('another RANDSTRUCT seed');
  if (lacking.length === 0 && surplus.length === 0) return undefined;
  const differences = [...lacking.map((word) => `lacks ${word}`), ...surplus.map((word) => `has ${word}`)];
  return `its vermagic ${differences.join(' and ')}, unlike this kernel`;
}

/** `RANDSTRUCT_` and the seed by which the kernel lays out its structures, or before 5.19 `RANDSTRUCT_PLUGIN_`. */
function hasSeed(words: readonly string[], seed: string | undefined): boolean {
  return (
    seed === undefined || words.some((word) => word.startsWith('RANDSTRUCT_') && word.endsWith(`_${seed}`))
  );
}

/**
 * The words for preemption that a kernel may say. `preempt` comes of CONFIG_PREEMPT before Linux 5.16 and of
 * CONFIG_PREEMPT_BUILD since, which CONFIG_PREEMPT then selects. Where it is not said, a real-time kernel says
 * `preempt_rt`; from 6.12 on one may have both options and says `preempt`, and patched ones before said the other.
 */
function preemptionWords(configuration: Readonly<Record<string, string>>): string[] {
  const preemptible = configuration.PREEMPT_BUILD === 'y' || configuration.PREEMPT === 'y';
  return [...(preemptible ? ['preempt'] : []), ...(configuration.PREEMPT_RT === 'y' ? ['preempt_rt'] : [])];
}
