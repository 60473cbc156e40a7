// Modules are signed with the key that was named and no other one, and nobody makes a key: with both dkms, and the
// kernels' own sign-file.

import { expect, test } from 'vitest';
import { configure, doneCount, insist, prepared, states, statusOf } from './support/machine.ts';
import { parts } from './support/parts.ts';
import type { Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

const KEYS = '/etc/keys';

/** A key with a certificate of its name, made in the sandbox. */
async function makeKey(sandbox: Sandbox, name: string): Promise<void> {
  const out = `-keyout ${KEYS}/${name}.pem -outform DER -out ${KEYS}/${name}.der`;
  const make = `umask 077; mkdir -p ${KEYS}; openssl req -new -x509 -nodes -days 1 -newkey rsa:2048 -subj /CN=${name} ${out}`;
  await sandbox.run(['sh', '-c', make]);
}

/** Switches an option on in what a kernel's build tree says of it. */
async function switchOn(sandbox: Sandbox, buildTree: string, option: string): Promise<void> {
  const file = `${buildTree}/include/config/auto.conf`;
  await sandbox.write(file, `${await sandbox.read(file)}CONFIG_${option}=y\n`);
}

/** Who signed the module that modprobe would load; nothing where nobody has. */
async function signer(sandbox: Sandbox, release: string): Promise<string> {
  return (await sandbox.run(['modinfo', '-k', release, '-F', 'signer', 'tenstorrent'])).stdout.trim();
}

/** Private keys anywhere that dkms or a build might make one. */
async function madeKeys(sandbox: Sandbox): Promise<string> {
  const look =
    'find /etc/keys /var/lib/dkms /var/lib/ttkmd /var/lib/shim-signed /usr/src -name "*.key" -o -name "*.priv" -o -name "signing_key.*" -o -name "other.*"';
  return (await sandbox.run(['sh', '-c', `${look} 2>/dev/null | sort`])).stdout;
}

async function problemOf(sandbox: Sandbox, code: string): Promise<string> {
  const { problems } = await statusOf(sandbox);
  const found = problems.find((one) => one.code === code);
  return `${found?.message} → ${found?.hint}`;
}

test('dkms 3.0: no key is made, one that is open to all is refused, and another one is seen', async () => {
  await using sandbox = await prepared({ dkms: dkms.v30, kernels: [kernels.v61] });
  const { release, buildTree } = sandbox.kernel(kernels.v61.release);
  // As Debian's package manager has it: nobody here has that kernel's key.
  await sandbox.write(`/var/lib/dpkg/info/linux-headers-${release}.list`, '/.\n');

  // Nothing asks for signatures: it is built as ever, and dkms makes no key for it.
  await insist(sandbox, ['reconcile'], 0);
  expect(await states(sandbox)).toMatchObject({ [release]: 'current' });
  expect([await signer(sandbox, release), await madeKeys(sandbox)]).toEqual(['', '']);

  // The kernel is built anew and enforces them, and there is no key: nothing is tried.
  await switchOn(sandbox, buildTree, 'MODULE_SIG_FORCE');
  expect((await insist(sandbox, ['reconcile'], 1)).stdout).toMatch(/there is no key to sign with/);
  expect(await states(sandbox)).toMatchObject({ [release]: 'unsupported' });
  expect(await problemOf(sandbox, 'no-signing-key')).toMatch(
    /CONFIG_MODULE_SIG_FORCE=y\), and there is no key.*signing enroll/,
  );
  expect(await doneCount(sandbox, 'build')).toEqual({ [release]: 1 });
  expect(await madeKeys(sandbox)).toBe('');
  expect((await insist(sandbox, ['ready', release], 1)).stdout).toMatch(
    /will come up without a driver: it is not signed, and this kernel takes signed modules only/,
  );

  // A key that anybody could have read is none.
  await makeKey(sandbox, 'mine');
  await sandbox.run(['chmod', '644', `${KEYS}/mine.pem`]);
  await configure(sandbox, `[signing]\nkey = ${KEYS}/mine.pem\ncertificate = ${KEYS}/mine.der\n`);
  await insist(sandbox, ['reconcile'], 1);
  expect(await problemOf(sandbox, 'no-signing-key')).toMatch(/mine\.pem is open to everybody.*chmod go=/);
  expect(await doneCount(sandbox, 'build')).toEqual({ [release]: 1 });

  await sandbox.run(['chmod', '600', `${KEYS}/mine.pem`]);
  await insist(sandbox, ['reconcile'], 0);
  expect(await states(sandbox)).toMatchObject({ [release]: 'current' });
  expect(await signer(sandbox, release)).toBe('mine');
  const log = (await insist(sandbox, ['logs', release], 0)).stdout;
  expect(log).toMatch(
    /Signing key: \/etc\/keys\/mine\.pem\n[\s\S]*\nsigned with \/etc\/keys\/mine\.pem \(signing\.key\), certificate \S+\n/,
  );
  expect(log).not.toContain('BEGIN');

  // Somebody signs it with another key.
  await makeKey(sandbox, 'wrong');
  const path = (await sandbox.run(['modinfo', '-k', release, '-n', 'tenstorrent'])).stdout.trim();
  await sandbox.run([
    `${buildTree}/scripts/sign-file`,
    'sha256',
    `${KEYS}/wrong.pem`,
    `${KEYS}/wrong.der`,
    path,
  ]);
  expect(await states(sandbox)).toMatchObject({ [release]: 'drifted' });
  expect(await problemOf(sandbox, 'module-drifted')).toMatch(/signed by "wrong"/);
  expect((await insist(sandbox, ['status', '--explain', release], 1)).stdout).toMatch(
    /✗ signature +differs: [^✓]*signed +by "wrong", certificate \w+, sha256\n +now +by "mine", certificate \w+:\s+\/etc\/keys\/mine\.pem/,
  );
  const status = JSON.parse((await sandbox.ttkmdctl(['signing', 'status', '--json'])).stdout);
  expect(status.kernels).toMatchObject([
    {
      release,
      enforcement: { state: 'enforced' },
      key: { key: `${KEYS}/mine.pem` },
      nextBoot: 'the module is refused',
    },
  ]);
  expect((await insist(sandbox, ['reconcile'], 0)).stdout).toContain('1 of 1 kernel');
  expect(await signer(sandbox, release)).toBe('mine');
  expect(await madeKeys(sandbox)).toBe('');

  // The key lies in a token, and a PIN opens it: both kinds of sign-file get that, and no command line shows it.
  const signFile = `${buildTree}/scripts/sign-file`;
  await sandbox.run(['mv', signFile, `${signFile}.real`]);
  await configure(
    sandbox,
    `[signing]\nkey = "pkcs11:token=t;object=k?pin-value=for-no-eyes"\ncertificate = ${KEYS}/mine.der\n`,
  );
  for (const [asks, source] of [
    ['the environment', ''],
    ['OSSL_STORE_open', '?pin-source=file:/proc/self/fd/3'],
  ] as const) {
    // What a provider may do: it looks for the PIN twice.
    const pin = source === '' ? 'echo "$KBUILD_SIGN_PIN"' : 'cat /proc/self/fd/3; echo; cat /proc/self/fd/3';
    await sandbox.write(
      signFile,
      `#!/bin/sh\n# ${asks}\n{ tr '\\0' ' ' < /proc/$$/cmdline; echo; ${pin}; } > /var/tmp/told\nexec ${signFile}.real "$1" ${KEYS}/mine.pem "$3" "$4"\n`,
      0o755,
    );
    await insist(sandbox, ['reconcile', '--force'], 0);
    const [line, ...pins] = (await sandbox.read('/var/tmp/told')).trim().split('\n');
    expect(line).toContain(` pkcs11:token=t;object=k${source} ${KEYS}/mine.der `);
    expect(pins).toEqual(source === '' ? ['for-no-eyes'] : ['for-no-eyes', 'for-no-eyes']);
    expect(await signer(sandbox, release)).toBe('mine');
  }
  expect((await sandbox.run(['sh', '-c', 'ls /run/ttkmd'])).stdout).not.toContain('pin');
  const told = await sandbox.run(
    ['grep', '-rl', 'for-no-eyes', '/var/log/ttkmd', '/var/lib/ttkmd', '/var/lib/dkms'],
    {
      allowFailure: true,
    },
  );
  expect(told.stdout).toBe('');
});

test('dkms 3.2: the key of make.conf counts, whatever framework.conf names, and packed modules are signed', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v612] });
  const { release, buildTree } = sandbox.kernel(kernels.v612.gentooRelease);
  await switchOn(sandbox, buildTree, 'MODULE_SIG_FORCE');
  await makeKey(sandbox, 'mine');
  const conf = `KEYS=${KEYS}\nMODULES_SIGN_KEY="$KEYS/mine.pem"\nMODULES_SIGN_CERT="$KEYS/mine.der"\n`;
  await sandbox.run(['rm', '-rf', '/etc/portage/make.conf']);
  await sandbox.write('/etc/portage/make.conf/50-signing', conf);
  await insist(sandbox, ['reconcile'], 0);
  expect(await signer(sandbox, release)).toBe('mine');
  expect((await insist(sandbox, ['logs', release], 0)).stdout).toMatch(
    // dkms 3.4 takes a sandbox for a chroot and leaves the signing to ttkmd.
    /\nsigned with \/etc\/keys\/mine\.pem \(\/etc\/portage\/make\.conf\/50-signing:2\), certificate [^\s;]+(?:; by ttkmd, since dkms has not)?\n/,
  );

  // A passphrase closes the key. Portage would have it from make.conf too, and so has ttkmd, and nobody else.
  const close = `openssl rsa -aes256 -passout pass:for-no-eyes -in ${KEYS}/mine.pem -out ${KEYS}/closed.pem`;
  await sandbox.run(['sh', '-c', `umask 077; ${close} && mv ${KEYS}/closed.pem ${KEYS}/mine.pem`]);
  expect((await insist(sandbox, ['reconcile', '--force'], 6)).stdout).toMatch(
    /could not be signed with \/etc\/keys\/mine\.pem[\s\S]*bad password read[\s\S]*KBUILD_SIGN_PIN in make\.conf/,
  );
  await sandbox.write('/etc/portage/make.conf/60-pin', 'KBUILD_SIGN_PIN="for-no-eyes"\n');
  await insist(sandbox, ['reconcile', '--force'], 0);
  expect(await signer(sandbox, release)).toBe('mine');
  expect((await insist(sandbox, ['logs', release], 0)).stdout).toContain('; by ttkmd, since dkms has not');
  const places = ['/var/log/ttkmd', '/var/lib/ttkmd', '/var/lib/dkms', '/run/ttkmd'];
  const told = await sandbox.run(['grep', '-rl', 'for-no-eyes', ...places], { allowFailure: true });
  expect(told.stdout).toBe('');

  // dkms's own configuration names another key, which is not there, and this kernel's modules are packed.
  await sandbox.write(
    '/etc/dkms/framework.conf.d/key.conf',
    `mok_signing_key=${KEYS}/other.pem\nmok_certificate=${KEYS}/other.der\n`,
  );
  const path = (await sandbox.run(['modinfo', '-k', release, '-n', 'tenstorrent'])).stdout.trim();
  await sandbox.run(['sh', '-c', `xz < ${path} > /lib/modules/${release}/kernel/drivers/net/dummy.ko.xz`]);
  await insist(sandbox, ['reconcile', '--force'], 0);
  expect(await signer(sandbox, release)).toBe('mine');
  expect((await insist(sandbox, ['logs', release], 0)).stdout).toMatch(
    /modules won't be signed[\s\S]*; by ttkmd, since dkms has not/,
  );
  expect((await sandbox.run(['modinfo', '-k', release, '-n', 'tenstorrent'])).stdout).toContain('.ko.xz');
  expect(await states(sandbox)).toMatchObject({ [release]: 'current' });
  expect(await madeKeys(sandbox)).toBe('');
  expect((await insist(sandbox, ['signing', 'enroll'], 1)).stdout).toMatch(/no UEFI firmware/);
});
