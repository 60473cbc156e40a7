// One log for each build, which no other build overwrites; the last ones are kept.
import type { HostFs } from '../host/fs.ts';

export const BUILD_LOGS = '/var/log/ttkmd/builds';

export interface BuildLog {
  readonly path: string;
  readonly release: string;
  readonly version: string;
  /** When the build began, in milliseconds since 1970. */
  readonly at: number;
}

/** The path for the log of a build that begins now. */
export function buildLogPath(now: number, release: string, version: string): string {
  return `${BUILD_LOGS}/${stamp(now)}_${release}_${version}.log`;
}

/** All build logs, oldest first. */
export function listBuildLogs(fs: HostFs): BuildLog[] {
  return fs.list(BUILD_LOGS).flatMap((name) => {
    const match = name.match(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)\.(\d{3})Z_(.+)_([^_]+)\.log$/);
    if (match === null) return [];
    const [, year, month, day, hour, minute, second, milli, release = '', version = ''] = match;
    const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${milli}Z`);
    return [{ path: `${BUILD_LOGS}/${name}`, release, version, at }];
  });
}

/** Removes the oldest logs until `kept` remain. */
export function pruneBuildLogs(fs: HostFs, kept: number): void {
  const logs = listBuildLogs(fs);
  for (const log of logs.slice(0, Math.max(0, logs.length - kept))) fs.remove(log.path);
}

function stamp(now: number): string {
  return new Date(now).toISOString().replace(/[-:]/g, '');
}
