// What the first hook of an installation has said and tried, its later hooks need not say and try again.
import type { Host } from '../host/host.ts';
import type { Way } from './way.ts';

const TOLD_PATH = '/run/ttkmd/told.json';

/** Milliseconds; between the first and the last hook lie an initramfs and the copying of the image. */
const ONE_INSTALLATION = 15 * 60_000;

/**
 * The ways that may have been gone before another one in the same installation: Gentoo's installkernel calls
 * preinst.d and then both postinst.d; hooks of boot loaders in Debian's postinst.d call kernel-install. A way that
 * comes a second time is the beginning of the next installation.
 */
const EARLIER_WAYS: Readonly<Partial<Record<Way, readonly Way[]>>> = {
  'kernel-install': ['debian-postinst'],
  'postinst.d': ['preinst.d', 'debian-postinst'],
  'debian-postinst': ['preinst.d', 'postinst.d', 'kernel-install'],
};

interface Told {
  readonly release: string;
  /** When each way was gone in this installation, in milliseconds since 1970. */
  readonly ways: Readonly<Partial<Record<Way, number>>>;
}

/** Whether a hook of another way has dealt with a release earlier in the same installation. */
export function dealtWithBefore(host: Pick<Host, 'fs' | 'clock'>, way: Way, release: string): boolean {
  const told = readTold(host);
  return told !== undefined && continues(host, told, way, release);
}

/** Remembers that a hook has dealt with a release. */
export function rememberTold(host: Pick<Host, 'fs' | 'clock'>, way: Way, release: string): void {
  const told = readTold(host);
  const earlier = told !== undefined && continues(host, told, way, release) ? told.ways : {};
  try {
    const now: Told = { release, ways: { ...earlier, [way]: host.clock.now() } };
    host.fs.write(TOLD_PATH, `${JSON.stringify(now)}\n`);
  } catch {
    // Without rights or without /run, a later hook says it again: no harm.
  }
}

/** A removal ends what was told: the kernel that comes next under that name is another one. */
export function forgetTold(host: Pick<Host, 'fs'>): void {
  try {
    host.fs.remove(TOLD_PATH);
  } catch {
    // As above.
  }
}

function continues(host: Pick<Host, 'clock'>, told: Told, way: Way, release: string): boolean {
  if (told.release !== release || told.ways[way] !== undefined) return false;
  return (EARLIER_WAYS[way] ?? []).some((earlier) => {
    const ago = host.clock.now() - (told.ways[earlier] ?? Number.NEGATIVE_INFINITY);
    return ago >= 0 && ago < ONE_INSTALLATION;
  });
}

function readTold({ fs }: Pick<Host, 'fs'>): Told | undefined {
  try {
    const told = JSON.parse(fs.readText(TOLD_PATH) ?? '') as Told;
    return typeof told.release === 'string' && typeof told.ways === 'object' && told.ways !== null
      ? told
      : undefined;
  } catch {
    return undefined;
  }
}
