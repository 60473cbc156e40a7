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

/** `20260102T030405.678Z.12_<release>_<version>.log`; before there was a number after the time, it had none. */
const NAME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)\.(\d{3})Z(?:\.(\d+))?_(.+)_([^_]+)\.log$/;

/** The path for the log of a build that begins now: numbered, because a clock may be set back. */
export function buildLogPath(fs: HostFs, now: number, release: string, version: string): string {
  const number = (numberedLogs(fs).at(-1)?.number ?? 0) + 1;
  return `${BUILD_LOGS}/${stamp(now)}.${number}_${escaped(release)}_${escaped(version)}.log`;
}

/** All build logs in the order in which they were written. */
export function listBuildLogs(fs: HostFs): BuildLog[] {
  return numberedLogs(fs).map(({ number, ...log }) => log);
}

/**
 * Removes the oldest logs until `kept` remain, but never the newest one of a kernel that is there.
 * @param written the log that was just written, which stays
 */
export function pruneBuildLogs(fs: HostFs, kept: number, written: string): void {
  const logs = listBuildLogs(fs);
  const newest = new Map(logs.map(({ release, path }) => [release, path]));
  for (const { path, release } of logs.slice(0, Math.max(0, logs.length - kept))) {
    const isLast = newest.get(release) === path && fs.exists(`/lib/modules/${release}`);
    if (path !== written && !isLast) fs.remove(path);
  }
}

function numberedLogs(fs: HostFs): (BuildLog & { readonly number: number })[] {
  const logs = fs.list(BUILD_LOGS).flatMap((name) => {
    const match = name.match(NAME);
    if (match === null) return [];
    const [, year, month, day, hour, minute, second, milli, number = '0', release = '', version = ''] = match;
    const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${milli}Z`);
    const path = `${BUILD_LOGS}/${name}`;
    return [{ path, release: unescaped(release), version: unescaped(version), at, number: Number(number) }];
  });
  return logs.sort((a, b) => a.number - b.number || a.at - b.at);
}

function stamp(now: number): string {
  return new Date(now).toISOString().replace(/[-:]/g, '');
}

/** An underscore parts the fields of a name, and may be in a release or a version itself. */
function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('_', '%5F');
}

function unescaped(text: string): string {
  return text.replaceAll('%5F', '_').replaceAll('%25', '%');
}
