// How a certificate gets onto the list of the machine's owner: what can be enrolled, and the commands for it. Pure.
import { quoted } from '../host/shell-word.ts';
import type { KernelSigning, MachineSigning, SigningKey } from './signing.ts';

export type Enrolling =
  /** Certificates that kernels would then trust, each with the kernels that it is for. */
  | { readonly kind: 'enroll'; readonly keys: readonly EnrolledKey[] }
  /** They are to be enrolled already: the MOK manager asks at the next boot. */
  | { readonly kind: 'pending'; readonly keys: readonly EnrolledKey[] }
  | { readonly kind: 'nothing' | 'no-firmware' | 'no-key'; readonly why: string };

export interface EnrolledKey {
  readonly key: SigningKey;
  readonly releases: readonly string[];
}

/** What there is to enroll on this machine. */
export function enrollingOf(
  { efi }: Pick<MachineSigning, 'efi'>,
  kernels: readonly KernelSigning[],
): Enrolling {
  const chosen = kernels
    .map((one) => ({ ...one, key: one.preferred ?? one.key }))
    .filter(({ key }) => key !== undefined);
  if (!efi) {
    return {
      kind: 'no-firmware',
      why: 'this machine has no UEFI firmware: there is no list to enroll a key in',
    };
  }
  for (const [kind, trust] of [
    ['enroll', 'to-enroll'],
    ['pending', 'pending'],
  ] as const) {
    const keys = grouped(chosen.filter(({ key }) => key?.verdict.trust === trust));
    if (keys.length > 0) return { kind, keys };
  }
  if (chosen.length === 0) return { kind: 'no-key', why: 'there is no key to sign with yet' };
  const reasons = new Set(
    chosen.map(({ release, key }) => `${release}: ${key?.certificate}: ${key?.verdict.why}`),
  );
  return { kind: 'nothing', why: [...reasons].join('; ') };
}

function grouped(kernels: readonly KernelSigning[]): EnrolledKey[] {
  const found = new Map<string, EnrolledKey>();
  for (const { release, key } of kernels) {
    if (key?.identity === undefined) continue;
    const { releases = [] } = found.get(key.identity.hash) ?? {};
    found.set(key.identity.hash, { key, releases: [...releases, release] });
  }
  return [...found.values()];
}

/** What has the firmware asked for certificates, for whoever types it. */
export function importCommands(keys: readonly EnrolledKey[]): string[] {
  return keys.flatMap(({ key }, index) => {
    const file = `/run/ttkmd/enroll-${index + 1}.der`;
    return [
      `openssl x509 -in ${quoted(key.certificate)} -outform DER -out ${file}`,
      `mokutil --import ${file}`,
    ];
  });
}

/** A key of one's own. Nobody but root may read it, from the moment it is there. */
export const NEW_KEY_COMMANDS: readonly string[] = [
  'mkdir -p -m 700 /etc/ttkmd/keys',
  '(umask 077 && openssl req -new -x509 -nodes -days 36500 -newkey rsa:2048 -subj "/CN=Kernel modules of $(hostname)/" -addext extendedKeyUsage=codeSigning -keyout /etc/ttkmd/keys/modules.pem -outform DER -out /etc/ttkmd/keys/modules.der)',
  "printf '[signing]\\nkey = /etc/ttkmd/keys/modules.pem\\ncertificate = /etc/ttkmd/keys/modules.der\\n' > /etc/ttkmd/ttkmd.conf.d/50-signing.conf",
];

/** What is left to do of an enrolment that was asked for. */
export const MOK_MANAGER =
  'reboot, and choose "Enroll MOK" in the blue screen of the MOK manager, with the password that you gave';

/** What happens after the certificate was handed to the firmware. */
export const AT_NEXT_BOOT =
  'at the next boot a blue screen, the MOK manager, waits ten seconds for a key: choose "Enroll MOK", "Continue", "Yes", give the password, and reboot. Left alone, it boots on and nothing is enrolled';
