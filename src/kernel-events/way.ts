// Who calls us when a kernel comes or goes, and what each caller's arguments mean.

/** The ways that kernel installations take. */
export const WAYS = [
  'kernel-install',
  'preinst.d',
  'postinst.d',
  'debian-postinst',
  'debian-prerm',
  'debian-postrm',
] as const;

export type Way = (typeof WAYS)[number];

export interface KernelEvent {
  readonly action: 'add' | 'remove' | 'ignore';
  readonly release: string;
}

/**
 * What a caller says. systemd's kernel-install: `add RELEASE ENTRY-DIR IMAGE…` and `remove RELEASE ENTRY-DIR`
 * (kernel-install(8)); the others: `RELEASE IMAGE`.
 * @returns undefined where the arguments are not of the caller's form
 */
export function readEvent(way: Way, args: readonly string[]): KernelEvent | undefined {
  const [first, second] = args;
  if (way === 'kernel-install') {
    if (first === undefined) return undefined;
    // Further verbs may come with later versions; they are none of our business.
    if (first !== 'add' && first !== 'remove') return { action: 'ignore', release: second ?? '' };
    return isRelease(second) ? { action: first, release: second } : undefined;
  }
  if (!isRelease(first)) return undefined;
  switch (way) {
    case 'debian-postrm':
      return { action: 'remove', release: first };
    case 'debian-prerm':
      // The kernel's files are still there, and the removal may yet be called off: postrm acts.
      return { action: 'ignore', release: first };
    default:
      return { action: 'add', release: first };
  }
}

/** The name of a folder in `/lib/modules`, and nothing that leads elsewhere. */
function isRelease(text: string | undefined): text is string {
  return text !== undefined && text !== '' && text !== '.' && text !== '..' && !/[/\0\s]/.test(text);
}
