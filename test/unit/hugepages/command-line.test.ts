// The kernel command line that makes the pages sure, and where each kind of machine keeps it.
import { describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../src/config/schema.ts';
import {
  type BootedKernel,
  commandLineAdvice,
  observeCommandLine,
} from '../../../src/hugepages/command-line.ts';
import { commandLineWords } from '../../../src/hugepages/command-line-words.ts';
import { observeHugepages } from '../../../src/hugepages/observe.ts';
import { numaNode, withoutNodes } from '../support/hugepages.ts';
import type { Files } from '../support/machines.ts';
import { memoryHost } from '../support/memory-host.ts';

const A = '6.12.58-gentoo-dist';

function nodesOf(files: Files) {
  const settings = defaultConfig().hugepages;
  const around = { settings, arch: 'x86_64', asked: undefined, driverVersion: undefined };
  return observeHugepages(memoryHost({ files }).fs, around).nodes;
}

describe('the words', () => {
  const two = nodesOf({ ...numaNode(0), ...numaNode(1) });
  it.each<[string, typeof two, number[], string | undefined, string]>([
    ['each node by itself', two, [4, 8], A, 'hugepagesz=1G hugepages=0:4,1:8'],
    ['only nodes that are to have some', two, [0, 8], '5.16.0', 'hugepagesz=1G hugepages=1:8'],
    [
      'the sum for kernels that do not tell nodes apart',
      two,
      [4, 8],
      '5.15.190-gentoo',
      'hugepagesz=1G hugepages=12',
    ],
    ['the sum where the kernel is not known', two, [4, 8], undefined, 'hugepagesz=1G hugepages=12'],
    ['the number where there is one node', nodesOf(numaNode(0)), [4], A, 'hugepagesz=1G hugepages=4'],
    ['the number where there is none', nodesOf(withoutNodes()), [4], A, 'hugepagesz=1G hugepages=4'],
  ])('name %s', (_, nodes, pages, release, words) => {
    expect(commandLineWords(nodes, pages, release)).toBe(words);
  });

  it.each<[string, string, number[], string | undefined, string]>([
    ['of a node without a card', 'hugepagesz=1G hugepages=0:32', [0, 4], A, 'hugepages=0:32,1:4'],
    ['where they are more than we want', 'hugepagesz=1G hugepages=0:32,1:2', [4, 4], A, 'hugepages=0:32,1:4'],
    ['that are for any node', 'hugepagesz=1G hugepages=31', [0, 20], A, 'hugepages=0:16,1:20'],
    ['with a total that is larger', 'hugepagesz=1G hugepages=32', [4, 4], '5.10.0', 'hugepages=32'],
    ['with a total that is smaller', 'hugepagesz=1G hugepages=3', [4, 4], '5.10.0', 'hugepages=8'],
    ['given in megabytes', 'hugepagesz=1024M hugepages=0:32', [0, 4], A, 'hugepages=0:32,1:4'],
    ['given by the default', 'default_hugepagesz=1G hugepages=0:32', [0, 4], A, 'hugepages=0:32,1:4'],
    ['given before the default', 'hugepages=0:32 default_hugepagesz=1G', [0, 4], A, 'hugepages=0:32,1:4'],
    ['in many words', 'hugepagesz=1G quiet ro hugepages=0:32', [0, 4], A, 'hugepages=0:32,1:4'],
    ['on a node that is gone', 'hugepagesz=1G hugepages=0:2,7:32', [0, 4], A, 'hugepages=0:2,1:4'],
  ])("keep others' pages %s", (_, line, pages, release, words) => {
    const { given } = observeCommandLine(
      memoryHost({ files: { '/proc/cmdline': `root=/dev/sda1 ${line}\n` } }).fs,
      undefined,
    );
    expect(commandLineWords(two, pages, release, given)).toBe(`hugepagesz=1G ${words}`);
  });

  it.each(['hugepages=64', 'hugepagesz=2M hugepages=64', 'hugepagesz=1G hugepagesz=2M hugepages=0:64', 'x'])(
    'count no pages of another size: %s',
    (line) => {
      const { fs } = memoryHost({ files: { '/proc/cmdline': `${line}\n` } });
      const { given } = observeCommandLine(fs, undefined);
      expect(commandLineWords(two, [4, 0], A, given)).toBe('hugepagesz=1G hugepages=0:4');
    },
  );
});

describe('the place is', () => {
  const GRUB: Files = { '/etc/default/grub': '', '/boot/grub/grub.cfg': '' };
  const LINE: Files = { '/etc/kernel/cmdline': 'root=/dev/sda1 quiet\n' };
  const ENTRIES: Files = {
    '/boot/loader/entries/abc-6.1.0.conf': '',
    [`/boot/loader/entries/abc-${A}.conf`]: '',
  };
  const KERNEL: BootedKernel = { release: A, image: undefined, package: undefined, ownLineOnly: false };
  const DIST = { ...KERNEL, package: 'sys-kernel/gentoo-kernel-6.12.58:6.12.58' };

  it.each<[string, Files, BootedKernel | undefined, string]>([
    [
      "GRUB's defaults",
      GRUB,
      KERNEL,
      'GRUB_CMDLINE_LINUX in /etc/default/grub; then run grub-mkconfig -o /boot/grub/grub.cfg, and reboot',
    ],
    [
      "… Debian's way",
      { ...GRUB, '/usr/sbin/update-grub': '' },
      KERNEL,
      'GRUB_CMDLINE_LINUX in /etc/default/grub; then run update-grub, and reboot',
    ],
    [
      "… Fedora's way",
      { '/etc/default/grub': '', '/boot/grub2/grub.cfg': '' },
      KERNEL,
      'GRUB_CMDLINE_LINUX in /etc/default/grub; then run grub2-mkconfig -o /boot/grub2/grub.cfg, and reboot',
    ],
    [
      "kernel-install's, for a dist-kernel",
      LINE,
      DIST,
      '/etc/kernel/cmdline; then install the kernel again: emerge --config =sys-kernel/gentoo-kernel-6.12.58, and reboot',
    ],
    [
      "kernel-install's, for another kernel",
      LINE,
      { ...KERNEL, image: `/boot/vmlinuz-${A}` },
      `/etc/kernel/cmdline; then install the kernel again: kernel-install add ${A} /boot/vmlinuz-${A}, and reboot`,
    ],
    [
      '… of which no image was found',
      LINE,
      KERNEL,
      `/etc/kernel/cmdline; then install the kernel again: kernel-install add ${A} /lib/modules/${A}/vmlinuz, and reboot`,
    ],
    [
      "GRUB's where both are there",
      { ...GRUB, ...LINE },
      KERNEL,
      'GRUB_CMDLINE_LINUX in /etc/default/grub; then run grub-mkconfig',
    ],
    [
      "kernel-install's where both are there and kernels are unified images",
      { ...GRUB, ...LINE, '/etc/kernel/install.conf': '# ours\nlayout=uki\n' },
      KERNEL,
      '/etc/kernel/cmdline; then',
    ],
    [
      "GRUB's where kernel-install says so",
      {
        ...GRUB,
        ...LINE,
        '/etc/kernel/install.conf': 'layout=grub\n',
        '/usr/lib/kernel/install.conf': 'layout=bls\n',
      },
      KERNEL,
      'GRUB_CMDLINE_LINUX',
    ],
    [
      'the entry of systemd-boot',
      ENTRIES,
      KERNEL,
      `the line "options" of /boot/loader/entries/abc-${A}.conf; then write the same line to /etc/kernel/cmdline`,
    ],
    [
      'the kernel itself where it heeds nothing else',
      { ...GRUB, ...LINE },
      { ...KERNEL, ownLineOnly: true },
      'CONFIG_CMDLINE in the configuration',
    ],
    ['not known', {}, undefined, 'the kernel command line, in the settings of your boot loader; reboot'],
  ])('%s', (_, files, kernel, expected) => {
    const advice = commandLineAdvice('WORDS', observeCommandLine(memoryHost({ files }).fs, kernel));
    expect(advice).toContain(`to be sure of them, add WORDS to ${expected}`);
  });

  it.each([
    ['hugepagesz=1G quiet hugepages=2', 'hugepagesz=1G hugepages=2'],
    ['hugepagesz=1G', 'hugepagesz=1G'],
    [
      'default_hugepagesz=1G hugepagesz=1G hugepages=0:4 hugepagesz=2M hugepages=8',
      'hugepagesz=1G hugepages=0:4',
    ],
    ['default_hugepagesz=1G hugepages=2', 'hugepages=2'],
  ])('told with the words that are to go: %s', (line, present) => {
    const { fs } = memoryHost({ files: { '/proc/cmdline': `ro ${line} quiet\n` } });
    expect(observeCommandLine(fs, KERNEL).present).toBe(present);
  });

  it('told with what is there already', () => {
    const { fs } = memoryHost({
      files: { ...GRUB, '/proc/cmdline': 'root=/dev/sda1 hugepagesz=1G hugepages=2 quiet\n' },
    });
    expect(commandLineAdvice('WORDS', observeCommandLine(fs, KERNEL))).toContain(
      'add WORDS to GRUB_CMDLINE_LINUX in /etc/default/grub, in place of hugepagesz=1G hugepages=2; then',
    );
  });
});
