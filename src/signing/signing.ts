// What is known of signatures: keys, what a kernel enforces, what it trusts, and what a module carries.

/** A certificate, as far as it identifies a key. */
export interface Certificate {
  /** SHA-256 of the certificate. */
  readonly hash: string;
  /** Hexadecimal, in small letters and without zeros in front. */
  readonly serial: string;
  /** The common name of who issued it: of itself, where it signed itself. */
  readonly issuer: string;
  readonly subject: string;
}

/** The signature at the end of a module, as modinfo reads it. */
export interface Signature {
  /** The common name of the certificate's issuer; undefined where modinfo cannot tell. */
  readonly signer: string | undefined;
  /** The certificate's serial number, as in `Certificate`; undefined where modinfo cannot tell. */
  readonly serial: string | undefined;
  readonly hash: string | undefined;
}

/** Whether a kernel takes what is signed with a key. */
export type Trust =
  | 'accepted'
  /** Once the certificate is enrolled in the firmware's list of the machine's owner. */
  | 'to-enroll'
  /** It is to be enrolled, and the MOK manager will ask for it at the next boot. */
  | 'pending'
  | 'refused'
  /** Nothing here tells. */
  | 'unknown';

export interface Verdict {
  readonly trust: Trust;
  /** Why, in words. */
  readonly why: string;
}

export type KeyOrigin = 'configuration' | 'portage' | 'build-tree' | 'dkms';

/** Why a key cannot be used. */
export interface KeyFlaw {
  readonly code:
    | 'key-missing'
    | 'key-exposed'
    | 'key-relative'
    | 'certificate-missing'
    /** The certificate is there, and the key went away with the folder that the kernel was built in. */
    | 'certificate-only';
  readonly text: string;
  readonly hint: string;
}

export interface SigningKey {
  readonly origin: KeyOrigin;
  /** What names it: a file, with a line where there is one. */
  readonly place: string;
  /** An absolute path, or a token's URI. */
  readonly key: string;
  /** The same for people, without what opens a token. */
  readonly name: string;
  /** What opens it, and stands elsewhere than in `key`. It is for nobody's eyes. */
  readonly pin?: string | undefined;
  /** An absolute path. */
  readonly certificate: string;
  /** Undefined where the certificate could not be read. */
  readonly identity: Certificate | undefined;
  readonly flaw: KeyFlaw | undefined;
  readonly verdict: Verdict;
}

export interface Enforcement {
  /** `ignored`: this kernel knows no signatures. `unknown`: nothing here tells. */
  readonly state: 'enforced' | 'free' | 'ignored' | 'unknown';
  /** What makes it so, in words. */
  readonly why: string;
}

/** What stands between an enforcing kernel and a module that it takes. */
export interface SigningObstacle {
  readonly text: string;
  readonly hint: string;
}

/** Whether a module for a kernel is to be signed, and with what. */
export interface SigningNeed {
  /** The kernel takes no module without a signature that it trusts. */
  readonly needed: boolean;
  /** The key to sign with; undefined where nothing is signed. */
  readonly key: SigningKey | undefined;
  /** Why no module can be made that this kernel takes. */
  readonly obstacle: SigningObstacle | undefined;
}

/** Whom a kernel trusts besides its own key and those that were found here. */
export interface OtherSigners {
  /** On the firmware's lists. */
  readonly enrolled: readonly { readonly identity: Certificate; readonly verdict: Verdict }[];
  /** There is nobody else: who is not known here is not trusted. */
  readonly isAll: boolean;
}

export interface KernelSigning extends SigningNeed {
  readonly release: string;
  readonly enforcement: Enforcement;
  /** The certificate that is built into the kernel, where its build tree has it. */
  readonly builtIn: Certificate | undefined;
  readonly others: OtherSigners;
  /** All that were found, in the order in which they count. */
  readonly keys: readonly SigningKey[];
  /** The key that would count, were its certificate enrolled; undefined where `key` is that one. */
  readonly preferred?: SigningKey;
  /** The program that signs. */
  readonly signFile: string | undefined;
  /** The algorithm that the kernel's own modules are signed with. */
  readonly hash: string;
}

/** What the kernel that runs, the firmware and the boot loader say of signatures; undefined where nothing tells. */
export interface MachineSigning {
  /** The machine has UEFI firmware. */
  readonly efi: boolean | undefined;
  /** Of the firmware. */
  readonly secureBoot: boolean | undefined;
  /** Shim has been told not to check what it boots: kernels then take it that Secure Boot is off. */
  readonly checksOff?: boolean;
  readonly lockdown: string | undefined;
  /** The running kernel enforces signatures. */
  readonly enforcing: boolean | undefined;
  /** Words of a kernel command line that decide, with where they stand. */
  readonly words: readonly { readonly word: string; readonly place: string }[];
}
