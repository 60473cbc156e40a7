// Kernels that enforce signatures and whose build tree is gone: what an archive of it is good for, and what stays.
import { describe, expect, it } from 'vitest';
import { STATE_PATH } from '../../../src/state/state.ts';
import {
  KERNEL_CERTIFICATE,
  OWN_CERTIFICATE,
  SIGNED_BY_KERNEL,
  SIGNED_BY_OTHER,
  SIGNED_BY_OWN,
} from '../signing/certificates.ts';
import { buildTree, driverSource, type Files, inShort, machine } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import type { ExecFunction } from '../support/scripted-exec.ts';
import { workingDkms } from '../support/working-dkms.ts';
import { A } from './host-rows.ts';
import { EFI, enlist, kernel, listOf, portage, TREE, TREE_KEY } from './signing-hosts.ts';

const MODULE = `/lib/modules/${A}/kernel/extra/tenstorrent.ko`;
const SIG =
  'CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_HASH="sha512"\nCONFIG_MODULE_SIG_KEY="certs/signing_key.pem"\n';
const FORCED = `${SIG}CONFIG_MODULE_SIG_FORCE=y\n`;
const ON: Files = { '/etc/ttkmd/ttkmd.conf': '[kernels]\narchive = yes\n' };

let spoils = false;

/** A dkms in whose installation somebody signs the module with another key. */
const spoilt: ExecFunction = async (call, on) => {
  const done = await workingDkms(call, on);
  if (spoils && call.line.startsWith('dkms install')) {
    on.fs.write(MODULE, (on.fs.readText(MODULE) ?? '').replace(SIGNED_BY_KERNEL, SIGNED_BY_OTHER));
  }
  return done;
};

/** Signs with what it is given; its archives hold a build tree with the certificate, and never the key. */
function exec(options: string): ExecFunction {
  return (call, on) => {
    const { command, args } = call;
    if (command === 'zstd' || command === 'find') return '';
    if (command.endsWith('sign-file')) {
      const isKernels = on.fs.readText(args[2] ?? '') === KERNEL_CERTIFICATE;
      const path = args[3] ?? '';
      on.fs.write(path, `${on.fs.readText(path)}${isKernels ? SIGNED_BY_KERNEL : SIGNED_BY_OWN}`);
      return '';
    }
    if (command !== 'tar') return spoilt(call, on);
    if (args.includes('--create')) on.fs.write(args[args.indexOf('--file') + 1] ?? '', 'an archive');
    else {
      const folder = args[args.indexOf('--directory') + 1] ?? '';
      const tree = {
        ...buildTree(folder, A, { options }),
        [`${folder}/scripts/sign-file`]: 'ELF',
        [`${folder}/certs/signing_key.x509`]: KERNEL_CERTIFICATE,
      };
      for (const [path, text] of Object.entries(tree)) on.fs.write(path, String(text));
    }
    return '';
  };
}

/** A kernel whose module was built and signed, whose tree was archived, and is gone. */
async function depcleaned(options: string, more: Files = {}, running?: string): Promise<MemoryHost> {
  const folders = Object.fromEntries(
    ['include', 'scripts', 'certs'].map((name) => [`${TREE}/${name}`, { folder: true }]),
  );
  const files = {
    ...folders,
    ...kernel(options),
    ...TREE_KEY,
    ...ON,
    ...more,
  } as Files;
  const host = machine(files, {
    exec: exec(options),
    machine: { effectiveUser: 0, runningRelease: running },
  });
  expect((await runReconcile(host)).outcome).toBe('done');
  expect(host.fs.readText(MODULE)).toContain(SIGNED_BY_KERNEL);
  host.fs.remove(`/lib/modules/${A}/build`);
  host.fs.removeTree(TREE);
  return host;
}

/** As archives were noted by earlier versions. */
function forgetSigning(host: MemoryHost): void {
  const state = JSON.parse(host.fs.readText(STATE_PATH) ?? '{}');
  delete state.archives[A].signing;
  host.fs.write(STATE_PATH, JSON.stringify(state));
}

const builds = (host: MemoryHost): number =>
  host.exec.calls.filter(({ line }) => line.startsWith('dkms build')).length;

describe('an enforcing kernel whose build tree is archived', () => {
  it.each([true, false])('keeps its signed module where no key is left (noted: %s)', async (noted) => {
    const host = await depcleaned(FORCED);
    if (!noted) forgetSigning(host);
    host.put(driverSource('2.10.0'));
    const before = builds(host);
    const report = await runReconcile(host);
    expect(builds(host)).toBe(before);
    expect(host.fs.readText(MODULE)).toContain(SIGNED_BY_KERNEL);
    const [judged] = report.after.kernels;
    expect(judged).toMatchObject({ state: 'unsupported', module: { version: '2.9.0' } });
    expect(judged?.reason).toMatch(/signed modules only \(CONFIG_MODULE_SIG_FORCE=y\)/);
    const problem = report.after.problems.find(({ release }) => release === A);
    expect(problem?.hint).toMatch(/MODULES_SIGN_KEY/);
    expect(inShort((await runReconcile(host)).steps)).toEqual([]);

    // The key that the kernel was built with, kept elsewhere.
    host.put(portage(KERNEL_CERTIFICATE));
    const mended = await runReconcile(host);
    expect(mended.outcome).toBe('done');
    expect(mended.after.kernels[0]).toMatchObject({ state: 'current', module: { version: '2.10.0' } });
    expect(host.fs.readText(MODULE)).toContain(SIGNED_BY_KERNEL);
    expect(inShort((await runReconcile(host)).steps)).toEqual([]);
  });

  it.each([true, false])('waits for a key to be enrolled (noted: %s)', async (noted) => {
    const mok = 'CONFIG_INTEGRITY_MACHINE_KEYRING=y\nCONFIG_SECONDARY_TRUSTED_KEYRING=y\n';
    const host = await depcleaned(`${FORCED}${mok}`, EFI);
    if (!noted) forgetSigning(host);
    host.put({ ...driverSource('2.10.0'), ...portage(OWN_CERTIFICATE) });
    const before = builds(host);
    const report = await runReconcile(host);
    expect(builds(host)).toBe(before);
    expect(report.after.problems.find(({ release }) => release === A)?.hint).toMatch(/signing enroll/);
    expect(host.fs.readText(MODULE)).toContain(SIGNED_BY_KERNEL);

    host.put({ [listOf('MokListRT')]: 'list' });
    enlist(host, 'MokListRT');
    expect((await runReconcile(host)).outcome).toBe('done');
    expect(host.fs.readText(MODULE)).toContain(SIGNED_BY_OWN);
  });

  it.each([
    ['file', '/etc/keys/kernel.pem', { '/etc/keys/kernel.pem': { text: 'the private key', mode: 0o600 } }],
    ['token', 'pkcs11:token=t;object=kernel', {}],
  ])(
    "is built for where the kernel's own key lies outside its build tree, in a %s",
    async (_, key, files) => {
      const host = await depcleaned(FORCED.replace('certs/signing_key.pem', key), files);
      host.put(driverSource('2.10.0'));
      const { after } = await runReconcile(host);
      expect(after.kernels[0]).toMatchObject({ state: 'current', module: { version: '2.10.0' } });
      expect(host.fs.readText(MODULE)).toContain(SIGNED_BY_KERNEL);
      expect(inShort((await runReconcile(host)).steps)).toEqual([]);

      // Without it nothing is built that would be refused.
      host.fs.removeTree('/etc/keys');
      host.put(driverSource('2.11.0'));
      const later = await runReconcile(host);
      expect(later.after.kernels[0]?.module?.version).toBe(key.startsWith('/') ? '2.10.0' : '2.11.0');
    },
  );

  it('takes a module back that was signed with another key on its way', async () => {
    const host = await depcleaned(FORCED, portage(KERNEL_CERTIFICATE));
    forgetSigning(host);
    host.put(driverSource('2.10.0'));
    spoils = true;
    const report = await runReconcile(host);
    spoils = false;
    expect(report.done.find(({ outcome }) => outcome === 'failed')?.text).toMatch(
      /signed by "The other key"/,
    );
    expect(host.fs.readText(MODULE)).toContain(SIGNED_BY_KERNEL);
  });
});

describe('an enforcing kernel whose build tree is gone', () => {
  const ENFORCING: Files = { '/sys/module/module/parameters/sig_enforce': 'Y\n' };

  it('keeps a module of its own key, whatever other keys there are', async () => {
    const host = await depcleaned(SIG, { ...ENFORCING, ...portage(OWN_CERTIFICATE) }, A);
    forgetSigning(host);
    host.fs.removeTree('/var/lib/ttkmd/archive');
    const { after, steps } = await runReconcile(host);
    expect(after.observation.signing.kernels.get(A)).toMatchObject({ needed: true, builtIn: undefined });
    expect(after.observation.signing.modules.get(A)).toMatchObject({ trust: 'unknown' });
    expect(after.kernels[0]).toMatchObject({ state: 'current' });
    expect(inShort(steps)).toEqual([]);
  });
});
