// What the first hook of an installation has said, its later hooks need not say again.
import type { Host } from '../host/host.ts';
import type { Way } from './way.ts';

const TOLD_PATH = '/run/ttkmd/told.json';

/** Milliseconds; between the first and the last hook lie an initramfs and the copying of the image. */
const ONE_INSTALLATION = 15 * 60_000;

/** The hooks that run after another one of ours, to make sure: after preinst.d on Gentoo. */
const LATER_WAYS: ReadonlySet<Way> = new Set(['postinst.d', 'debian-postinst']);

/** Whether an earlier hook of the same installation has dealt with a release. */
export function dealtWithBefore(host: Pick<Host, 'fs' | 'clock'>, way: Way, release: string): boolean {
  if (!LATER_WAYS.has(way)) return false;
  try {
    const told = JSON.parse(host.fs.readText(TOLD_PATH) ?? '') as { release: string; at: number };
    const ago = host.clock.now() - told.at;
    return told.release === release && ago >= 0 && ago < ONE_INSTALLATION;
  } catch {
    return false;
  }
}

/** Remembers that a hook has dealt with a release. */
export function rememberTold(host: Pick<Host, 'fs' | 'clock'>, release: string): void {
  try {
    host.fs.write(TOLD_PATH, `${JSON.stringify({ release, at: host.clock.now() })}\n`);
  } catch {
    // Without rights or without /run, a later hook says it again: no harm.
  }
}
