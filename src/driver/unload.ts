// Takes the driver out of the running kernel, and puts a kept one back. Never by force.
import type { Host } from '../host/host.ts';
import { observeLoaded } from './loaded.ts';
import { findLoadedCopy } from './loaded-copy.ts';
import { PACKAGE } from './sources.ts';

/** A card that does not answer holds both for as long as its driver tries, in milliseconds. */
const LIMIT = 60_000;

/**
 * Between a look at who holds the device and this, somebody may open it: the kernel itself refuses then.
 * @returns what modprobe said where the driver is still there; undefined where it is gone
 */
export async function unload(host: Host): Promise<string | undefined> {
  const { code, stderr } = await host.exec.query('modprobe', ['-r', PACKAGE], { timeLimit: LIMIT });
  if (observeLoaded(host.fs) === undefined) return undefined;
  return said(stderr) ?? `modprobe -r ended with ${code}`;
}

/**
 * Puts the kept copy of an earlier loaded module back, with the parameters that modprobe.d and the kernel command line
 * have for it: modprobe itself would take the one that lies on disk now.
 * @returns why it is not there again; undefined where it is
 */
export async function putLoadedBack(
  host: Host,
  sourceVersion: string | undefined,
): Promise<string | undefined> {
  const copy = findLoadedCopy(host.fs, sourceVersion);
  if (copy === undefined) return 'there is no copy of it';
  if (observeLoaded(host.fs) !== undefined) {
    const kept = await unload(host);
    if (kept !== undefined) return `the other one cannot be unloaded (${kept})`;
  }
  // modprobe -r takes away what only this module needed.
  const { stdout } = await host.exec.query('modinfo', ['-F', 'depends', copy]);
  const needed = stdout
    .trim()
    .split(/[\s,]+/)
    .filter(Boolean);
  if (needed.length > 0) await host.exec.query('modprobe', ['-a', ...needed], { timeLimit: LIMIT });
  const options = await parameters(host);
  const { code, stderr } = await host.exec.query('insmod', [copy, ...options], { timeLimit: LIMIT });
  if (observeLoaded(host.fs) !== undefined) return undefined;
  return said(stderr) ?? `insmod ended with ${code}`;
}

/** As kmod has read them: `options tenstorrent a=1 b="two words"`, and what the command line says as tenstorrent.a=1. */
async function parameters(host: Host): Promise<string[]> {
  const { stdout } = await host.exec.query('modprobe', ['--showconfig']);
  const line = new RegExp(`^options ${PACKAGE} (.*)$`, 'gm');
  return [...stdout.matchAll(line)].flatMap(([, text = '']) => text.match(/(?:[^\s"]|"[^"]*")+/g) ?? []);
}

function said(stderr: string): string | undefined {
  const line = stderr
    .trim()
    .split('\n')
    .at(-1)
    ?.replace(/^\w+: (?:ERROR|FATAL): /, '');
  return line === '' ? undefined : line;
}
