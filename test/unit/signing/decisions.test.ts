// What a kernel enforces, whom it trusts, and what follows from both: every combination that decides.
import { describe, expect, it } from 'vitest';
import { type EnforcingKernel, enforcementOf } from '../../../src/signing/enforcement.ts';
import type { Enrolment } from '../../../src/signing/machine.ts';
import { signingNeed } from '../../../src/signing/need.ts';
import type {
  Certificate,
  Enforcement,
  KeyFlaw,
  KeyOrigin,
  MachineSigning,
  SigningKey,
  Trust,
} from '../../../src/signing/signing.ts';
import { acceptanceOf, othersOf, trustOf } from '../../../src/signing/trust.ts';

const MACHINE: MachineSigning = {
  efi: true,
  secureBoot: false,
  lockdown: 'none',
  enforcing: false,
  words: [],
};
const word = (text: string): Partial<MachineSigning> => ({ words: [{ word: text, place: '/proc/cmdline' }] });
const SIG = { MODULES: 'y', MODULE_SIG: 'y' };

describe('what a kernel enforces', () => {
  const kernels: readonly [
    string,
    EnforcingKernel['configuration'],
    Partial<MachineSigning>,
    boolean,
    string,
  ][] = [
    ['no signatures at all', { MODULES: 'y' }, { secureBoot: true, enforcing: true }, true, 'ignored'],
    ['nothing asks', SIG, {}, false, 'free'],
    ['nothing asks, and it runs', SIG, {}, true, 'free'],
    ['forced', { ...SIG, MODULE_SIG_FORCE: 'y' }, {}, false, 'enforced'],
    ['locked down by itself', { ...SIG, LOCK_DOWN_KERNEL_FORCE_INTEGRITY: 'y' }, {}, false, 'enforced'],
    [
      'locked down by itself, more',
      { ...SIG, LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY: 'y' },
      {},
      false,
      'enforced',
    ],
    ['it runs and enforces', SIG, { enforcing: true }, true, 'enforced'],
    ['another one runs and enforces', SIG, { enforcing: true }, false, 'free'],
    ['it runs locked down', SIG, { lockdown: 'integrity' }, true, 'enforced'],
    ['another one runs locked down', SIG, { lockdown: 'integrity' }, false, 'free'],
    ['the command line', SIG, word('module.sig_enforce=1'), false, 'enforced'],
    ['the command line without a value', SIG, word('module.sig_enforce'), false, 'enforced'],
    ['the command line that does not', SIG, word('module.sig_enforce=0'), false, 'free'],
    [
      'lockdown on the command line',
      { ...SIG, SECURITY_LOCKDOWN_LSM: 'y' },
      word('lockdown=confidentiality'),
      false,
      'enforced',
    ],
    ['… of a kernel that knows none', SIG, word('lockdown=confidentiality'), false, 'free'],
    ['… of a kernel of which nothing is known', {}, word('lockdown=integrity'), false, 'enforced'],
    ['no lockdown on the command line', SIG, word('lockdown=none'), false, 'free'],
    ['Secure Boot alone', SIG, { secureBoot: true }, false, 'free'],
    [
      'Secure Boot locks down',
      { ...SIG, LOCK_DOWN_IN_EFI_SECURE_BOOT: 'y' },
      { secureBoot: true },
      false,
      'enforced',
    ],
    [
      'Secure Boot would lock down, and shim has been told not to check',
      { ...SIG, LOCK_DOWN_IN_EFI_SECURE_BOOT: 'y', IMA_ARCH_POLICY: 'y' },
      { secureBoot: true, checksOff: true },
      false,
      'free',
    ],
    [
      'Secure Boot would lock down, and has not',
      { ...SIG, LOCK_DOWN_IN_EFI_SECURE_BOOT: 'y' },
      { secureBoot: true },
      true,
      'free',
    ],
    [
      'Secure Boot locks down, and nothing tells whether it has',
      { ...SIG, LOCK_DOWN_IN_EFI_SECURE_BOOT: 'y' },
      { secureBoot: true, lockdown: undefined },
      true,
      'enforced',
    ],
    ['Secure Boot would lock down', { ...SIG, LOCK_DOWN_IN_EFI_SECURE_BOOT: 'y' }, {}, false, 'free'],
    ['Secure Boot and IMA', { ...SIG, IMA_ARCH_POLICY: 'y' }, { secureBoot: true }, false, 'enforced'],
    ['an IMA policy', SIG, word('ima_policy=secure_boot'), true, 'unknown'],
    ['no configuration', {}, {}, false, 'unknown'],
    ['no configuration, and it runs', {}, {}, true, 'free'],
    ['no configuration, and it runs and enforces', {}, { enforcing: true }, true, 'enforced'],
    [
      'looked at from outside',
      { ...SIG, LOCK_DOWN_IN_EFI_SECURE_BOOT: 'y' },
      { efi: undefined, secureBoot: undefined, lockdown: undefined, enforcing: undefined },
      false,
      'free',
    ],
  ];
  it.each(kernels)('%s', (_, configuration, machine, running, state) => {
    const found = enforcementOf({ configuration, running }, { ...MACHINE, ...machine });
    expect(found).toEqual({ state, why: expect.stringMatching(/\w/) });
  });
});

it('names Secure Boot for the reason, and not what it has switched on', () => {
  const configuration = { ...SIG, LOCK_DOWN_IN_EFI_SECURE_BOOT: 'y', IMA_ARCH_POLICY: 'y' };
  const locked = { ...MACHINE, secureBoot: true, lockdown: 'integrity', enforcing: true };
  const reason = 'Secure Boot is on, and CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y';
  for (const running of [true, false]) {
    expect(enforcementOf({ configuration, running }, locked).why).toBe(reason);
  }
  expect(enforcementOf({ configuration: SIG, running: true }, locked).why).toBe('module.sig_enforce is on');
});

const certificate = (name: string): Certificate => ({
  hash: name,
  serial: name,
  issuer: name,
  subject: name,
});
const [KERNEL, OWN, OTHER] = ['aa', 'bb', 'cc'].map(certificate) as [Certificate, Certificate, Certificate];
const MOK = { ...SIG, INTEGRITY_MACHINE_KEYRING: 'y', SECONDARY_TRUSTED_KEYRING: 'y' };
const PLATFORM = { ...SIG, INTEGRITY_PLATFORM_KEYRING: 'y' };

describe('whom a kernel trusts', () => {
  type Row = [
    string,
    EnforcingKernel['configuration'],
    boolean,
    Certificate | undefined,
    Enrolment,
    boolean | undefined,
    Trust,
  ];
  const rows: readonly Row[] = [
    ['its own', SIG, false, OWN, 'absent', false, 'accepted'],
    ['another than its own', SIG, false, KERNEL, 'absent', false, 'refused'],
    ['another, with UEFI', SIG, false, KERNEL, 'absent', true, 'refused'],
    ['another, from outside', SIG, false, KERNEL, 'unknown', undefined, 'unknown'],
    [
      'others are compiled in',
      { ...SIG, SYSTEM_TRUSTED_KEYS: 'my.pem' },
      false,
      KERNEL,
      'absent',
      false,
      'unknown',
    ],
    [
      'room for another',
      { ...SIG, SYSTEM_EXTRA_CERTIFICATE: 'y' },
      false,
      KERNEL,
      'absent',
      false,
      'unknown',
    ],
    ['its own is not known', SIG, false, undefined, 'absent', false, 'unknown'],
    ['enrolled', MOK, false, KERNEL, 'enrolled', true, 'accepted'],
    ['enrolled, and its own is not known', MOK, false, undefined, 'enrolled', true, 'accepted'],
    [
      'enrolled, and only authorities count',
      { ...MOK, INTEGRITY_CA_MACHINE_KEYRING: 'y' },
      false,
      KERNEL,
      'enrolled',
      true,
      'unknown',
    ],
    ['enrolled, and this kernel does not look there', SIG, false, KERNEL, 'enrolled', true, 'refused'],
    ['enrolled, platform keyring of a plain kernel', PLATFORM, false, KERNEL, 'enrolled', true, 'unknown'],
    ['enrolled, platform keyring of a distribution', PLATFORM, true, KERNEL, 'enrolled', true, 'accepted'],
    ["the firmware's, of a distribution", PLATFORM, true, undefined, 'firmware', true, 'accepted'],
    ["the firmware's, machine keyring", MOK, false, KERNEL, 'firmware', true, 'unknown'],
    ['not enrolled', MOK, false, KERNEL, 'absent', true, 'to-enroll'],
    ['not enrolled, of a distribution', PLATFORM, true, undefined, 'absent', true, 'to-enroll'],
    ['not enrolled, without UEFI', MOK, false, KERNEL, 'absent', false, 'refused'],
    ['to be enrolled', MOK, false, KERNEL, 'pending', true, 'pending'],
    ['cannot be told', MOK, false, KERNEL, 'unknown', true, 'unknown'],
  ];
  it.each(rows)('%s', (_, configuration, patched, builtIn, enrolment, efi, trust) => {
    const verdict = trustOf(OWN, { configuration, patched, builtIn }, enrolment, efi);
    expect(verdict).toEqual({ trust, why: expect.stringMatching(/\w/) });
  });
});

const FLAW: KeyFlaw = { code: 'key-exposed', text: 'it is open', hint: 'close it' };

function key(
  name: string,
  trust: Trust,
  more: { origin?: KeyOrigin; flaw?: KeyFlaw; identity?: Certificate } = {},
): SigningKey {
  return {
    ...{
      origin: 'portage',
      place: 'make.conf',
      key: name,
      name,
      certificate: name,
      identity: undefined,
      flaw: undefined,
    },
    verdict: { trust, why: 'so' },
    ...more,
  };
}

describe('whether a module is signed, with what, and whether it can be had', () => {
  type Row = [string, Enforcement['state'], readonly SigningKey[], string | undefined, RegExp | undefined];
  const rows: readonly Row[] = [
    ['free, no key', 'free', [], undefined, undefined],
    ['free, a key', 'free', [key('a', 'unknown')], 'a', undefined],
    ['free, a key that it does not trust', 'free', [key('a', 'refused')], 'a', undefined],
    ['free, a key with a flaw', 'free', [key('a', 'accepted', { flaw: FLAW })], undefined, undefined],
    ['ignored, a key', 'ignored', [key('a', 'unknown')], undefined, undefined],
    ['unknown, a key', 'unknown', [key('a', 'unknown')], 'a', undefined],
    ['unknown, no key', 'unknown', [], undefined, undefined],
    ['enforced, no key', 'enforced', [], undefined, /no key to sign with/],
    ['enforced, a key', 'enforced', [key('a', 'accepted')], 'a', undefined],
    ['enforced, a key to enroll', 'enforced', [key('a', 'to-enroll')], 'a', undefined],
    ['enforced, a key that nobody knows of', 'enforced', [key('a', 'unknown')], 'a', undefined],
    [
      'enforced, a key that it does not trust',
      'enforced',
      [key('a', 'refused')],
      'a',
      /does not take those signed with a/,
    ],
    [
      'enforced, a key with a flaw',
      'enforced',
      [key('a', 'accepted', { flaw: FLAW })],
      undefined,
      /it is open/,
    ],
    [
      'enforced, the second is sound',
      'enforced',
      [key('a', 'accepted', { flaw: FLAW }), key('b', 'unknown')],
      'b',
      undefined,
    ],
    [
      'enforced, the second is trusted',
      'enforced',
      [key('a', 'refused'), key('b', 'accepted')],
      'b',
      undefined,
    ],
    ['free, both may do', 'free', [key('a', 'unknown'), key('b', 'to-enroll')], 'a', undefined],
    [
      'the one of the configuration and no other',
      'enforced',
      [key('a', 'refused', { origin: 'configuration' }), key('b', 'accepted')],
      'a',
      /does not take/,
    ],
    [
      'the one of the configuration has a flaw',
      'enforced',
      [key('a', 'accepted', { origin: 'configuration', flaw: FLAW }), key('b', 'accepted')],
      undefined,
      /it is open/,
    ],
  ];
  it.each(rows)('%s', (_, state, keys, chosen, obstacle) => {
    const facts = { release: '6.1', enforcement: { state, why: 'so' }, keys, hasTree: true };
    const need = signingNeed({ ...facts, signFile: '/sign-file' });
    expect(need.needed).toBe(state === 'enforced');
    expect(need.key?.key).toBe(chosen);
    expect(need.obstacle?.text ?? '').toMatch(obstacle ?? /^$/);
    expect(need.obstacle?.hint ?? 'x').toMatch(/\w/);
  });

  it('is nothing without the program that signs', () => {
    const facts = { release: '6.1', keys: [key('a', 'accepted')], signFile: undefined, hasTree: true };
    const forced = signingNeed({ ...facts, enforcement: { state: 'enforced', why: 'so' } });
    expect(forced.key).toBeUndefined();
    expect(forced.obstacle?.text).toMatch(/sign-file/);
    expect(signingNeed({ ...facts, enforcement: { state: 'free', why: 'so' } }).obstacle).toBeUndefined();
  });
});

const ALL = { enrolled: [], isAll: true };

describe('whether a kernel takes a module', () => {
  const keys = [key('a', 'to-enroll', { identity: OWN })];
  const by = (one: Certificate) => ({ signer: one.issuer, serial: one.serial, hash: 'sha256' });
  it.each([
    ['not signed', undefined, KERNEL, keys, 'refused'],
    ["with the kernel's own", by(KERNEL), KERNEL, keys, 'accepted'],
    ['with a key that is known', by(OWN), KERNEL, keys, 'to-enroll'],
    ['with a key that nobody knows', by(OTHER), KERNEL, keys, 'refused'],
    ['with a key that nobody knows, and there is no other', by(OTHER), KERNEL, [], 'unknown'],
    ["with a key that nobody knows, nor the kernel's own", by(OTHER), undefined, keys, 'unknown'],
    [
      'so, beside the tree of a distribution',
      by(OTHER),
      undefined,
      keys,
      'refused',
      '/tree/scripts/sign-file',
    ],
    ['the same serial number of another', { ...by(OWN), signer: 'else' }, KERNEL, keys, 'refused'],
    [
      'modinfo cannot tell',
      { signer: undefined, serial: undefined, hash: undefined },
      KERNEL,
      keys,
      'unknown',
    ],
    ['no name', { ...by(KERNEL), signer: undefined }, KERNEL, keys, 'accepted'],
  ] as const)('%s', (_, signature, builtIn, known, trust, signFile = undefined) => {
    expect(acceptanceOf(signature, { builtIn, keys: known, signFile, others: ALL })).toMatchObject({ trust });
  });

  const enrolled = (trust: Trust) => [{ identity: OTHER, verdict: { trust, why: 'so' } }];
  it.each([
    ['one that is compiled in may be the signer', { enrolled: [], isAll: false }, 'unknown'],
    ['the firmware knows the signer', { enrolled: enrolled('accepted'), isAll: true }, 'accepted'],
    ['so, and others besides', { enrolled: enrolled('accepted'), isAll: false }, 'accepted'],
    ['so, and the kernel may not look there', { enrolled: enrolled('unknown'), isAll: true }, 'unknown'],
  ] as const)('signed with a key that is not at hand: %s', (_, others, trust) => {
    const facts = { builtIn: KERNEL, keys, signFile: '/tree/scripts/sign-file', others };
    expect(acceptanceOf(by(OTHER), facts)).toMatchObject({ trust });
    expect(acceptanceOf(undefined, facts)).toMatchObject({ trust: 'refused' });
  });

  it.each([
    ['nothing else', SIG, false, true, true],
    ['certificates are compiled in', { ...SIG, SYSTEM_TRUSTED_KEYS: 'my.pem' }, false, true, false],
    ['certificates may be inserted', { ...SIG, SYSTEM_EXTRA_CERTIFICATE: 'y' }, false, true, false],
    ['the firmware counts, and there is none', MOK, false, true, true],
    ['the firmware counts, and all of it is known', MOK, true, true, true],
    ['the firmware counts, and not all of it is known', MOK, true, false, false],
    ['the firmware may count', PLATFORM, true, false, false],
    ['the firmware counts, looked at from outside', MOK, undefined, false, false],
    ['the firmware does not count', SIG, true, false, true],
  ] as const)('whether all that it trusts is known: %s', (_, configuration, efi, isWhole, isAll) => {
    const listed = { certificates: [], isAll: isWhole };
    const kernel = { configuration, patched: false, builtIn: KERNEL };
    expect(othersOf(kernel, efi, () => listed)).toEqual({ enrolled: [], isAll });
  });

  it.each([
    ['of a distribution, which signs no module of ours', true, true],
    ['of somebody, who may have signed it with the key', false, false],
  ])('the certificate of a kernel is not known: %s', (_, patched, isAll) => {
    const kernel = { configuration: SIG, patched, builtIn: undefined };
    expect(othersOf(kernel, false, () => ({ certificates: [], isAll: true }))).toMatchObject({ isAll });
  });
});
