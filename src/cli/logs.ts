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
  const found = listBuildLogs(host.fs).filter((log) => release === undefined || log.release === release);
  if (options.list) {
    for (const log of found)
      terminal.line(`${localTime(log.at)}  ${log.release}  ${log.version}  ${log.path}`);
    return EXIT.ok;
  }
  const newest = found.at(-1);
  if (newest === undefined) {
    throw new TtkmdError(
      'no-log',
      release === undefined
        ? `There is no build log in ${BUILD_LOGS}.`
        : `No build for ${release} has left a log.`,
      'ttkmdctl logs --list shows what there is.',
      EXIT.unhealthy,
    );
  }
  const text = host.fs.readText(newest.path);
  if (text === undefined) {
    throw new TtkmdError(
      'unreadable',
      `${newest.path} may not be read by this user.`,
      'Run it with sudo.',
      EXIT.rights,
    );
  }
  terminal.line(text.trimEnd());
  return EXIT.ok;
}
