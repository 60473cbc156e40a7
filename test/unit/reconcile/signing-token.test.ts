// Keys in a token: what opens it reaches the program that signs, and nobody else.
import { describe, expect, it } from 'vitest';
import { OWN_CERTIFICATE, SIGNED_BY_OWN } from '../signing/certificates.ts';
import { machine } from '../support/machines.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { A } from './host-rows.ts';
import {
  config,
  FORCED,
  kernel,
  keyOf,
  OWN_KEY,
  PORTAGE,
  signingDkms,
  TREE,
  TREE_KEY,
} from './signing-hosts.ts';

describe('a key in a token', () => {
  it.each([
    'pkcs11:token=mine;object=k?pin-value=for-no-eyes',
    'pkcs11:token=mine;pin-value=for-no-eyes;object=k',
  ])("hands a token's PIN to the program that signs, where no other process sees it: %s", async (token) => {
    const host = machine(
      {
        ...kernel('CONFIG_MODULE_SIG=y\n'),
        '/etc/keys/own.crt': OWN_CERTIFICATE,
        ...config(`key = "${token}"\ncertificate = /etc/keys/own.crt\n`),
      },
      {
        exec: (call, on) => {
          if (!call.command.endsWith('sign-file')) return signingDkms(call, on);
          const path = call.args[3] ?? '';
          on.fs.write(path, `${on.fs.readText(path)}${SIGNED_BY_OWN}`);
          return '';
        },
      },
    );
    expect((await runReconcile(host)).outcome).toBe('done');
    const [signed, ...more] = host.exec.calls.filter(({ command }) => command.endsWith('sign-file'));
    expect(more).toEqual([]);
    expect(signed?.args.slice(0, 3)).toEqual(['sha512', 'pkcs11:token=mine;object=k', '/etc/keys/own.crt']);
    expect(signed?.options?.env).toEqual({ KBUILD_SIGN_PIN: 'for-no-eyes' });
    const others = host.exec.calls.filter((call) => call !== signed);
    expect(JSON.stringify(others.map(({ line, options }) => [line, options?.env]))).not.toContain(
      'for-no-eyes',
    );
    expect(signed?.line).not.toContain('for-no-eyes');
  });

  it("hands it over in a file to a sign-file that asks OpenSSL's provider", async () => {
    const host = machine(
      {
        ...kernel('CONFIG_MODULE_SIG=y\n'),
        [`${TREE}/scripts/sign-file`]: { text: 'ELF OSSL_STORE_open', mode: 0o755 },
        '/etc/keys/own.crt': OWN_CERTIFICATE,
        ...config(
          'key = "pkcs11:object=k?pin-value=for-no-eyes&module-name=m"\ncertificate = /etc/keys/own.crt\n',
        ),
      },
      { exec: (call, on) => (call.command === 'sh' ? '' : signingDkms(call, on)) },
    );
    await runReconcile(host);
    const signed = host.exec.calls.find(({ command }) => command === 'sh');
    expect(signed?.args.slice(3, 7)).toEqual([
      `${TREE}/scripts/sign-file`,
      'sha512',
      'pkcs11:object=k?module-name=m&pin-source=file:/proc/self/fd/3',
      '/etc/keys/own.crt',
    ]);
    expect(signed?.options?.env).toEqual({ KBUILD_SIGN_PIN: 'for-no-eyes' });
    expect(host.exec.calls.map(({ line }) => line).join()).not.toContain('for-no-eyes');
  });

  it("keeps a token's PIN out of logs, events and the terminal", async () => {
    // Digits alone may stand in a checksum.
    const token = 'pkcs11:token=mine;object=k?pin-value=for-no-eyes';
    const host = machine(
      {
        ...kernel('CONFIG_MODULE_SIG=y\n'),
        '/etc/keys/own.crt': OWN_CERTIFICATE,
        ...config(`key = "${token}"\ncertificate = /etc/keys/own.crt\n`),
      },
      {
        exec: async (call, on) => {
          if (call.command.endsWith('sign-file')) return { code: 1, stderr: `cannot open ${call.args[1]}` };
          const done = await signingDkms(call, on);
          if (!call.line.startsWith('dkms build')) return done;
          const log = `${call.args[call.args.indexOf('--dkmstree') + 1]}/tenstorrent/2.9.0/${A}/x86_64/log/make.log`;
          on.fs.write(log, `make\nSigning key: ${token}\nmake: done\n`);
          return `Signing key: ${token}\nBuilding`;
        },
      },
    );
    const told: string[] = [];
    const report = await runReconcile(
      host,
      {},
      { onEvent: (event) => void told.push(JSON.stringify(event)) },
    );
    expect(report.outcome).toBe('done');
    expect(told.join('')).toContain('Signing key: pkcs11:token=mine;object=k?pin-value=…');
    const kept = Object.entries(host.snapshot()).filter(([path]) => /^\/var\//.test(path));
    expect(kept.map(([, text]) => text).join('')).toContain('make: done');
    expect(`${JSON.stringify(kept)}${told.join('')}`).not.toContain('for-no-eyes');
  });
});

/** As the sign-file of Linux 6.12 says it, with OpenSSL 3.0. */
const NO_PASSPHRASE = `At main.c:174:
- SSL error:1C80009F:Provider routines::unable to get passphrase: ../providers/implementations/encode_decode/decode_epki2pki.c:96
- SSL error:04800068:PEM routines::bad password read: ../crypto/pem/pem_pkey.c:159
sign-file: /etc/keys/own.pem
`;

describe('a key that a passphrase opens', () => {
  const named = PORTAGE['/etc/portage/make.conf/sign'];
  const rows = [
    {
      name: "Portage's own",
      files: { ...kernel(FORCED), ...PORTAGE },
      conf: named,
      argv: ['/etc/keys/own.pem', '/etc/keys/own.crt'],
    },
    {
      name: "the kernel's own, which Portage signs with where make.conf names none",
      files: { ...kernel(`${FORCED}${OWN_KEY}`), ...TREE_KEY },
      conf: '',
      argv: [`${TREE}/certs/signing_key.pem`, `${TREE}/certs/signing_key.x509`],
    },
    {
      name: "Portage's own, named in the settings too",
      files: {
        ...kernel(FORCED),
        ...PORTAGE,
        ...config('key = /etc/keys/own.pem\ncertificate = /etc/keys/own.crt\n'),
      },
      conf: named,
      argv: ['/etc/keys/own.pem', '/etc/keys/own.crt'],
    },
    {
      name: 'a token of Portage, which has no PIN of its own',
      files: { ...kernel(FORCED), ...PORTAGE },
      conf: 'MODULES_SIGN_KEY="pkcs11:object=k"\nMODULES_SIGN_CERT=/etc/keys/own.crt\n',
      argv: ['pkcs11:object=k', '/etc/keys/own.crt'],
    },
    {
      name: 'a token of Portage with a PIN of its own, which counts more',
      files: { ...kernel(FORCED), ...PORTAGE },
      conf: 'MODULES_SIGN_KEY="pkcs11:object=k?pin-value=its-own"\nMODULES_SIGN_CERT=/etc/keys/own.crt\n',
      argv: ['pkcs11:object=k', '/etc/keys/own.crt'],
      pin: 'its-own',
    },
  ];

  it.each(rows)(
    'is opened with the PIN of make.conf: $name',
    async ({ files, conf, argv, pin = 'for no eyes' }) => {
      const host = machine(
        { ...files, '/etc/portage/make.conf/sign': `${conf}KBUILD_SIGN_PIN="for no eyes"\n` },
        {
          exec: (call, on) =>
            // Without a word, as dkms does where it is told of no key.
            call.command.endsWith('sign-file') && call.options?.env?.KBUILD_SIGN_PIN !== pin
              ? { code: 1, stderr: 'bad decrypt' }
              : signingDkms(call, on),
        },
      );
      await runReconcile(host);
      const [signed, ...more] = host.exec.calls.filter(({ command }) => command.endsWith('sign-file'));
      expect(more).toEqual([]);
      expect(signed?.args.slice(1, 3)).toEqual(argv);
      expect(signed?.options?.env).toEqual({ KBUILD_SIGN_PIN: pin });
      const build = host.exec.calls.find(({ line }) => line.startsWith('dkms build'));
      // It would ask for the passphrase, or make a key.
      expect(build?.line).not.toMatch(/own\.pem|signing_key/);
      const others = host.exec.calls.filter((call) => call !== signed);
      expect(
        JSON.stringify([signed?.line, others.map(({ line, options }) => [line, options?.env])]),
      ).not.toMatch(/for no eyes|its-own/);
      const kept = Object.entries(host.snapshot()).filter(([path]) => /^\/(?:var|run)\//.test(path));
      expect(JSON.stringify(kept)).not.toMatch(/for no eyes|its-own/);
    },
  );

  it('is tried again once make.conf has its PIN', async () => {
    const host = machine(
      { ...kernel(FORCED), ...PORTAGE },
      {
        exec: (call, on) =>
          call.command.endsWith('sign-file') && call.options?.env?.KBUILD_SIGN_PIN === undefined
            ? { code: 1, stderr: NO_PASSPHRASE }
            : signingDkms(call, on),
      },
    );
    const failed = await runReconcile(host);
    expect(failed.after.problems[0]?.message).toContain(
      'sign-file: /etc/keys/own.pem (unable to get passphrase, bad password read)',
    );
    expect(failed.after.problems).toMatchObject([
      { hint: expect.stringContaining('KBUILD_SIGN_PIN in make.conf') },
    ]);
    expect((await runReconcile(host)).steps).toEqual([]);
    host.put({ '/etc/portage/make.conf/zz': 'KBUILD_SIGN_PIN="for no eyes"\n' });
    expect((await runReconcile(host)).done.map(({ step }) => step.kind)).toContain('build');
  });

  it('is no matter of its PIN where somebody else names it', async () => {
    const host = machine(
      {
        ...kernel(FORCED),
        ...keyOf('/etc/keys/mine.pem'),
        '/etc/keys/own.crt': OWN_CERTIFICATE,
        '/etc/portage/make.conf': 'KBUILD_SIGN_PIN="for no eyes"\n',
        ...config('key = /etc/keys/mine.pem\ncertificate = /etc/keys/own.crt\n'),
      },
      { exec: signingDkms },
    );
    await runReconcile(host);
    expect(JSON.stringify(host.exec.calls)).not.toContain('for no eyes');
  });
});
