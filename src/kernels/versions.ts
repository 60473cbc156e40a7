// The order of releases and versions: that of `sort -V`, with the suffixes of Portage and of semver.

/** Suffixes in their order; `''` is the plain number. Portage's ebuild(5), and semver's usual words. */
const SUFFIXES = ['~', 'alpha', 'beta', 'pre', 'rc', '', 'r', 'p'];

/**
 * Compares two releases or versions: digits as numbers, pre-releases before the plain number, everything else
 * after it. Negative where `a` is older.
 */
export function compareReleases(a: string, b: string): number {
  const left = split(a);
  const right = split(b);
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const one = left[index] ?? '';
    const other = right[index] ?? '';
    if (one === other) continue;
    if (/^\d/.test(one) && /^\d/.test(other)) {
      if (Number(one) !== Number(other)) return Number(one) - Number(other);
      continue;
    }
    const suffix = suffixOf(one);
    if (suffix !== undefined && suffix === suffixOf(other)) continue;
    return rank(one) - rank(other) || (one < other ? -1 : 1);
  }
  return 0;
}

/** Numbers, words with what stands around them, and the rest: `2.9.0_beta2` is `2 . 9 . 0 _beta 2`. */
function split(text: string): string[] {
  return text.match(/\d+|[-_.~+]*[a-z]+(?:[-_.](?=\d))?|[^a-z\d]+/gi) ?? [];
}

/** The suffix that a part is, in one spelling; undefined where it is none. */
function suffixOf(part: string): string | undefined {
  const word = part.match(/^[-_.~]*([a-z]+)[-_.]?$/i)?.[1]?.toLowerCase();
  return word !== undefined && SUFFIXES.includes(word) ? word : undefined;
}

/** `6.18-rc3` comes before `6.18`, `6.18` before `6.18-gentoo`, and that before `6.18.1`. */
function rank(part: string): number {
  const suffix = part === '' ? '' : (suffixOf(part) ?? (part.startsWith('~') ? '~' : undefined));
  if (suffix !== undefined) return SUFFIXES.indexOf(suffix);
  return SUFFIXES.length + (part === '.' ? 1 : 0);
}
