// The keys that are named for all kernels: by the settings, by Portage, by dkms.
import type { HostFs } from '../host/fs.ts';
import { examineKey, type FoundKey } from './keys.ts';
import { type NamedKey, portageSigning } from './portage.ts';

export interface SigningSettings {
  readonly key: string | undefined;
  readonly certificate: string | undefined;
}

/** Keys that are the same for all kernels; the build tree's own comes between the last two. */
export interface Named {
  readonly before: readonly FoundKey[];
  readonly after: readonly FoundKey[];
  /** What opens the build tree's own, where Portage signs with it. */
  readonly pin: string | undefined;
}

export function namedKeys(
  fs: HostFs,
  { settings, dkms }: { readonly settings: SigningSettings; readonly dkms: NamedKey | undefined },
): Named {
  const { key: portage, pin } = portageSigning(fs);
  const { key, certificate } = settings;
  const before = [
    ...(key === undefined
      ? []
      : [
          {
            origin: 'configuration' as const,
            ...{ place: 'signing.key', key, certificate },
            pin: key === portage?.key ? pin : undefined,
          },
        ]),
    ...(portage === undefined ? [] : [{ origin: 'portage' as const, ...portage, pin }]),
  ];
  const after = (dkms === undefined ? ownersKeys(fs) : [dkms]).map((one) => ({
    origin: 'dkms' as const,
    ...one,
  }));
  return {
    before: before.map((one) => examineKey(fs, one)),
    after: after.map((one) => examineKey(fs, one)),
    pin,
  };
}

/** Where dkms keeps the key that Debian's makes, and where Ubuntu's shim-signed does. */
function ownersKeys(fs: HostFs): NamedKey[] {
  return [
    { key: '/var/lib/dkms/mok.key', certificate: '/var/lib/dkms/mok.pub', place: 'dkms' },
    {
      key: '/var/lib/shim-signed/mok/MOK.priv',
      certificate: '/var/lib/shim-signed/mok/MOK.der',
      place: 'shim-signed',
    },
  ].filter(({ key }) => fs.exists(key));
}
