// The pages of two cards under OpenRC.

import { afterAll, beforeAll, test } from 'vitest';
import { cardGuest, expectPages, wantPages } from './support/card.ts';
import type { Guest } from './support/guest.ts';

let guest: Guest;

beforeAll(async () => {
  guest = await cardGuest('openrc');
});
afterAll(() => guest?.dispose());

test('pages of 1 GiB are there after the boot, on the node of each card, and mounted', async () => {
  await wantPages(guest);
  await guest.reboot();
  await guest.run('rc-service ttkmd-hugepages status');
  await expectPages(guest);
  await guest.powerOff();
});
