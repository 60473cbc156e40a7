// How a module file is packed, and whether the kmod that is installed can unpack it.
import type { Host } from '../host/host.ts';

/** By a file's ending: what `modprobe --version` calls it, and the USE flag of sys-apps/kmod. */
const PACKINGS: Readonly<Record<string, { readonly feature: string; readonly flag: string }>> = {
  gz: { feature: 'ZLIB', flag: 'zlib' },
  xz: { feature: 'XZ', flag: 'lzma' },
  zst: { feature: 'ZSTD', flag: 'zstd' },
};

export interface UnreadablePacking {
  /** `zst` */
  readonly ending: string;
  /** What mends it. */
  readonly hint: string;
}

/**
 * Why kmod cannot unpack a module; undefined where it can, or does not say. A kernel gets its modules unpacked, and
 * where it would unpack them itself (CONFIG_MODULE_DECOMPRESS), kmod has to read their index entries all the same.
 */
export async function unreadablePacking(
  host: Pick<Host, 'exec'>,
  path: string,
): Promise<UnreadablePacking | undefined> {
  const ending = path.match(/\.ko\.(\w+)$/)?.[1] ?? '';
  const packing = PACKINGS[ending];
  if (packing === undefined) return undefined;
  const { stdout } = await host.exec.query('modprobe', ['--version']);
  if (!stdout.split(/\s+/).includes(`-${packing.feature}`)) return undefined;
  return {
    ending,
    hint: `build kmod with it (Gentoo: USE=${packing.flag} emerge --oneshot sys-apps/kmod), then as root: ttkmdctl reconcile`,
  };
}
