// The order of releases and versions, as `sort -V` and dkms have it.

/**
 * Compares two releases or versions: digits as numbers, everything else by character, and `~`, `-rc` and other
 * suffixes after the plain number. Negative where `a` is older.
 */
export function compareReleases(a: string, b: string): number {
  const left = split(a);
  const right = split(b);
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const one = left[index] ?? '';
    const other = right[index] ?? '';
    if (one === other) continue;
    const numeric = /^\d/.test(one) && /^\d/.test(other);
    if (numeric && Number(one) !== Number(other)) return Number(one) - Number(other);
    if (!numeric) return rank(one) - rank(other) || (one < other ? -1 : 1);
  }
  return 0;
}

function split(text: string): string[] {
  return text.match(/\d+|\D+/g) ?? [];
}

/** A pre-release comes before the release itself: `6.18-rc3` before `6.18`, `6.18` before `6.18.1`. */
function rank(part: string): number {
  if (part.startsWith('~') || /^[-_]rc/.test(part)) return 0;
  if (part === '') return 1;
  return part.startsWith('.') ? 3 : 2;
}
