// The MOK manager of shim: who sits before the machine when it boots, and does what was asked for.

import { KEYS } from './console.ts';
import type { Guest } from './guest.ts';

/** What it shows when there is something to do; it waits ten seconds for a key. */
export const GREETING = 'Press any key to perform MOK management';

const LIMIT_MS = 120_000;

/** What is waited for on the screen, and the keys for it. In a menu that is the last line, which is drawn last. */
type Screen = readonly [shown: string, ...keys: string[]];

/** A key is enrolled, after a look at it. */
export function enrolling(subject: string, password: string): Screen[] {
  return [
    ['Enroll hash from disk', KEYS.down, KEYS.enter],
    ['View key 0', KEYS.enter],
    [`CN=${subject}`],
    ['Fingerprint', KEYS.enter],
    ['Continue', KEYS.down, KEYS.enter],
    ['Enroll the key(s)?'],
    ['Yes', KEYS.down, KEYS.enter],
    ['Password:', password, KEYS.enter],
    ['Enroll hash from disk', KEYS.enter],
  ];
}

/** Shim's checks are switched off. It asks for three characters of the password, anywhere in it: all are the same. */
export function switchingChecksOff(character: string): Screen[] {
  const asked: Screen = ['Enter password character', character, KEYS.enter];
  return [
    ['Enroll hash from disk', KEYS.down, KEYS.enter],
    ...[asked, asked, asked],
    ['Disable Secure Boot'],
    ['Yes', KEYS.down, KEYS.enter],
    ['Enroll hash from disk', KEYS.enter],
  ];
}

/** Switches the guest on and goes through the screens, until the machine goes down to boot again. */
export async function manageMok(guest: Guest, screens: readonly Screen[]): Promise<void> {
  const qemu = await guest.switchOn();
  const { console } = qemu;
  if (console === undefined) throw new Error('the guest has no firmware');
  for (const [shown, ...keys] of [[GREETING, KEYS.enter] as const, ...screens]) {
    await qemu.expect(`the MOK manager's "${shown}"`, console.shows(shown), LIMIT_MS);
    console.type(...keys);
  }
  await qemu.expectEnd('the reboot by the MOK manager', LIMIT_MS);
}
