// Does a module's vermagic fit a kernel: the string that the kernel compares before it loads a module.
import type { InstalledModule } from './driver.ts';

/**
 * Words of vermagic and the options that put them there, from `include/linux/vermagic.h`. Architectures and
 * structure randomisation add further words, which are not judged here.
 */
const WORDS: readonly (readonly [string, string])[] = [
  ['SMP', 'SMP'],
  ['preempt', 'PREEMPT_BUILD'],
  ['preempt_rt', 'PREEMPT_RT'],
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
  const found = words.filter((word) => known.has(word));
  // A kernel with both options says `preempt` from 6.12 on, and `preempt_rt` before: either fits.
  const rt = expected.includes('preempt_rt');
  const either = rt && found.some((word) => word.startsWith('preempt'));
  const wanted = either ? expected.filter((word) => !word.startsWith('preempt')) : expected;
  const lacking = wanted.filter((word) => !found.includes(word));
  const surplus = found.filter((word) => !wanted.includes(word) && !(rt && word.startsWith('preempt')));
  if (lacking.length === 0 && surplus.length === 0) return undefined;
  const differences = [...lacking.map((word) => `lacks ${word}`), ...surplus.map((word) => `has ${word}`)];
  return `its vermagic ${differences.join(' and ')}, unlike this kernel`;
}
