// A dkms, a depmod and a modinfo that change files as the real ones do, for runs that go all the way.
import type { ExecFunction } from './scripted-exec.ts';

/** The value behind an option on a command line. */
function optionOf(args: readonly string[], option: string): string {
  return args[args.indexOf(option) + 1] ?? '';
}

/** Builds, installs and reads modules, whose text is what modinfo says of them. */
export const workingDkms: ExecFunction = (call, { fs }) => {
  const { command, args } = call;
  const [verb] = args;
  const [version, release] = [optionOf(args, '-v'), optionOf(args, '-k')];
  const module = `/lib/modules/${release}/kernel/extra/tenstorrent.ko`;
  switch (command) {
    case 'dkms':
      if (verb === 'add') {
        fs.link(`/usr/src/tenstorrent-${version}`, `/var/lib/dkms/tenstorrent/${version}/source`);
      } else if (verb === 'build') {
        const built = `${optionOf(args, '--dkmstree')}/tenstorrent/${version}/${release}/x86_64`;
        const text = `version=${version}\0vermagic=${release} SMP mod_unload \0`;
        fs.write(`${built}/module/tenstorrent.ko`, text);
        fs.write(`${built}/log/make.log`, 'make: done\n');
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
    default:
      return undefined;
  }
};
