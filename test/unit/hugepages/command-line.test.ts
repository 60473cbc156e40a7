// The kernel command line that makes the pages sure, and where each kind of machine keeps it.
import { describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../src/config/schema.ts';
import {
  type BootedKernel,
  commandLineAdvice,
  commandLineWords,
  observeCommandLine,
} from '../../../src/hugepages/command-line.ts';
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

  it('told with what is there already', () => {
    const { fs } = memoryHost({
      files: { ...GRUB, '/proc/cmdline': 'root=/dev/sda1 hugepagesz=1G hugepages=2 quiet\n' },
    });
    expect(commandLineAdvice('WORDS', observeCommandLine(fs, KERNEL))).toContain(
      'add WORDS to GRUB_CMDLINE_LINUX in /etc/default/grub, in place of hugepagesz=1G hugepages=2; then',
    );
  });
});
