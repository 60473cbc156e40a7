// Portage's elog: where an admin finds again what was said among the thousands of lines of an emerge, or not shown at
// all where it runs several jobs.
import type { HostFs } from '../host/fs.ts';
import type { Message } from './messages.ts';

/** What Portage tells the phases of an ebuild, and the hooks hand on: the package's temporary folder and the phase. */
export interface PhaseEnvironment {
  readonly T?: string | undefined;
  readonly EBUILD_PHASE?: string | undefined;
}

/**
 * Leaves a message where ewarn leaves its own (`__elog_base` in Portage's isolated-functions.sh): in a file for each
 * phase, which Portage reads when that has ended. Elsewhere there is no such folder, and nothing is done.
 */
export function leaveForElog(fs: HostFs, { T, EBUILD_PHASE }: PhaseEnvironment, message: Message): void {
  if (T === undefined || !T.startsWith('/') || !/^[a-z]+$/.test(EBUILD_PHASE ?? '')) return;
  const folder = `${T}/logging`;
  const file = `${folder}/${EBUILD_PHASE}`;
  if (fs.stat(folder)?.kind !== 'folder' || fs.lstat(file)?.kind === 'link') return;
  const lines = [message.text, ...(message.hint === undefined ? [] : [`  ${message.hint}`])];
  try {
    fs.append(file, lines.map((line) => `WARN ttkmd: ${line.replaceAll('\n', ' ')}\n`).join(''));
  } catch {
    // It was printed all the same.
  }
}
