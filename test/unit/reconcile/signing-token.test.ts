// Keys in a token: what opens it reaches the program that signs, and nobody else.
import { describe, expect, it } from 'vitest';
import { OWN_CERTIFICATE, SIGNED_BY_OWN } from '../signing/certificates.ts';
import { machine } from '../support/machines.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { A } from './host-rows.ts';
import { config, kernel, signingDkms, TREE } from './signing-hosts.ts';

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
