// A kernel's configuration is given what the driver needs, and loses what its tree has not.
import { describe, expect, it } from 'vitest';
import { adaptConfiguration, lackingOptions } from '../../../src/kernel-build/options.ts';

const ALL =
  'CONFIG_MODULES=y\nCONFIG_MODULE_UNLOAD=y\nCONFIG_PCI=y\nCONFIG_HWMON=m\nCONFIG_DMA_SHARED_BUFFER=y\nCONFIG_HUGETLBFS=y\n';

describe('what a configuration lacks', () => {
  const rows: readonly [name: string, text: string, lacking: readonly string[]][] = [
    ['nothing', ALL, []],
    ['one that is off', ALL.replace('CONFIG_HWMON=m', '# CONFIG_HWMON is not set'), ['HWMON']],
    ['one that has to be built in', ALL.replace('CONFIG_PCI=y', 'CONFIG_PCI=m'), ['PCI']],
    ['one of a longer name', ALL.replace('CONFIG_PCI=y', 'CONFIG_PCI_MSI=y'), ['PCI']],
    ['all', '', ['MODULES', 'PCI', 'HWMON', 'DMA_SHARED_BUFFER', 'HUGETLBFS', 'MODULE_UNLOAD']],
  ];
  it.each(rows)('%s', (_, text, lacking) => {
    expect(lackingOptions(text).map(({ name }) => name)).toEqual(lacking);
  });
});

describe('what is changed in a configuration', () => {
  const rows: readonly {
    readonly name: string;
    readonly text: string;
    readonly there?: readonly string[];
    readonly result: string;
    readonly changes: number;
  }[] = [
    { name: 'nothing where all is on', text: ALL, result: ALL, changes: 0 },
    {
      name: 'an option that is off, in its place',
      text: ALL.replace('CONFIG_HWMON=m', '# CONFIG_HWMON is not set'),
      result: ALL.replace('CONFIG_HWMON=m', 'CONFIG_HWMON=y'),
      changes: 1,
    },
    {
      name: 'an option without a prompt, by the one that selects it',
      text: `# CONFIG_SYNC_FILE is not set\n${ALL.replace('CONFIG_DMA_SHARED_BUFFER=y\n', '')}`,
      result: `CONFIG_SYNC_FILE=y\n${ALL.replace('CONFIG_DMA_SHARED_BUFFER=y\n', '')}`,
      changes: 1,
    },
    {
      name: "a distribution's certificates, which only its own tree has",
      text: `${ALL}CONFIG_SYSTEM_TRUSTED_KEYS="debian/certs/debian-uefi-certs.pem"\nCONFIG_MODULE_SIG_KEY="certs/mine.pem"\n`,
      result: `${ALL}CONFIG_SYSTEM_TRUSTED_KEYS=""\nCONFIG_MODULE_SIG_KEY="certs/signing_key.pem"\n`,
      changes: 2,
    },
    {
      name: 'keys that are there, on a token, or made by the build stay',
      text: `${ALL}CONFIG_SYSTEM_TRUSTED_KEYS="/root/mine.pem"\nCONFIG_MODULE_SIG_KEY="pkcs11:token=mine"\n`,
      there: ['/root/mine.pem'],
      result: `${ALL}CONFIG_SYSTEM_TRUSTED_KEYS="/root/mine.pem"\nCONFIG_MODULE_SIG_KEY="pkcs11:token=mine"\n`,
      changes: 0,
    },
    {
      name: 'a last line without its end',
      text: ALL.replace('CONFIG_HUGETLBFS=y\n', '').trimEnd(),
      result: ALL,
      changes: 1,
    },
  ];
  it.each(rows)('$name', ({ text, there = [], result, changes }) => {
    const adapted = adaptConfiguration(text, (path) => there.includes(path));
    expect(adapted.text).toBe(result);
    expect(adapted.changes).toHaveLength(changes);
    // What has been changed once is not changed again.
    const again = adaptConfiguration(adapted.text, (path) => there.includes(path));
    expect(again.text).toBe(adapted.text);
  });
});
