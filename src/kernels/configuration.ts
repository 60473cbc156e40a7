// Reads single options out of a kernel's configuration without parsing all of its ten thousand lines.
import type { HostFs } from '../host/fs.ts';
import type { Configuration } from './kernel.ts';

/** The options that decisions, vermagic and messages depend on. */
const OPTIONS = [
  'CC_IS_CLANG',
  'CC_VERSION_TEXT',
  'CMDLINE_OVERRIDE',
  'DMA_SHARED_BUFFER',
  'GCC_PLUGINS',
  'HUGETLBFS',
  'HWMON',
  'MODULES',
  'MODULE_SIG',
  'MODULE_SIG_FORCE',
  'MODULE_UNLOAD',
  'MODVERSIONS',
  'PCI',
  'PREEMPT',
  'PREEMPT_BUILD',
  'PREEMPT_RT',
  'RANDSTRUCT',
  'SMP',
] as const;

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
