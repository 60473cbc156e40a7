// A kernel's configuration as text: what tt-kmd needs is turned on in it, and what another tree left in it is mended. Pure.
import { readOption } from '../kernels/configuration.ts';
import { NEEDED_OPTIONS, type NeededOption } from '../kernels/needed-options.ts';

type BuildOption = Pick<NeededOption, 'name' | 'values' | 'without' | 'set'>;

/** What a kernel that is built anyway gets: what the driver needs, and that it can be replaced without a reboot. */
const BUILD_OPTIONS: readonly BuildOption[] = [
  ...NEEDED_OPTIONS,
  {
    name: 'MODULE_UNLOAD',
    values: ['y'],
    set: 'MODULE_UNLOAD',
    without: 'a new driver takes the place of the loaded one at a reboot alone',
  },
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
export function lackingOptions(text: string): BuildOption[] {
  return BUILD_OPTIONS.filter(({ name, values }) => !values.includes(readOption(text, name) ?? 'n'));
}

/**
 * A configuration with what the driver needs.
 * @param has whether a file that it names is there, its path relative to the tree or absolute
 */
export function adaptConfiguration(text: string, has: (path: string) => boolean): Adapted {
  let adapted = text;
  const changes: string[] = [];
  for (const { set, without } of lackingOptions(text)) {
    adapted = withLine(adapted, set, `CONFIG_${set}=y`);
    changes.push(`CONFIG_${set}=y: without it ${without}`);
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
