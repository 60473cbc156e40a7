// Leaves a machine without ttkmd's traces: what was changed of others' is put back, what is remembered goes.

import { observeDkms } from '../dkms/tree.ts';
import { withoutOwnershipLines } from '../driver/dkms-conf.ts';
import { strayModules } from '../driver/installed.ts';
import { isOurRule, RULE_PATH } from '../driver/rule.ts';
import { PACKAGE } from '../driver/sources.ts';
import type { Host } from '../host/host.ts';
import { loadState } from '../state/state.ts';

/** Folders that hold nothing but what ttkmd wrote. */
const OWN_FOLDERS = ['/var/lib/ttkmd', '/var/cache/ttkmd', '/var/log/ttkmd', '/run/ttkmd'];

/** One thing that is given back, removed or kept, and the deed. */
export interface GiveBack {
  readonly kind: 'give-back' | 'remove' | 'remove-folder' | 'keep';
  readonly path: string;
  readonly reason?: string;
  act(): void;
}

/** What giving back does: installed modules and dkms's records of them stay, so that the card works on. */
export function planGiveBack(host: Host): GiveBack[] {
  const { fs } = host;
  const state = loadState(fs);
  const parts: GiveBack[] = [];
  for (const [path, { original }] of Object.entries(state.adopted)) {
    const conf = `${path}/dkms.conf`;
    const now = fs.readText(conf);
    // A source that was changed since, or replaced, is not what was taken over.
    if (now === undefined || now !== withoutOwnershipLines(original)) continue;
    const mode = fs.stat(conf)?.mode ?? 0o644;
    parts.push({
      kind: 'give-back',
      path: conf,
      reason: 'with the lines that make dkms build it by itself',
      act: () => fs.write(conf, original, mode),
    });
  }
  const rule = fs.readText(RULE_PATH);
  if (rule !== undefined && isOurRule(rule, state.rule)) {
    parts.push(
      driverVersions(host).length > 0 || hasModule(host)
        ? { kind: 'keep', path: RULE_PATH, reason: 'the driver, which stays, needs it', act() {} }
        : { kind: 'remove', path: RULE_PATH, act: () => fs.remove(RULE_PATH) },
    );
  }
  for (const path of OWN_FOLDERS.filter((one) => fs.exists(one))) {
    parts.push({ kind: 'remove-folder', path, act: () => fs.removeTree(path) });
  }
  return parts;
}

/** The driver versions that dkms knows of, and keeps. */
export function driverVersions({ fs, machine }: Pick<Host, 'fs' | 'machine'>): string[] {
  return observeDkms(fs, PACKAGE, machine.arch).versions.map(({ version }) => version);
}

function hasModule({ fs }: Pick<Host, 'fs'>): boolean {
  return fs.list('/lib/modules').some((release) => strayModules(fs, release).length > 0);
}
