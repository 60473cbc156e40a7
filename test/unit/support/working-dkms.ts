// A dkms, a depmod and a modinfo that change files as the real ones do, for runs that go all the way.
import type { HostFs } from '../../../src/host/fs.ts';
import { modversions } from './machines.ts';
import type { ExecFunction } from './scripted-exec.ts';

/** The value behind an option on a command line. */
function optionOf(args: readonly string[], option: string): string {
  return args[args.indexOf(option) + 1] ?? '';
}

/** What the driver of these machines imports, where the kernel exports it. */
const IMPORTS = ['module_layout', '_printk'];

/** A module that depends on what a real one does: the text of its source, the kernel's options and symbol versions. */
function built(fs: HostFs, version: string, release: string): string {
  const tree = `/lib/modules/${release}/build`;
  const isVersioned = fs.readText(`${tree}/include/config/auto.conf`)?.includes('CONFIG_MODVERSIONS=y\n');
  const symbols = (fs.readText(`${tree}/Module.symvers`) ?? '').split('\n').map((line) => line.split('\t'));
  const crcs = symbols
    .filter(([, name = '']) => isVersioned && IMPORTS.includes(name))
    .map(([crc, name]) => `crc=${crc} ${name}\0`);
  const seed = fs.readText(`${tree}/include/generated/randstruct_hash.h`)?.match(/"(.*)"/)?.[1];
  const layout = seed === undefined ? '' : `RANDSTRUCT_${seed} `;
  return [
    `version=${version}\0`,
    `vermagic=${release} SMP mod_unload ${isVersioned ? 'modversions ' : ''}${layout}\0`,
    ...crcs,
  ].join('');
}

/** Builds, installs and reads modules, whose text is what modinfo says of them. */
export const workingDkms: ExecFunction = (call, host) => {
  const { fs } = host;
  const { command, args } = call;
  const [verb] = args;
  const [version, release] = [optionOf(args, '-v'), optionOf(args, '-k')];
  const module = `/lib/modules/${release}/kernel/extra/tenstorrent.ko`;
  switch (command) {
    case 'dkms':
      if (verb === 'add') {
        fs.link(`/usr/src/tenstorrent-${version}`, `/var/lib/dkms/tenstorrent/${version}/source`);
      } else if (verb === 'build') {
        const folder = `${optionOf(args, '--dkmstree')}/tenstorrent/${version}/${release}/x86_64`;
        fs.write(`${folder}/module/tenstorrent.ko`, built(fs, version, release));
        fs.write(`${folder}/log/make.log`, 'make: done\n');
      } else if (verb === 'install') {
        const place = `${version}/${release}/x86_64`;
        fs.link(place, `/var/lib/dkms/tenstorrent/kernel-${release}-x86_64`);
        fs.write(module, fs.readText(`/var/lib/dkms/tenstorrent/${place}/module/tenstorrent.ko`) ?? '');
      }
      return '';
    case 'depmod':
      fs.write(
        `/lib/modules/${args.at(-1)}/modules.dep`,
        'kernel/fs/ext4.ko:\nkernel/extra/tenstorrent.ko:\n',
      );
      return '';
    case 'modinfo': {
      const asked = args.includes('-k') ? [module] : args.filter((path) => path.startsWith('/'));
      const files = asked.filter((path) => fs.exists(path));
      if (files.length === 0) return { code: 1 };
      return files.map((path) => `filename:       ${path}\0${fs.readText(path)}`).join('');
    }
    case 'modprobe':
      return modversions(call, host);
    default:
      return undefined;
  }
};
