// Kernels that enforce signatures: what is built, what can never be, and what is said of it.
import { describe, expect, it } from 'vitest';
import {
  KERNEL_CERTIFICATE,
  OTHER_CERTIFICATE,
  OWN_CERTIFICATE,
  SIGNED_BY_KERNEL,
  SIGNED_BY_OTHER,
  SIGNED_BY_OWN,
} from '../signing/certificates.ts';
import { type Files, inShort, judgeHost, machine, planHost } from '../support/machines.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { workingDkms } from '../support/working-dkms.ts';
import { A, BUILD_A } from './host-rows.ts';
import {
  CERTIFICATE_ONLY,
  config,
  EFI,
  enlist,
  FORCED,
  installed,
  kernel,
  keyOf,
  listOf,
  MOK,
  OWN_KEY,
  PORTAGE,
  signingDkms,
  TREE,
  TREE_KEY,
} from './signing-hosts.ts';

interface Row {
  readonly name: string;
  readonly files: Files;
  readonly state: string;
  readonly plan: readonly string[];
  readonly problems: Readonly<Record<string, RegExp>>;
}

const REGISTERED_BUILD = ['register 2.9.0', ...BUILD_A];

const ROWS: readonly Row[] = [
  {
    name: 'nothing asks for signatures',
    files: kernel('CONFIG_MODULE_SIG=y\n'),
    state: 'missing',
    plan: REGISTERED_BUILD,
    problems: { 'module-missing': /not built/ },
  },
  {
    name: 'no key at all',
    files: kernel(FORCED),
    state: 'unsupported',
    plan: [],
    problems: { 'no-signing-key': /signed modules only \(CONFIG_MODULE_SIG_FORCE=y\), and there is no key/ },
  },
  {
    name: 'the certificate alone, as a binary package has it',
    files: { ...kernel(`${FORCED}${OWN_KEY}`), ...CERTIFICATE_ONLY },
    state: 'unsupported',
    plan: [],
    problems: { 'no-signing-key': /the certificate of its kernel and not the key/ },
  },
  {
    name: "the build tree's own key",
    files: { ...kernel(`${FORCED}${OWN_KEY}`), ...TREE_KEY },
    state: 'missing',
    plan: REGISTERED_BUILD,
    problems: { 'module-missing': /not built/ },
  },
  {
    name: "Portage's key, which the kernel does not know",
    files: { ...kernel(`${FORCED}${OWN_KEY}`), ...CERTIFICATE_ONLY, ...PORTAGE },
    state: 'unsupported',
    plan: [],
    problems: { 'no-signing-key': /does not take those signed with \/etc\/keys\/own\.pem/ },
  },
  {
    name: "Portage's key, and the kernel was built with it",
    files: {
      ...kernel(`${FORCED}CONFIG_MODULE_SIG_KEY="/var/tmp/gone.pem"\n`),
      ...PORTAGE,
      [`${TREE}/certs/signing_key.x509`]: OWN_CERTIFICATE,
    },
    state: 'missing',
    plan: REGISTERED_BUILD,
    problems: { 'module-missing': /not built/ },
  },
  {
    name: 'a key that everybody may read',
    files: {
      ...kernel(FORCED),
      ...keyOf('/k.pem', 0o644),
      '/k.crt': OWN_CERTIFICATE,
      ...config('key = /k.pem\ncertificate = /k.crt\n'),
    },
    state: 'unsupported',
    plan: [],
    problems: { 'no-signing-key': /\/k\.pem is open to everybody/ },
  },
  {
    name: 'such a key, and nothing enforces',
    files: {
      ...kernel('CONFIG_MODULE_SIG=y\n'),
      ...keyOf('/k.pem', 0o604),
      '/k.crt': OWN_CERTIFICATE,
      ...config('key = /k.pem\ncertificate = /k.crt\n'),
    },
    state: 'missing',
    plan: REGISTERED_BUILD,
    problems: { 'key-exposed': /open to everybody/, 'module-missing': /not built/ },
  },
  {
    name: 'a key that is not there',
    files: { ...kernel(FORCED), ...config('key = /k.pem\n') },
    state: 'unsupported',
    plan: [],
    problems: { 'no-signing-key': /\/k\.pem, which signing\.key names, is not there/ },
  },
  {
    name: 'a module that is not signed',
    files: { ...kernel(`${FORCED}${OWN_KEY}`), ...TREE_KEY, ...installed('') },
    state: 'drifted',
    plan: BUILD_A,
    problems: { 'module-drifted': /it is not signed, and this kernel takes signed modules only/ },
  },
  {
    name: 'such a module, and nothing enforces',
    files: { ...kernel(`CONFIG_MODULE_SIG=y\n${OWN_KEY}`), ...TREE_KEY, ...installed('') },
    state: 'current',
    plan: [],
    problems: {},
  },
  {
    name: "a module that is signed with the kernel's key, which is gone since",
    files: { ...kernel(`${FORCED}${OWN_KEY}`), ...CERTIFICATE_ONLY, ...installed(SIGNED_BY_KERNEL) },
    state: 'current',
    plan: [],
    problems: {},
  },
  {
    name: 'a module that is signed with a wrong key',
    files: { ...kernel(`${FORCED}${OWN_KEY}`), ...TREE_KEY, ...installed(SIGNED_BY_OTHER) },
    state: 'drifted',
    plan: BUILD_A,
    problems: { 'module-drifted': /signed by "The other key"/ },
  },
  {
    name: 'a module that is signed with a key to enroll',
    files: { ...kernel(MOK), ...PORTAGE, ...EFI, ...installed(SIGNED_BY_OWN) },
    state: 'current',
    plan: [],
    problems: { 'key-not-enrolled': /will not load it/ },
  },
  {
    name: 'another key than it was built with',
    files: { ...kernel(FORCED), ...PORTAGE, ...installed('sig_id=PKCS#7\0', 'another') },
    state: 'drifted',
    plan: BUILD_A,
    problems: { 'module-drifted': /signing key is another one/ },
  },
  {
    name: 'another key, and nothing enforces',
    files: { ...kernel('CONFIG_MODULE_SIG=y\n'), ...PORTAGE, ...installed(SIGNED_BY_OTHER, 'another') },
    state: 'current',
    plan: [],
    problems: {},
  },
];

describe('kernels that enforce signatures', () => {
  it.each(ROWS)('$name', async ({ files, state: expected, plan, problems }) => {
    const host = machine(files);
    const judgement = await judgeHost(host);
    expect(judgement.kernels.map((one) => one.state)).toEqual([expected]);
    expect(inShort(await planHost(host))).toEqual(plan);
    expect(inShort(await planHost(host, { force: true, only: A })).length > 0).toBe(
      expected !== 'unsupported',
    );
    const found = judgement.problems.filter(({ code }) => !code.startsWith('no-device'));
    expect(found.map(({ code }) => code).sort()).toEqual(Object.keys(problems).sort());
    for (const { code, message, hint } of found) {
      expect(message).toMatch(problems[code] ?? /never/);
      expect(hint).toBeTruthy();
      expect(`${message}${hint}`).not.toContain('the private key');
    }
  });

  it.each([
    ['by Secure Boot', {}, 'enforced'],
    ['by no Secure Boot that shim does not heed', { [listOf('MokSBStateRT')]: '\x06\0\0\0\x01' }, 'free'],
    [
      'by Secure Boot, where shim has been told to check',
      { [listOf('MokSBStateRT')]: '\x06\0\0\0\0' },
      'enforced',
    ],
  ])('kernels are locked down %s', async (_, more, state) => {
    const options = 'CONFIG_MODULE_SIG=y\nCONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y\n';
    const { observation } = await judgeHost(machine({ ...kernel(options), ...EFI, ...more }));
    expect(observation.signing.kernels.get(A)?.enforcement.state).toBe(state);
  });

  it('takes an enrolled key for accepted, and one that waits for the MOK manager', async () => {
    for (const [name, trust] of [
      ['MokListRT', 'accepted'],
      ['MokNew', 'pending'],
    ] as const) {
      const host = machine({
        ...kernel(MOK),
        ...PORTAGE,
        ...EFI,
        [listOf(name)]: 'list',
        ...installed(SIGNED_BY_OWN),
      });
      enlist(host, name);
      const { observation } = await judgeHost(host);
      expect(observation.signing.modules.get(A)).toMatchObject({ trust });
      expect(observation.signing.machine).toMatchObject({ efi: true, secureBoot: true });
    }
  });

  it.each([
    ['is on the list of the owner', MOK, 'MokListRT', OTHER_CERTIFICATE, 'accepted', 'current'],
    ['waits for the MOK manager', MOK, 'MokNew', OTHER_CERTIFICATE, 'pending', 'current'],
    ['is on no list', MOK, 'MokListRT', OWN_CERTIFICATE, 'refused', 'drifted'],
    ['may be on a list that cannot be read', MOK, 'MokListRT', undefined, 'unknown', 'current'],
    [
      'may be compiled in',
      `${FORCED}CONFIG_SYSTEM_TRUSTED_KEYS="certs/more.pem"\n`,
      'MokListRT',
      OWN_CERTIFICATE,
      'unknown',
      'current',
    ],
  ])('a signer whose certificate is not at hand %s', async (_, options, name, listed, trust, expected) => {
    const host = machine({
      ...kernel(`${options}${OWN_KEY}`),
      ...TREE_KEY,
      ...EFI,
      [listOf(name)]: 'nothing that could be told',
      ...installed(SIGNED_BY_OTHER),
    });
    if (listed !== undefined) enlist(host, name, listed);
    const { observation, kernels } = await judgeHost(host);
    expect(observation.signing.modules.get(A)).toMatchObject({ trust });
    expect(kernels[0]?.state).toBe(expected);
  });

  it('tells dkms what to sign with, and signs what it has not', async () => {
    const host = machine({ ...kernel(`${FORCED}${OWN_KEY}`), ...TREE_KEY }, { exec: signingDkms });
    const report = await runReconcile(host);
    expect(report.outcome).toBe('done');
    const build = host.exec.calls.find(({ line }) => line.startsWith('dkms build'));
    expect(build?.options?.env).toMatchObject({
      sign_file: `${TREE}/scripts/sign-file`,
      mok_signing_key: `${TREE}/certs/signing_key.pem`,
      mok_certificate: `${TREE}/certs/signing_key.x509`,
    });
    const signed = host.exec.calls.filter(({ command }) => command.endsWith('sign-file'));
    expect(signed.map(({ args }) => args.slice(0, 3))).toEqual([
      ['sha512', `${TREE}/certs/signing_key.pem`, `${TREE}/certs/signing_key.x509`],
    ]);
    const { kernels, observation } = await judgeHost(host);
    expect(kernels[0]?.state).toBe('current');
    expect(observation.state.modules[A]?.signer).toBe(
      observation.signing.kernels.get(A)?.key?.identity?.hash,
    );
    const logs = host.fs
      .list('/var/log/ttkmd/builds')
      .map((name) => host.fs.readText(`/var/log/ttkmd/builds/${name}`));
    expect(logs.join('')).toMatch(/signed with .*signing_key\.pem .*; by ttkmd, since dkms has not/);
    expect(logs.join('')).not.toContain('the private key');
  });

  it.each([
    ['another key', 'mok_signing_key=/etc/other.pem\nmok_certificate=/etc/other.crt\n', 'done'],
    [
      'a key that is not there, and a program',
      'sign_file=/usr/bin/make-up\nmok_signing_key=/gone.pem\n',
      'failed',
    ],
  ])('has dkms make no key where its own configuration names %s', async (_, framework, outcome) => {
    const files = { '/etc/dkms/framework.conf': framework, '/usr/bin/make-up': 'ELF' };
    const host = machine({ ...kernel(`${FORCED}${OWN_KEY}`), ...TREE_KEY, ...files }, { exec: signingDkms });
    const report = await runReconcile(host);
    expect(report.outcome).toBe(outcome);
    const build = host.exec.calls.find(({ line }) => line.startsWith('dkms build'));
    if (outcome === 'failed') {
      expect(build).toBeUndefined();
      expect(report.done.find((one) => one.outcome === 'failed')).toMatchObject({
        text: expect.stringMatching(/would make a signing key unasked: .* \/gone\.pem/),
        hint: expect.stringMatching(/take sign_file out/),
      });
    } else {
      expect(build?.options?.env).toMatchObject({ mok_signing_key: 'pkcs11:none' });
      expect((await judgeHost(host)).kernels[0]?.state).toBe('current');
    }
  });

  it('does not try a key again that cannot sign, until there is another one', async () => {
    const host = machine(
      { ...kernel(`${FORCED}${OWN_KEY}`), ...TREE_KEY },
      {
        exec: (call, on) =>
          call.command.endsWith('sign-file')
            ? { code: 1, stderr: 'At main.c:171:\n- SSL error: bad decrypt' }
            : signingDkms(call, on),
      },
    );
    const report = await runReconcile(host);
    expect(report.done.find((one) => one.outcome === 'failed')?.text).toMatch(
      /could not be signed with \/usr\/src\/.*signing_key\.pem \(- SSL error: bad decrypt\)/,
    );
    expect(inShort(await planHost(host))).toEqual([]);
    host.put({ [`${TREE}/certs/signing_key.x509`]: OTHER_CERTIFICATE });
    expect(inShort(await planHost(host))).toEqual(BUILD_A);
  });

  it.each([
    ['xz is not installed', { code: 127, stderr: 'spawn sign-file ENOENT' }],
    ['it was killed', { code: 137 }],
    ['there was no room', { code: 1, stderr: 'sign-file: tenstorrent.ko: No space left on device' }],
  ])('tries again what had little to do with the key: %s', async (_, answer) => {
    const host = machine(
      { ...kernel(`${FORCED}${OWN_KEY}`), ...TREE_KEY },
      { exec: (call, on) => (call.command.endsWith('sign-file') ? answer : signingDkms(call, on)) },
    );
    expect((await runReconcile(host)).done.find((one) => one.outcome === 'failed')).toMatchObject({
      text: expect.stringMatching(/could not be signed/),
      hint: expect.stringMatching(/ttkmdctl reconcile/),
    });
    expect(inShort(await planHost(host))).toEqual(BUILD_A);
  });

  it('builds on where signing fails and nothing enforces signatures', async () => {
    const host = machine(
      { ...kernel(`CONFIG_MODULE_SIG=y\n${OWN_KEY}`), ...TREE_KEY },
      { exec: (call, on) => (call.command.endsWith('sign-file') ? { code: 1 } : signingDkms(call, on)) },
    );
    const report = await runReconcile(host);
    expect(report.outcome).toBe('done');
    expect(report.done.map(({ text }) => text).join()).toMatch(
      /could not be signed .* loads it all the same/,
    );
    expect(inShort(await planHost(host))).toEqual([]);
  });

  it.each(['', 'CONFIG_SYSTEM_TRUSTED_KEYS="certs/more.pem"\n'])(
    'takes a module back that was signed with another key on its way, once (%s)',
    async (more) => {
      const host = machine(
        { ...kernel(`${FORCED}${OWN_KEY}${more}`), ...TREE_KEY },
        {
          exec: async (call, on) => {
            const done = await signingDkms(call, on);
            const path = `/lib/modules/${A}/kernel/extra/tenstorrent.ko`;
            if (call.line.startsWith('dkms install')) {
              on.fs.write(path, (on.fs.readText(path) ?? '').replace(SIGNED_BY_KERNEL, SIGNED_BY_OTHER));
            }
            return done;
          },
        },
      );
      const report = await runReconcile(host);
      expect(report.done.find((one) => one.outcome === 'failed')).toMatchObject({
        text: expect.stringMatching(/signed by "The other key".*takes signed modules only/),
        hint: expect.stringMatching(/signing status.*reconcile --kernel/),
      });
      expect(inShort(await planHost(host))).toEqual([]);
    },
  );

  it('has dkms make no key where there is none', async () => {
    const host = machine(kernel('CONFIG_MODULE_SIG=y\n'), {
      exec: (call, on) => (call.command === 'find' ? '' : workingDkms(call, on)),
    });
    await runReconcile(host);
    const runs = host.exec.calls.filter(({ command }) => command === 'dkms');
    expect(runs.length).toBeGreaterThan(1);
    for (const { options } of runs) {
      expect(options?.env).toMatchObject({
        sign_file: '/nonexistent/sign-file',
        mok_signing_key: 'pkcs11:none',
      });
    }
  });
});

it('knows the certificates of these tests apart', () => {
  expect(new Set([KERNEL_CERTIFICATE, OWN_CERTIFICATE, OTHER_CERTIFICATE]).size).toBe(3);
});
