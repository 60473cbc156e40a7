// A kernel's configuration as text: what tt-kmd needs is turned on in it, and what another tree left in it is mended. Pure.
import { readOption } from '../kernels/configuration.ts';

export interface NeededOption {
  /** Without CONFIG_. */
  readonly name: string;
  /** It works as a module, too. */
  readonly module: boolean;
  /** What is turned on for it, where it has no prompt of its own. */
  readonly by?: string;
  readonly why: string;
}

/** What the driver does not build, load or work without. */
export const NEEDED_OPTIONS: readonly NeededOption[] = [
  { name: 'MODULES', module: false, why: 'the driver is a module' },
  { name: 'MODULE_UNLOAD', module: false, why: 'a new driver takes the place of the loaded one' },
  { name: 'PCI', module: false, why: 'the cards are PCI devices' },
  { name: 'HWMON', module: true, why: "it tells of the cards' temperatures" },
  { name: 'DMA_SHARED_BUFFER', module: false, by: 'SYNC_FILE', why: 'it shares buffers with other devices' },
  { name: 'HUGETLBFS', module: false, why: 'the cards are fed from pages of 1 GiB' },
];

/** Options that name files, what they are where that file is not in the tree, and what it is for. */
const FILES: readonly [name: string, without: string][] = [
  ['SYSTEM_TRUSTED_KEYS', ''],
  ['SYSTEM_REVOCATION_KEYS', ''],
  // With this name, the kernel's own build makes a key.
  ['MODULE_SIG_KEY', 'certs/signing_key.pem'],
];

/** What was changed in a configuration, as lines that a person reads. */
export interface Adapted {
  readonly text: string;
  readonly changes: readonly string[];
}

/** The needed options that are off. */
export function lackingOptions(text: string): NeededOption[] {
  return NEEDED_OPTIONS.filter(({ name, module }) => {
    const value = readOption(text, name);
    return value !== 'y' && !(module && value === 'm');
  });
}

/**
 * A configuration with what the driver needs.
 * @param has whether a file that it names is there, its path relative to the tree or absolute
 */
export function adaptConfiguration(text: string, has: (path: string) => boolean): Adapted {
  let adapted = text;
  const changes: string[] = [];
  for (const { name, by = name, why } of lackingOptions(text)) {
    adapted = withLine(adapted, by, `CONFIG_${by}=y`);
    changes.push(`CONFIG_${by}=y: ${why}`);
  }
  for (const [name, without] of FILES) {
    const path = readOption(adapted, name);
    if (!path || path === without || path.startsWith('pkcs11:') || has(path)) continue;
    adapted = withLine(adapted, name, `CONFIG_${name}="${without}"`);
    changes.push(`CONFIG_${name}="${without}": ${path} is not in this tree`);
  }
  return { text: adapted, changes };
}

function withLine(text: string, name: string, line: string): string {
  const old = new RegExp(`^(?:CONFIG_${name}=.*|# CONFIG_${name} is not set)$`, 'm');
  if (old.test(text)) return text.replace(old, () => line);
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`;
}
