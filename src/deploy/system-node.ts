// Which Node.js a host has of its own, and whether it will do.
import type { Host } from '../host/host.ts';

/** The oldest Node.js that the program runs on. */
export const OLDEST_NODE = '22.22.0';

/** In the order in which the launcher looks. */
const PLACES = ['/usr/bin/node', '/usr/local/bin/node'];

/** The version of the Node.js that the launcher would find where we bring none; undefined where there is none. */
export async function findSystemNode(host: Host): Promise<string | undefined> {
  const place = PLACES.find((path) => ((host.fs.stat(path)?.mode ?? 0) & 0o111) !== 0);
  if (place === undefined) return undefined;
  const { code, stdout } = await host.exec.query(place, ['--version']);
  return code === 0 ? stdout.trim().replace(/^v/, '') : undefined;
}

/** Whether a version of Node.js is new enough for the program. */
export function isNewEnough(version: string): boolean {
  const [found, needed] = [version, OLDEST_NODE].map((text) =>
    text
      .replace(/^v/, '')
      .split('.')
      .map((part) => Number.parseInt(part, 10)),
  );
  for (const [index, least] of (needed ?? []).entries()) {
    const part = found?.[index] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}
