// Kernels, keys and modules of machines on which signatures count, as files.
import { KERNEL_CERTIFICATE, OWN_CERTIFICATE, SIGNED_BY_KERNEL } from '../signing/certificates.ts';
import { dkmsRecord, type Files, gentooKernel, module } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import type { ExecFunction } from '../support/scripted-exec.ts';
import { workingDkms } from '../support/working-dkms.ts';
import { A, sourceHashOf, state, V1 } from './host-rows.ts';

export const TREE = `/usr/src/linux-${A}`;
export const FORCED = 'CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_FORCE=y\nCONFIG_MODULE_SIG_HASH="sha512"\n';
export const MOK =
  'CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_FORCE=y\nCONFIG_INTEGRITY_MACHINE_KEYRING=y\nCONFIG_SECONDARY_TRUSTED_KEYRING=y\n';
export const OWN_KEY = 'CONFIG_MODULE_SIG_KEY="certs/signing_key.pem"\n';

export const kernel = (options: string): Files => ({
  ...gentooKernel(A, { options }),
  [`${TREE}/scripts/sign-file`]: { text: 'ELF', mode: 0o755 },
  ...V1,
});
export const keyOf = (path: string, mode = 0o600): Files => ({ [path]: { text: 'the private key', mode } });
/** What a kernel's build leaves of its key. */
export const TREE_KEY = {
  ...keyOf(`${TREE}/certs/signing_key.pem`),
  [`${TREE}/certs/signing_key.x509`]: KERNEL_CERTIFICATE,
};
export const CERTIFICATE_ONLY: Files = { [`${TREE}/certs/signing_key.x509`]: KERNEL_CERTIFICATE };
/** A key that Portage's settings name. */
export const portage = (certificate: string): Files => ({
  '/etc/portage/make.conf/sign': 'MODULES_SIGN_KEY=/etc/keys/own.pem\nMODULES_SIGN_CERT=/etc/keys/own.crt\n',
  ...keyOf('/etc/keys/own.pem'),
  '/etc/keys/own.crt': certificate,
});
export const PORTAGE: Files = portage(OWN_CERTIFICATE);
export const config = (text: string): Files => ({ '/etc/ttkmd/ttkmd.conf': `[signing]\n${text}` });

export function installed(signature: string, signer?: string): Files {
  const path = `/lib/modules/${A}/kernel/extra/tenstorrent.ko`;
  const files = module(A, '2.9.0');
  const record = {
    version: '2.9.0',
    sourceHash: sourceHashOf(V1),
    at: 1,
    trigger: 'cli',
    seconds: 1,
    signer,
  };
  return {
    ...files,
    [path]: `${files[path]}${signature}`,
    ...dkmsRecord('2.9.0', [A]),
    ...state({ modules: { [A]: record } }),
  };
}

export const EFI: Files = {
  '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c': '\x06\0\0\0\x01',
};

export const listOf = (name: string): string =>
  `/sys/firmware/efi/efivars/${name}-605dab50-e046-4300-abb6-3dd810dd8b23`;
export const WAITING: Files = { [listOf('MokNew')]: 'list' };

/** Puts a certificate on a list of the firmware's that is there. */
export function enlist(host: MemoryHost, name: string, certificate = OWN_CERTIFICATE): void {
  if (!host.fs.exists(listOf(name))) return;
  const { X509Certificate } = process.getBuiltinModule('node:crypto');
  const { raw } = new X509Certificate(certificate);
  host.fs.write(listOf(name), Buffer.concat([Buffer.from('attr'), signatureList(raw)]));
}

/** As the firmware keeps one certificate: EFI_SIGNATURE_LIST with one EFI_SIGNATURE_DATA, of no owner. */
export function signatureList(raw: Buffer): Buffer {
  const head = Buffer.alloc(28);
  Buffer.from('a159c0a5e494a74a87b5ab155c2bf072', 'hex').copy(head);
  head.writeUInt32LE(28 + 16 + raw.length, 16);
  head.writeUInt32LE(16 + raw.length, 24);
  return Buffer.concat([head, Buffer.alloc(16), raw]);
}

/** Dkms that signs nothing, and the kernel's own program that does. */
export const signingDkms: ExecFunction = (call, on) => {
  if (call.command === `${TREE}/scripts/sign-file`) {
    const path = call.args[3] ?? '';
    on.fs.write(path, `${on.fs.readText(path)}${SIGNED_BY_KERNEL}`);
    return '';
  }
  return call.command === 'find' ? '' : workingDkms(call, on);
};
