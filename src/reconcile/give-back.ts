// Leaves a machine without ttkmd's traces: what was changed of others' is put back, what is remembered goes.

import { withoutOwnershipLines } from '../driver/dkms-conf.ts';
import { RULE_PATH, ruleHash } from '../driver/rule.ts';
import type { Host } from '../host/host.ts';
import { loadState } from '../state/state.ts';

/** Folders that hold nothing but what ttkmd wrote. */
const OWN_FOLDERS = ['/var/lib/ttkmd', '/var/log/ttkmd', '/run/ttkmd'];

/**
 * What giving back does, in words, each with its action: installed modules and dkms's records of them stay, so
 * that the card works on.
 */
export function planGiveBack(host: Host): { readonly text: string; readonly act: () => void }[] {
  const { fs } = host;
  const state = loadState(fs);
  const steps: { text: string; act: () => void }[] = [];
  for (const [path, { original }] of Object.entries(state.adopted)) {
    const conf = `${path}/dkms.conf`;
    const now = fs.readText(conf);
    // A source that was changed since, or replaced, is not what was taken over.
    if (now === undefined || now !== withoutOwnershipLines(original)) continue;
    const mode = fs.stat(conf)?.mode ?? 0o644;
    steps.push({ text: `give ${conf} back to dkms`, act: () => fs.write(conf, original, mode) });
  }
  const rule = fs.readText(RULE_PATH);
  if (rule !== undefined && state.rule === ruleHash(rule)) {
    steps.push({ text: `remove ${RULE_PATH}`, act: () => fs.remove(RULE_PATH) });
  }
  for (const folder of OWN_FOLDERS.filter((one) => fs.exists(one))) {
    steps.push({ text: `remove ${folder}`, act: () => fs.removeTree(folder) });
  }
  return steps;
}
