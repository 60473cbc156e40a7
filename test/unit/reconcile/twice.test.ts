// Whatever happens to a machine: after one reconcile the next has nothing to do.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readOption } from '../../../src/kernels/configuration.ts';
import { isEmpty } from '../../../src/reconcile/plan.ts';
import { CHECKS_PATH } from '../../../src/state/checks.ts';
import { loadState, STATE_PATH, saveState } from '../../../src/state/state.ts';
import {
  KERNEL_CERTIFICATE,
  OTHER_CERTIFICATE,
  OWN_CERTIFICATE,
  SIGNED_BY_KERNEL,
  SIGNED_BY_OTHER,
  SIGNED_BY_OWN,
} from '../signing/certificates.ts';
import {
  buildTree,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  machine,
  modulesFolder,
  planHost,
} from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import type { ExecFunction } from '../support/scripted-exec.ts';
import { workingDkms } from '../support/working-dkms.ts';
import { A, B } from './host-rows.ts';
import { EFI, enlist, listOf } from './signing-hosts.ts';

const DKMS = '/var/lib/dkms/tenstorrent';
const SYMBOLS = { module_layout: '0x11', _printk: '0x22', not_ours: '0x33' };
const GCC = 'CONFIG_CC_VERSION_TEXT="gcc (Gentoo) 14.3.0"\n';
/** The one checks versions of symbols, the other does not. */
const TREES = { [A]: { symbols: SYMBOLS, options: GCC }, [B]: { options: GCC } };
const RELEASES = [A, B] as const;

const moduleOf = (release: string): string => `/lib/modules/${release}/kernel/extra/tenstorrent.ko`;
const confOf = (release: string): string => `/usr/src/linux-${release}/include/config/auto.conf`;
const symversOf = (release: string): string => `/usr/src/linux-${release}/Module.symvers`;

/** Files that are there, in another way. */
function change(host: MemoryHost, path: string, make: (text: string) => string): void {
  const text = host.fs.readText(path);
  if (text !== undefined) host.put({ [path]: make(text) });
}

const kernelChanges: Readonly<
  Record<string, (host: MemoryHost, release: (typeof RELEASES)[number]) => void>
> = {
  'an option more': (host, release) => change(host, confOf(release), (text) => `${text}CONFIG_USB=y\n`),
  'another compiler': (host, release) =>
    change(host, confOf(release), (text) =>
      text.replace(/14\.3\.0|15\.1\.0/, (one) => (one === '14.3.0' ? '15.1.0' : '14.3.0')),
    ),
  'versions of symbols on': (host, release) =>
    change(host, confOf(release), (text) => `${text}CONFIG_MODVERSIONS=y\n`),
  'an imported symbol of another version': (host, release) =>
    change(host, symversOf(release), (text) => text.replace(/0x2(?=\d\t)/, '0x9')),
  'an imported symbol that is gone': (host, release) =>
    change(host, symversOf(release), (text) => text.replace('\t_printk\t', '\tprintk\t')),
  'another symbol of another version': (host, release) =>
    change(host, symversOf(release), (text) => text.replace('0x33', '0x34')),
  'no build tree': (host, release) => host.fs.removeTree(`/usr/src/linux-${release}`),
  'a tree that is not prepared': (host, release) =>
    host.fs.remove(`/usr/src/linux-${release}/scripts/mod/modpost`),
  'another tree under its link': (host, release) => {
    host.put(buildTree('/usr/src/other', release, { symbols: { module_layout: '0x77' }, options: GCC }));
    host.fs.link('/usr/src/other', `/lib/modules/${release}/build`);
  },
  'the tree of another release under its link': (host, release) => {
    host.put(buildTree('/usr/src/stranger', '6.1.1-stranger', { symbols: { _printk: '0x88' } }));
    host.fs.link('/usr/src/stranger', `/lib/modules/${release}/build`);
  },
  'the kernel as it was at first': (host, release) => {
    host.fs.remove(`/lib/modules/${release}/build`);
    host.put(gentooKernel(release, TREES[release]));
  },
  'the kernel without headers': (host, release) => host.put(modulesFolder(release)),
  'no kernel': (host, release) => {
    host.fs.removeTree(`/lib/modules/${release}`);
    host.fs.remove(`/boot/vmlinuz-${release}`);
  },
  'no kernel, but its module': (host, release) => {
    for (const name of ['modules.builtin', 'kernel/fs/ext4.ko'])
      host.fs.remove(`/lib/modules/${release}/${name}`);
    host.fs.remove(`/boot/vmlinuz-${release}`);
  },
  'no module': (host, release) => host.fs.remove(moduleOf(release)),
  'an empty module': (host, release) => change(host, moduleOf(release), () => ''),
  "somebody's own module": (host, release) => change(host, moduleOf(release), (text) => `author=me\0${text}`),
  "somebody's module of another version": (host, release) =>
    change(host, moduleOf(release), (text) => text.replace(/version=\S+?\0/, 'version=2.7.0\0')),
  "somebody's module for another kernel": (host, release) =>
    change(host, moduleOf(release), (text) => text.replace(/vermagic=\S+/, 'vermagic=6.1.1-stranger')),
  'an interrupted installation': (host, release) =>
    saveState(host.fs, { ...loadState(host.fs), intent: { release, version: '2.9.0', step: 'install' } }),
  'no link of dkms': (host, release) => host.fs.remove(`${DKMS}/kernel-${release}-x86_64`),
  'a link of dkms that leads nowhere': (host, release) =>
    host.fs.link(`0.1/${release}/x86_64`, `${DKMS}/kernel-${release}-x86_64`),
  "nothing of dkms's build": (host, release) => host.fs.removeTree(`${DKMS}/2.9.0/${release}`),
};

const SIGNING = 'CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_KEY="certs/signing_key.pem"\n';
const signFileOf = (release: string): string => `/usr/src/linux-${release}/scripts/sign-file`;
const certificates = (release: string): string => `/usr/src/linux-${release}/certs`;
const ownKey = (certificate: string): Files => ({
  '/etc/portage/make.conf': 'MODULES_SIGN_KEY=/etc/keys/own.pem\nMODULES_SIGN_CERT=/etc/keys/own.crt\n',
  '/etc/keys/own.pem': { text: 'the private key', mode: 0o600 },
  '/etc/keys/own.crt': certificate,
});

/** Of one kernel alone: the other one knows no signatures. */
const signingChanges: Readonly<Record<string, (host: MemoryHost) => void>> = {
  'signatures that count': (host) => {
    change(host, confOf(A), (text) => `${text}${SIGNING}CONFIG_MODULE_SIG_FORCE=y\n`);
    host.put({ [signFileOf(A)]: { text: 'ELF', mode: 0o755 } });
  },
  'signatures that do not count': (host) => {
    change(host, confOf(A), (text) => `${text.replace('CONFIG_MODULE_SIG_FORCE=y\n', '')}${SIGNING}`);
    host.put({ [signFileOf(A)]: { text: 'ELF', mode: 0o755 } });
  },
  'nothing to sign with': (host) => host.fs.remove(signFileOf(A)),
  "the kernel's own key": (host) =>
    host.put({
      [`${certificates(A)}/signing_key.pem`]: { text: 'the private key', mode: 0o600 },
      [`${certificates(A)}/signing_key.x509`]: KERNEL_CERTIFICATE,
    }),
  "another key of the kernel's": (host) =>
    host.put({ [`${certificates(A)}/signing_key.x509`]: OTHER_CERTIFICATE }),
  "no key of the kernel's": (host) => host.fs.remove(`${certificates(A)}/signing_key.pem`),
  "nothing of the kernel's key": (host) => host.fs.removeTree(certificates(A)),
  'further certificates in the kernel': (host) =>
    change(host, confOf(A), (text) => `${text}CONFIG_SYSTEM_TRUSTED_KEYS="more.pem"\n`),
  "a list of the owner's": (host) =>
    change(
      host,
      confOf(A),
      (text) => `${text}CONFIG_INTEGRITY_MACHINE_KEYRING=y\nCONFIG_SECONDARY_TRUSTED_KEYRING=y\n`,
    ),
  'firmware that knows a key': (host) => {
    host.put({ ...EFI, [listOf('MokListRT')]: 'list' });
    enlist(host, 'MokListRT');
  },
  'firmware that knows none': (host) => host.fs.remove(listOf('MokListRT')),
  "a key of Portage's": (host) => host.put(ownKey(OWN_CERTIFICATE)),
  "a key of Portage's that is the kernel's": (host) => host.put(ownKey(KERNEL_CERTIFICATE)),
  "a key of Portage's that anybody reads": (host) =>
    host.put({ ...ownKey(OWN_CERTIFICATE), '/etc/keys/own.pem': { text: 'the private key', mode: 0o644 } }),
  "no key of Portage's": (host) => host.fs.remove('/etc/portage/make.conf'),
  'a module that somebody has signed': (host) =>
    change(host, moduleOf(A), (text) => `${text}${SIGNED_BY_OTHER}`),
  'a key that cannot sign': (host) => host.put({ '/passphrase': '' }),
  'a key that can': (host) => host.fs.remove('/passphrase'),
};

const SIGNATURES: Readonly<Record<string, string>> = {
  [KERNEL_CERTIFICATE]: SIGNED_BY_KERNEL,
  [OWN_CERTIFICATE]: SIGNED_BY_OWN,
  [OTHER_CERTIFICATE]: SIGNED_BY_OTHER,
};

const machineChanges: Readonly<Record<string, (host: MemoryHost) => void>> = {
  'another text of the driver': (host) =>
    change(host, '/usr/src/tenstorrent-2.9.0/module.c', (text) => `${text}+`),
  'a newer driver': (host) => host.put(driverSource('2.10.0')),
  'no newer driver': (host) => host.fs.removeTree('/usr/src/tenstorrent-2.10.0'),
  'no driver source': (host) => host.fs.removeTree('/usr/src/tenstorrent-2.9.0'),
  'the driver source as it was at first': (host) => host.put(driverSource('2.9.0')),
  'a driver source that anybody can write to': (host) => host.put(driverSource('2.9.0', { mode: 0o666 })),
  'a driver source that dkms would build by itself': (host) =>
    host.put(driverSource('2.9.0', { autoinstall: true })),
  'an older version pinned': (host) => host.put({ '/etc/ttkmd/ttkmd.conf': '[driver]\nversion = 2.9.0\n' }),
  'a version pinned that is not there': (host) =>
    host.put({ '/etc/ttkmd/ttkmd.conf': '[driver]\nversion = 7.7.7\n' }),
  'nothing pinned': (host) => host.fs.remove('/etc/ttkmd/ttkmd.conf'),
  'a kernel left alone': (host) => host.put({ '/etc/ttkmd/ttkmd.conf': `[kernels]\nexclude = ${A}\n` }),
  'no state': (host) => host.fs.remove(STATE_PATH),
  'half a state': (host) => change(host, STATE_PATH, (text) => text.slice(0, text.length / 2)),
  'half of what was checked': (host) => change(host, CHECKS_PATH, (text) => text.slice(0, text.length / 2)),
  'nothing of dkms': (host) => host.fs.removeTree(DKMS),
  'no dkms': (host) => host.fs.remove('/usr/sbin/dkms'),
  'dkms again': (host) => host.put({ '/usr/sbin/dkms': { text: '#!/bin/bash', mode: 0o755 } }),
  'a compiler that fails': (host) => host.put({ '/broken': '' }),
  'a compiler that works': (host) => host.fs.remove('/broken'),
  'a clock that jumps on': (host) => host.clock.advance(86_400_000),
  'a clock that jumps back': (host) => host.clock.set(host.clock.now() - 86_400_000),
};

/** A compiler of the kernel's own version, which fails on demand as one does over a bad text. */
const builder: ExecFunction = (call, host) => {
  if (call.args[0] === '--version') {
    const texts = RELEASES.map((release) =>
      readOption(host.fs.readText(confOf(release)) ?? '', 'CC_VERSION_TEXT'),
    );
    return texts.find((text) => text !== undefined) ?? 'gcc (Gentoo) 14.3.0';
  }
  if (call.command === 'find') return '';
  if (call.command.endsWith('sign-file')) {
    if (host.fs.exists('/passphrase')) return { code: 1, stderr: 'bad decrypt' };
    const [, , certificate = '', path = ''] = call.args;
    host.fs.write(path, `${host.fs.readText(path)}${SIGNATURES[host.fs.readText(certificate) ?? ''] ?? ''}`);
    return '';
  }
  if (call.args[0] === 'build' && host.fs.exists('/broken')) {
    return { code: 10, stdout: "module.c:1:1: error: unknown type name 'nothing'\n" };
  }
  return workingDkms(call, host);
};

type Event = readonly [name: string, happen: (host: MemoryHost) => unknown];

const EVENTS: readonly Event[] = [
  ...Object.entries(kernelChanges).flatMap(([name, happen]) =>
    RELEASES.map((release): Event => [`${name} (${release})`, (host) => happen(host, release)]),
  ),
  ...Object.entries(machineChanges),
  ...Object.entries(signingChanges),
];
const RECONCILE: Event = ['reconcile', (host) => runReconcile(host)];
const HOOK: Event = [
  'the hook of a kernel',
  (host) => runReconcile(host, { trigger: 'kernel-event', only: A, retry: true }),
];

const event = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...EVENTS) },
  { weight: 1, arbitrary: fc.constantFrom(RECONCILE, HOOK) },
);

async function happenAll(events: readonly Event[]): Promise<void> {
  const files = { ...gentooKernel(A, TREES[A]), ...gentooKernel(B, TREES[B]), ...driverSource('2.9.0') };
  // What is gone has been gone for long: memfs dates files by the real clock.
  const host = machine(files, { exec: builder, now: Date.now() + 10 * 86_400_000 });
  await runReconcile(host);
  for (const [, happen] of events) await happen(host);
  await runReconcile(host);
  const left = await planHost(host);
  expect(isEmpty(left) ? [] : inShort(left), 'of a second reconcile').toEqual([]);
}

const named = (name: string): Event => EVENTS.find(([one]) => one === name) ?? [name, never];
const COUNTING = ['signatures that count', "the kernel's own key"].map(named);

it('holds after any one change where signatures count', async () => {
  // Signatures count for the one kernel alone.
  for (const one of EVENTS.filter(([name]) => !name.endsWith(`(${B})`))) {
    await happenAll([...COUNTING, RECONCILE, one]).catch((error: unknown) => {
      throw new Error(one[0], { cause: error });
    });
  }
});

it('holds after any one change', async () => {
  for (const one of EVENTS) {
    await happenAll([one]).catch((error: unknown) => {
      throw new Error(one[0], { cause: error });
    });
  }
});

/** What the search below has found once. */
const FOUND: readonly (readonly string[])[] = [
  [`nothing of dkms's build (${A})`, 'no driver source', `an option more (${A})`, 'an older version pinned'],
];

it.each(FOUND.map((names) => [names.join(', '), names] as const))('holds after %s', async (_, names) => {
  await happenAll(names.map(named));
});

function never(): never {
  throw new Error('there is no such change');
}

it('holds after any changes, with reconciles among them', async () => {
  const some = fc.array(event, { minLength: 2, maxLength: 6 });
  const property = fc.asyncProperty(some, (events) => happenAll(events));
  await fc.assert(property, { numRuns: 100, interruptAfterTimeLimit: 2500 });
});

it('holds after any changes where signatures count', async () => {
  const [kernels, keys] = [EVENTS, Object.entries(signingChanges)].map((of) => fc.constantFrom(...of));
  const one = fc.oneof(
    { weight: 3, arbitrary: keys ?? event },
    { weight: 1, arbitrary: kernels ?? event },
    event,
  );
  const property = fc.asyncProperty(fc.array(one, { minLength: 2, maxLength: 6 }), (events) =>
    happenAll([...COUNTING, RECONCILE, ...events]),
  );
  await fc.assert(property, { numRuns: 100, interruptAfterTimeLimit: 2500 });
});
