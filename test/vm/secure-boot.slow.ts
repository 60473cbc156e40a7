// Secure Boot on real parts: firmware that has Microsoft's keys, shim and its MOK manager, and Debian's GRUB and kernel, which locks itself down. It takes the driver once its owner has enrolled the key, and not before.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SAMPLE } from '../system/support/machine.ts';
import { secureBootFirmware } from './support/firmware.ts';
import { Guest } from './support/guest.ts';
import { enrolling, GREETING, manageMok, switchingChecksOff } from './support/mok-manager.ts';
import { bootstrapped, built, until } from './support/services.ts';
import { historyOf, statusOf } from './support/status.ts';
import { atTerminal } from './support/terminal.ts';

const PASSWORD = 'kept-until-then';
const SUBJECT = 'Kernel modules of guest';
const KEYS = '/etc/ttkmd/keys';
const BY_SECURE_BOOT = 'Secure Boot is on, and CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y';
const MACHINE = { uefi: true, secureBoot: true, lockdown: 'integrity', enforcing: true };

let guest: Guest;
let release: string;

beforeAll(async () => {
  const firmware = await secureBootFirmware();
  guest = await Guest.create('systemd', { firmware });
  release = guest.image.kernels.first;
  await guest.boot();
  await guest.run('base64 -d | tar -xz -C /', { input: firmware.tools });
});
afterAll(() => guest?.dispose());

let failed = false;

/** After one that failed, the others would only tell of it again. */
beforeEach(({ skip, onTestFailed }) => {
  if (failed) skip('what comes before it failed');
  onTestFailed(() => {
    failed = true;
  });
});

interface SigningDocument {
  machine: typeof MACHINE & { checksOff: boolean };
  kernels: {
    release: string;
    enforcement: { state: string; why: string };
    key: { key: string; certificate: string; trust: string } | null;
    module: { signature: { signer: string }; trust: string } | null;
    nextBoot: string;
  }[];
  problems: { code: string; severity: string; hint: string }[];
}

/** What `signing status` says, with its exit status. */
async function signing(): Promise<{ exit: number } & SigningDocument> {
  const { status, stdout } = await guest.run('ttkmdctl signing status --json', { allowFailure: true });
  return { exit: status, ...(JSON.parse(stdout) as SigningDocument) };
}

/** Standard output after the exit status, for a command that may fail. */
async function told(command: string): Promise<string> {
  const { status, stdout, stderr } = await guest.run(command, { allowFailure: true });
  return `${status} ${stdout}${stderr}`;
}

async function expectRefused(trust: 'to-enroll' | 'pending'): Promise<void> {
  expect(await told('modprobe tenstorrent')).toMatch(/^1 .*Key was rejected by service/);
  const { kernels } = await signing();
  expect(kernels).toMatchObject([{ key: { trust }, module: { trust, signature: { signer: SUBJECT } } }]);
  const status = await statusOf(guest);
  expect(status).toMatchObject({ health: 'failed', driver: { loaded: null }, devices: [{ driver: null }] });
  expect(status.kernels).toMatchObject([{ release, running: true, module: { state: 'current' } }]);
}

/** Asked for at a terminal, as a person does. */
async function enroll(): Promise<string> {
  const { status, stdout } = await atTerminal(guest, 'ttkmdctl signing enroll', [
    ['input password:', PASSWORD],
    ['input password again:', PASSWORD],
  ]);
  return `${status} ${stdout}`;
}

test('a machine that has no key is told so, and how to make one', async () => {
  expect(await bootstrapped(guest)).toContain('Secure Boot is on: a driver that no key');
  const { exit, machine, kernels, problems } = await signing();
  expect({ exit, machine }).toMatchObject({ exit: 1, machine: { ...MACHINE, checksOff: false } });
  expect(kernels).toMatchObject([
    { release, enforcement: { state: 'enforced', why: BY_SECURE_BOOT }, key: null, module: null },
  ]);
  expect(problems).toMatchObject([
    { code: 'no-signing-key', hint: expect.stringContaining('signing enroll') },
  ]);
  expect((await statusOf(guest)).health).toBe('failed');
  expect(await historyOf(guest)).toEqual([]);
  expect(await told('ttkmdctl signing enroll')).toMatch(/^1 There is nothing to enroll: there is no key/);
});

test('a key that is made as told signs the driver, which the kernel refuses until it is enrolled', async () => {
  await guest.run(`ttkmdctl signing enroll | sed -n 's/^  //p' >/root/key.sh; sh -e /root/key.sh`);
  await guest.run(`test "$(stat -c %a ${KEYS} ${KEYS}/* | tr '\\n' ' ')" = '700 600 600 '`);
  // The daemon has heard of it.
  await built(guest, release);
  await until(guest, 'ttkmdctl history --json | grep -q \'"load"\'');
  await expectRefused('to-enroll');
  const { exit, kernels, problems } = await signing();
  expect(exit).toBe(1);
  expect(kernels).toMatchObject([
    { key: { key: `${KEYS}/modules.pem` }, nextBoot: expect.stringContaining('refused, until') },
  ]);
  expect(problems).toMatchObject([
    { code: 'key-not-enrolled', hint: expect.stringContaining('signing enroll') },
  ]);
  const { problems: all } = await statusOf(guest);
  expect(all.map(({ code }) => code)).toEqual(['key-not-enrolled', 'not-loaded']);
  expect(await told('ttkmdctl ready')).toMatch(/^1 not ready: .*not enrolled/);
});

test('it is handed to the firmware at a terminal, and status tells what to do at the next boot', async () => {
  const byHand = await told('ttkmdctl signing enroll');
  expect(byHand).toMatch(/^1 .*no terminal to type a password at.*mokutil --import/s);
  expect(await enroll()).toMatch(/^0 .*Asked for: at the next boot a blue screen/s);
  expect(await told('mokutil --list-new')).toContain(SUBJECT);
  expect(await told('ls /run/ttkmd')).not.toContain('enroll');
  await expectRefused('pending');
  const { exit, kernels, problems } = await signing();
  expect(exit).toBe(0);
  expect(kernels).toMatchObject([{ nextBoot: expect.stringContaining('once the MOK manager has enrolled') }]);
  expect(problems).toMatchObject([
    { code: 'key-pending', severity: 'note', hint: expect.stringContaining('Enroll MOK') },
  ]);
  // Nothing is left to do but that.
  const hints = (await statusOf(guest)).problems.map(({ hint }) => hint);
  expect(hints).toEqual([expect.stringContaining('Enroll MOK'), expect.stringContaining('Enroll MOK')]);
  expect(await told('ttkmdctl signing enroll')).toMatch(/^0 It is asked for already/);
  expect(await told('ttkmdctl ready')).toMatch(/^0 ready: .* once the MOK manager/);
});

test('left alone, the MOK manager boots on and nothing is enrolled', async () => {
  await guest.reboot();
  expect(guest.serialLog()).toContain(GREETING);
  await expectRefused('to-enroll');
  expect(await told('systemctl is-failed ttkmd-boot')).toBe('0 failed\n');
  expect(await enroll()).toMatch(/^0 /);
});

test('enrolled with that password, the key is in the kernel, and the driver is loaded', async () => {
  await guest.goDown('reboot');
  await manageMok(guest, enrolling(SUBJECT, PASSWORD));
  await guest.boot();
  expect(await told('cat /proc/keys')).toContain(SUBJECT);
  expect(await told('dmesg')).toContain('Kernel is locked down from EFI Secure Boot');
  const { exit, machine, kernels, problems } = await signing();
  expect({ exit, machine, problems }).toMatchObject({ exit: 0, machine: MACHINE, problems: [] });
  expect(kernels).toMatchObject([
    { key: { trust: 'accepted' }, module: { trust: 'accepted' }, nextBoot: 'the module loads' },
  ]);
  const status = await statusOf(guest);
  expect(status).toMatchObject({ health: 'ok', driver: { loaded: SAMPLE }, problems: [] });
  // It is the one that was built before.
  expect((await historyOf(guest)).filter(({ step }) => step === 'build')).toHaveLength(1);
  expect(await told('ttkmdctl signing enroll')).toMatch(/^0 There is nothing to enroll: .*is enrolled/);
});

test('what a key that is not enrolled has signed is refused, and built again', async () => {
  await guest.run('systemctl stop ttkmd && rmmod tenstorrent');
  const make =
    'openssl req -new -x509 -nodes -newkey rsa:2048 -subj /CN=stranger -keyout k.pem -outform DER -out k.der';
  const sign = `/lib/modules/${release}/build/scripts/sign-file sha256 k.pem k.der "$(modinfo -n tenstorrent)"`;
  await guest.run(`cd /root && ${make} && ${sign}`);
  expect(await told('modprobe tenstorrent')).toMatch(/^1 .*Key was rejected by service/);
  expect((await signing()).kernels).toMatchObject([
    { module: { signature: { signer: 'stranger' }, trust: 'refused' }, nextBoot: 'the module is refused' },
  ]);
  expect((await statusOf(guest)).kernels).toMatchObject([{ release, module: { state: 'drifted' } }]);
  await guest.run('ttkmdctl reconcile');
  expect(await statusOf(guest)).toMatchObject({ health: 'ok', driver: { loaded: SAMPLE }, problems: [] });
});

test('where shim has been told not to check, the kernel is not locked down, and no key is asked for', async () => {
  const asked = await atTerminal(guest, 'mokutil --disable-validation', [
    ['input password:', 'aaaaaaaa'],
    ['input password again:', 'aaaaaaaa'],
  ]);
  expect(asked.status, asked.stdout).toBe(0);
  await guest.goDown('reboot');
  await manageMok(guest, switchingChecksOff('a'));
  await guest.boot();
  const { exit, machine, kernels } = await signing();
  expect({ exit, machine }).toMatchObject({
    exit: 0,
    machine: { secureBoot: true, checksOff: true, lockdown: 'none', enforcing: false },
  });
  expect(kernels).toMatchObject([{ enforcement: { state: 'free' } }]);
  expect(await told('ttkmdctl signing status')).toContain(
    'Secure Boot is on, and shim has been told not to check',
  );
  await guest.run('systemctl stop ttkmd && rmmod tenstorrent');
  await guest.run('cp "$(modinfo -n tenstorrent)" /root/plain.ko && strip --strip-debug /root/plain.ko');
  expect(await told('modinfo -F signer /root/plain.ko')).toBe('0 ');
  expect(await told('insmod /root/plain.ko && cat /sys/module/tenstorrent/version')).toBe(`0 ${SAMPLE}\n`);
  await guest.powerOff();
});
