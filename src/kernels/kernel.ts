// What is known of one kernel: the plain data that the rest of the program decides on.

/** Where a kernel came from. */
export type Origin =
  /** Portage built and installed it; `package` is `category/package-version:slot`. */
  | { readonly kind: 'dist-kernel'; readonly package: string }
  /** A package of another distribution; `package` is its name. */
  | { readonly kind: 'distribution'; readonly package: string }
  /** Somebody configured and built it. */
  | { readonly kind: 'hand-built' }
  /** Its build tree is gone and nothing else tells. */
  | { readonly kind: 'unknown' };

export type KernelKind =
  /** Its modules are in `/lib/modules`. */
  | 'installed'
  /** `/lib/modules/<release>` leads to a build tree and holds no modules of the kernel itself. */
  | 'headers-only'
  /** A source tree whose modules are not installed. */
  | 'sources-only'
  /** A folder that a removed kernel left behind. */
  | 'leftover'
  /** A kernel that runs or is remembered, without a folder in `/lib/modules`. */
  | 'no-modules'
  /** A copy that an installation put aside, such as `<release>.old`. */
  | 'backup';

export type MissingCode =
  | 'no-build-link'
  | 'dangling-build-link'
  | 'no-makefile'
  | 'not-configured'
  | 'not-prepared'
  | 'other-release'
  | 'no-modpost'
  | 'no-symvers'
  | 'not-installed'
  | 'unreadable';

/** One thing that a build tree lacks, in words. */
export interface Missing {
  readonly code: MissingCode;
  readonly text: string;
}

export interface BuildTree {
  /** The folder that holds it, all links followed; undefined where there is none. */
  readonly path: string | undefined;
  readonly ready: boolean;
  readonly missing: readonly Missing[];
}

/** The few options of a kernel's configuration that matter here, as kconfig writes them: `y`, `m` or a string. */
export type Configuration = Readonly<Record<string, string>>;

export interface Kernel {
  readonly release: string;
  readonly kind: KernelKind;
  readonly running: boolean;
  readonly origin: Origin;
  /** The boot image that was found for it. */
  readonly image: string | undefined;
  readonly buildTree: BuildTree;
  /** `/usr/src/linux-*`, where one belongs to it. */
  readonly sourceTree: string | undefined;
  /** The compiler that built it, as CONFIG_CC_VERSION_TEXT has it. */
  readonly compiler: string | undefined;
  readonly configuration: Configuration;
  /** A short word for the content of its configuration and symbol versions; changes whenever one of them may have. */
  readonly abiIdentity: string | undefined;
  /** When a folder or image of it last came or went, in milliseconds since 1970. */
  readonly lastChange: number;
}
