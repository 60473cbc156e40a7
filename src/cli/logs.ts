// `ttkmdctl logs`: what a build printed.
import { EXIT, TtkmdError } from '../host/errors.ts';
import { localTime } from '../host/local-time.ts';
import { BUILD_LOGS, listBuildLogs } from '../state/build-logs.ts';
import { type GlobalOptions, openContext } from './context.ts';

/** The newest log of a kernel's builds, or of all builds; with `--list` what there is. */
export async function logs(
  release: string | undefined,
  options: GlobalOptions & { readonly list?: boolean },
): Promise<number> {
  const { host, terminal } = openContext(options);
  const all = listBuildLogs(host.fs);
  if (host.fs.denied.has(BUILD_LOGS)) throw unreadable(BUILD_LOGS);
  const found = all.filter((log) => release === undefined || log.release === release);
  if (options.list) {
    const lines = found.map((log) => `${localTime(log.at)}  ${log.release}  ${log.version}  ${log.path}`);
    for (const line of lines.length === 0 ? [noLog(release)] : lines) terminal.line(line);
    return EXIT.ok;
  }
  const newest = found.at(-1);
  if (newest === undefined) {
    const next =
      all.length === 0
        ? 'each build leaves one; what would be built: ttkmdctl reconcile --dry-run'
        : 'which there are: ttkmdctl logs --list';
    throw new TtkmdError('no-log', noLog(release), next, EXIT.unhealthy);
  }
  const text = host.fs.readText(newest.path);
  if (text === undefined) throw unreadable(newest.path);
  terminal.line(text.trimEnd());
  return EXIT.ok;
}

function noLog(release: string | undefined): string {
  return release === undefined
    ? `no build has left a log in ${BUILD_LOGS}`
    : `no build for ${release} has left a log in ${BUILD_LOGS}`;
}

function unreadable(path: string): TtkmdError {
  return new TtkmdError('unreadable', `${path} may not be read by this user`, 'run it as root', EXIT.rights);
}
