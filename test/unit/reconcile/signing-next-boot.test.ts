// What becomes of a module on a kernel that enforces signatures: at the next boot, and where it is to be loaded now.
import { describe, expect, it } from 'vitest';
import { judgeReadiness } from '../../../src/reconcile/readiness.ts';
import { enrollingOf, MOK_MANAGER } from '../../../src/signing/enroll.ts';
import { SIGNED_BY_KERNEL, SIGNED_BY_OWN } from '../signing/certificates.ts';
import { driverSource, type Files, inShort, judgeHost, machine, planHost } from '../support/machines.ts';
import { A } from './host-rows.ts';
import {
  CERTIFICATE_ONLY,
  config,
  EFI,
  enlist,
  FORCED,
  installed,
  kernel,
  MOK,
  OWN_KEY,
  PORTAGE,
  TREE,
  TREE_KEY,
  WAITING,
} from './signing-hosts.ts';

const DEVICE: Files = {
  '/sys/bus/pci/devices/0000:01:00.0/vendor': '0x1e52\n',
  '/sys/bus/pci/devices/0000:01:00.0/device': '0xb140\n',
};
const EXCLUDED: Files = { '/etc/ttkmd/ttkmd.conf': `[kernels]\nexclude = ${A}\n` };

describe('before a reboot', () => {
  it.each<[string, Files, boolean, RegExp, RegExp | undefined]>([
    [
      'a key that is not enrolled',
      {},
      false,
      /will come up without a driver: .*certificate is not enrolled/,
      /ttkmdctl signing enroll/,
    ],
    ['a key that waits for the MOK manager', WAITING, true, /2\.9\.0 once the MOK manager/, /Enroll MOK/],
    [
      'a kernel that is left alone, and no signature',
      { ...installed(''), ...EXCLUDED },
      false,
      /will come up without a driver: it is not signed/,
      /kernels\.exclude/,
    ],
  ])('it is said what becomes of %s', async (_, more, ready, text, hint) => {
    const host = machine({ ...kernel(MOK), ...PORTAGE, ...EFI, ...installed(SIGNED_BY_OWN), ...more });
    enlist(host, 'MokNew');
    const answer = judgeReadiness(await judgeHost(host), A);
    expect(answer.text).toMatch(text);
    expect(answer.ready).toBe(ready);
    if (hint !== undefined) expect(answer.hint).toMatch(hint);
  });
});

describe('a module that the running kernel has refused', () => {
  it.each<[string, Files, string]>([
    ['its key is not enrolled', {}, 'enroll it, as root: ttkmdctl signing enroll; then reboot'],
    ['its key waits for the MOK manager', WAITING, MOK_MANAGER],
  ])('%s: what to do is that, and nothing is signed anew', async (_, more, hint) => {
    const files = installed(SIGNED_BY_OWN);
    const remembered = JSON.parse(String(files['/var/lib/ttkmd/state.json'])) as object;
    const host = machine(
      {
        ...kernel(MOK),
        ...PORTAGE,
        ...EFI,
        ...DEVICE,
        ...files,
        ...more,
        '/proc/sys/kernel/random/boot_id': 'this-boot\n',
      },
      { machine: { runningRelease: A } },
    );
    enlist(host, 'MokNew');
    const told = async (): Promise<object | undefined> =>
      (await judgeHost(host)).problems.find(({ code }) => code === 'not-loaded');
    expect(await told()).toMatchObject({ message: expect.stringContaining('not loaded'), hint });
    const { module } = (await judgeHost(host)).observation.loading;
    const failure = { step: 'load', module, text: 'refused', hint: 'sign it with another key', at: 1 };
    const driver = { boot: 'this-boot', failure };
    host.fs.write('/var/lib/ttkmd/state.json', JSON.stringify({ ...remembered, driver }));
    expect(await told()).toMatchObject({ message: 'refused', hint });
  });
});

describe('a module that its kernel trusts', () => {
  const CONFIGURED: Files = {
    ...PORTAGE,
    ...EFI,
    ...config('key = /etc/keys/own.pem\ncertificate = /etc/keys/own.crt\n'),
  };
  const mok = kernel(`${MOK}${OWN_KEY}`);
  const trusted = { ...mok, ...CONFIGURED, ...installed(SIGNED_BY_KERNEL), ...driverSource('2.10.0') };
  const BUILD = [`build ${A} 2.10.0`, `install ${A} 2.10.0`];
  const KERNELS = `${TREE}/certs/signing_key.pem`;

  it.each<[string, Files, string, readonly string[], string, RegExp | undefined]>([
    [
      'is replaced by one that is signed as it is, until the other key is enrolled',
      { ...trusted, ...TREE_KEY },
      'drifted',
      BUILD,
      KERNELS,
      undefined,
    ],
    [
      'is not replaced where no such key is left',
      { ...trusted, ...CERTIFICATE_ONLY },
      'unsupported',
      [],
      '/etc/keys/own.pem',
      /enroll it first, as root: ttkmdctl signing enroll/,
    ],
    [
      'is not replaced before the MOK manager has asked',
      { ...trusted, ...CERTIFICATE_ONLY, ...WAITING },
      'unsupported',
      [],
      '/etc/keys/own.pem',
      /reboot.*Enroll MOK/,
    ],
    [
      'is not there: a key to enroll is better than none',
      { ...mok, ...CERTIFICATE_ONLY, ...CONFIGURED, ...driverSource('2.10.0') },
      'missing',
      BUILD,
      '/etc/keys/own.pem',
      undefined,
    ],
  ])('%s', async (_, files, state, plan, key, hint) => {
    const host = machine(files);
    enlist(host, 'MokNew');
    const { kernels, observation, problems } = await judgeHost(host);
    expect(kernels.map((one) => one.state)).toEqual([state]);
    expect(inShort(await planHost(host)).filter((step) => step.includes(A))).toEqual(plan);
    const signing = [...observation.signing.kernels.values()];
    expect(signing.map((one) => one.key?.key)).toEqual([key]);
    if (hint !== undefined) expect(problems.find(({ release }) => release === A)?.hint).toMatch(hint);
    const enrolling = enrollingOf(observation.signing.machine, signing);
    expect(enrolling).toMatchObject({
      kind: expect.stringMatching(/^(?:enroll|pending)$/),
      keys: [{ key: { key: '/etc/keys/own.pem' } }],
    });
  });
});

describe('a module is loaded', () => {
  const signable = { ...kernel(`${FORCED}${OWN_KEY}`), ...CERTIFICATE_ONLY, ...DEVICE };
  it.each<[string, Files, string, string[]]>([
    [
      'where the next version can have no signature, and this one has',
      { ...signable, ...installed(SIGNED_BY_KERNEL), ...driverSource('2.10.0') },
      'unsupported',
      [`load ${A}`],
    ],
    ['but for one that this kernel refuses', { ...signable, ...installed('') }, 'unsupported', []],
    [
      'but for a key that is not enrolled',
      { ...kernel(MOK), ...PORTAGE, ...EFI, ...DEVICE, ...installed(SIGNED_BY_OWN) },
      'current',
      [],
    ],
    [
      'but into a kernel that is left alone',
      { ...signable, ...installed(SIGNED_BY_KERNEL), ...EXCLUDED },
      'unsupported',
      [],
    ],
  ])('%s', async (_, files, state, steps) => {
    const host = machine(files, { machine: { runningRelease: A } });
    expect((await judgeHost(host)).kernels.map((one) => one.state)).toEqual([state]);
    expect(inShort(await planHost(host))).toEqual(steps);
  });
});
