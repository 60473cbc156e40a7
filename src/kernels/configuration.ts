// Reads single options out of a kernel's configuration without parsing all of its ten thousand lines.
import type { HostFs } from '../host/fs.ts';
import type { Configuration } from './kernel.ts';

/** The options that decisions, vermagic and messages depend on. */
const OPTIONS = [
  'CC_IS_CLANG',
  'CC_VERSION_TEXT',
  'CFI',
  'CFI_CLANG',
  'CMDLINE_OVERRIDE',
  'DMA_SHARED_BUFFER',
  'EXTENDED_MODVERSIONS',
  'GCC_PLUGINS',
  'GCC_PLUGIN_RANDSTRUCT',
  'HUGETLBFS',
  'HWMON',
  'IMA_ARCH_POLICY',
  'INTEGRITY_CA_MACHINE_KEYRING',
  'INTEGRITY_MACHINE_KEYRING',
  'INTEGRITY_PLATFORM_KEYRING',
  'KASAN',
  'KCSAN',
  'LOCK_DOWN_IN_EFI_SECURE_BOOT',
  'LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY',
  'LOCK_DOWN_KERNEL_FORCE_INTEGRITY',
  'MITIGATION_RETPOLINE',
  'MODULES',
  'MODULE_SIG',
  'MODULE_SIG_FORCE',
  'MODULE_SIG_HASH',
  'MODULE_SIG_KEY',
  'MODULE_UNLOAD',
  'MODVERSIONS',
  'PCI',
  'PREEMPT',
  'PREEMPT_BUILD',
  'PREEMPT_RT',
  'RANDSTRUCT',
  'RETPOLINE',
  'SECONDARY_TRUSTED_KEYRING',
  'SHADOW_CALL_STACK',
  'SMP',
  'SYSTEM_EXTRA_CERTIFICATE',
  'SYSTEM_TRUSTED_KEYS',
  'X86_KERNEL_IBT',
] as const;

/**
 * Options that change what the compiler makes of the same text: the versions of symbols, which cover types and
 * layouts, stay the same when one of them is turned.
 */
const OF_THE_CODE = [
  'CFI',
  'CFI_CLANG',
  'GCC_PLUGINS',
  'KASAN',
  'KCSAN',
  'MITIGATION_RETPOLINE',
  'RANDSTRUCT',
  'RETPOLINE',
  'SHADOW_CALL_STACK',
  'X86_KERNEL_IBT',
] as const;

/** Those options of a kernel that decide about code and not about types, in a word. */
export function codeOptions(configuration: Configuration): string {
  return OF_THE_CODE.filter((name) => configuration[name] === 'y').join(' ');
}

/** One pass over the text for all of them: it is a quarter of a megabyte, and there may be a hundred kernels. */
const OPTION_LINE = new RegExp(`^CONFIG_(${OPTIONS.join('|')})=(.*)$`, 'gm');

/**
 * The options of interest from the text of `include/config/auto.conf` or `.config`.
 * An option that is off is absent from the first and a comment in the second: absent here.
 */
export function readConfiguration(text: string): Configuration {
  const options: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.matchAll(OPTION_LINE)) options[name] = unquoted(value);
  return options;
}

/** The configuration that a kernel's installation has put beside it, for one whose build tree is gone. */
export function installedConfiguration(fs: HostFs, release: string): Configuration {
  const text = fs.readText(`/boot/config-${release}`) ?? fs.readText(`/lib/modules/${release}/config`);
  return readConfiguration(text ?? '');
}

/** The value of one option, quotes taken off. */
export function readOption(text: string, name: string): string | undefined {
  const needle = `CONFIG_${name}=`;
  let start = text.startsWith(needle) ? 0 : text.indexOf(`\n${needle}`);
  if (start < 0) return undefined;
  if (start > 0 || !text.startsWith(needle)) start += 1;
  const end = text.indexOf('\n', start);
  return unquoted(text.slice(start + needle.length, end < 0 ? undefined : end));
}

function unquoted(text: string): string {
  const value = text.trim();
  return value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}
