// What uninstalling gives back and takes away, and what the driver that stays still needs.
import { describe, expect, it } from 'vitest';
import { RULE_PATH, ruleHash } from '../../../src/driver/rule.ts';
import { planGiveBack } from '../../../src/reconcile/give-back.ts';
import { EMPTY_STATE, saveState } from '../../../src/state/state.ts';
import { dkmsRecord, driverSource, type Files, gentooKernel, machine, module } from '../support/machines.ts';

const A = '6.12.58-gentoo-dist';
const RULE = 'KERNEL=="tenstorrent*", MODE="0666"\n';
const CONF = '/usr/src/tenstorrent-2.9.0/dkms.conf';

/** Gives a machine back, and tells what was said of the rule. */
function givenBack(files: Files, rule = RULE) {
  const host = machine({ ...gentooKernel(A), ...files, [RULE_PATH]: rule, '/var/log/ttkmd/x': '' });
  saveState(host.fs, { ...EMPTY_STATE, rule: ruleHash(RULE) });
  const parts = planGiveBack(host);
  for (const { act } of parts) act();
  return { host, said: parts.find(({ path }) => path === RULE_PATH)?.kind };
}

describe('the udev rule', () => {
  it.each<[string, Files, string | undefined]>([
    ['goes where no driver is left', {}, 'remove'],
    ['goes where only an unregistered source is left', driverSource('2.9.0'), 'remove'],
    ['stays with an installed module', module(A, '2.9.0'), 'keep'],
    ['stays with a registered source', { ...driverSource('2.9.0'), ...dkmsRecord('2.9.0') }, 'keep'],
  ])('%s', (_, files, kind) => {
    const { host, said } = givenBack(files);
    expect(said).toBe(kind);
    expect(host.fs.exists(RULE_PATH)).toBe(kind === 'keep');
    expect(host.fs.exists('/var/lib/ttkmd')).toBe(false);
    expect(host.fs.exists('/var/log/ttkmd')).toBe(false);
  });

  it('is not ours to speak of where somebody else put it there', () => {
    const { host, said } = givenBack({}, 'an admin wrote this\n');
    expect(said).toBeUndefined();
    expect(host.fs.exists(RULE_PATH)).toBe(true);
  });
});

it('a source that was taken over gets its lines again', () => {
  const files = driverSource('2.9.0', { autoinstall: true });
  const original = String(files[CONF]);
  const host = machine({ ...files, [CONF]: original.replace(/^(AUTOINSTALL|POST_INSTALL).*\n/gm, '') });
  saveState(host.fs, {
    ...EMPTY_STATE,
    adopted: { '/usr/src/tenstorrent-2.9.0': { original, foreign: true } },
  });
  const [first] = planGiveBack(host);
  expect(first).toMatchObject({ kind: 'give-back', path: CONF });
  first?.act();
  expect(host.fs.readText(CONF)).toBe(original);
});
