// The inventory: each shape in which a kernel can lie about, recognised as what it is.
import { describe, expect, it } from 'vitest';
import { observeKernels } from '../../../src/kernels/inventory.ts';
import type { Kernel } from '../../../src/kernels/kernel.ts';
import { buildTree, type Files, gentooKernel, machine, modulesFolder } from '../support/machines.ts';

const R = '6.12.58-gentoo-dist';

function kernelsOf(files: Files, running?: string): Kernel[] {
  return observeKernels(machine(files, { machine: { runningRelease: running } }));
}

function named(release: string, files: Files): Kernel {
  return kernelsOf(files).find((kernel) => kernel.release === release) as Kernel;
}

function only(files: Files): Kernel {
  const kernels = kernelsOf(files);
  expect(kernels).toHaveLength(1);
  return kernels[0] as Kernel;
}

describe('a kernel in /lib/modules', () => {
  it('is a dist-kernel by the file that Portage writes, whatever its suffix', () => {
    expect(only(gentooKernel('6.12.58-custom')).origin).toEqual({
      kind: 'dist-kernel',
      package: 'sys-kernel/gentoo-kernel-6.12.58:6.12.58',
    });
  });

  it('is hand-built without that file, though its release says gentoo-dist', () => {
    const files = {
      ...modulesFolder(R),
      ...buildTree('/usr/src/linux', R),
      [`/lib/modules/${R}/build`]: { link: '/usr/src/linux' },
    };
    expect(only(files).origin).toEqual({ kind: 'hand-built' });
  });

  it("is a distribution's by dpkg's list of its package", () => {
    const release = '6.1.0-40-amd64';
    const files = {
      ...modulesFolder(release),
      ...buildTree(`/usr/src/linux-headers-${release}`, release),
      [`/lib/modules/${release}/build`]: { link: `/usr/src/linux-headers-${release}` },
      [`/var/lib/dpkg/info/linux-image-${release}.list`]: '',
    };
    const kernel = only(files);
    expect(kernel.origin).toEqual({ kind: 'distribution', package: `linux-image-${release}` });
    expect(kernel.buildTree.ready).toBe(true);
  });

  it('names the compiler that built it', () => {
    const options = 'CONFIG_CC_VERSION_TEXT="gcc (Gentoo 14.2.1 p3) 14.2.1 20241221"\n';
    expect(only(gentooKernel(R, { options })).compiler).toBe('gcc (Gentoo 14.2.1 p3) 14.2.1 20241221');
  });

  it.each([
    [`/boot/vmlinuz-${R}`],
    [`/boot/kernel-${R}`],
    [`/boot/kernel-genkernel-x86_64-${R}`],
    [`/boot/0123456789abcdef0123456789abcdef/${R}/linux`],
    [`/efi/EFI/Linux/gentoo-${R}.efi`],
    [`/boot/EFI/Linux/0123456789abcdef0123456789abcdef-${R}.efi`],
    [`/boot/EFI/Linux/${R}.efi`],
    [`/efi/EFI/Linux/gentoo-${R}+3.efi`],
    [`/efi/EFI/Linux/gentoo-${R}+2-1.efi`],
    [`/boot/efi/EFI/Linux/${R}+3.efi`],
    [`/efi/my-token/${R}/linux`],
    [`/boot/gentoo/${R}/linux`],
    [`/boot/efi/kernel.test/${R}/linux`],
    [`/boot/vmlinuz-${R}.efi`],
    [`/boot/kernel-${R}.efi`],
    [`/boot/EFI/gentoo/vmlinuz-${R}.efi`],
    [`/boot/EFI/EFI/Gentoo/vmlinuz-${R}.efi`],
    [`/efi/EFI/Gentoo/kernel-${R}.efi`],
    [`/boot/efi/EFI/Gentoo Linux/bzImage-${R}.efi`],
  ])('finds its image at %s', (image) => {
    const files = Object.fromEntries(
      Object.entries(gentooKernel(R)).filter(([path]) => !path.startsWith('/boot/')),
    );
    expect(only({ ...files, [image]: 'image' }).image).toBe(image);
  });

  it.each([
    [`/boot/EFI/Linux/gentoo-1${R}.efi`],
    [`/boot/EFI/Linux/gentoo-${R}-old.efi`],
    [`/boot/vmlinuz-${R}.old`],
    [`/boot/initramfs-${R}.img`],
    [`/boot/System.map-${R}`],
    [`/boot/my-token/${R}/initrd`],
    [`/boot/grub/${R}/linux.mod`],
  ])('does not take %s for its image', (path) => {
    const files = Object.fromEntries(
      Object.entries(gentooKernel(R)).filter(([one]) => !one.startsWith('/boot/')),
    );
    expect(only({ ...files, [path]: 'x' }).image).toBeUndefined();
  });

  it('tells a release that ends like a count of tries from one that was counted', () => {
    const files = { ...modulesFolder('6.12.5+3'), ...modulesFolder('6.12.5') };
    const bare = Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith('/boot/')));
    const images = (name: string) =>
      kernelsOf({ ...bare, [`/efi/EFI/Linux/${name}`]: 'x' }).map((kernel) => kernel.image !== undefined);
    expect(images('x-6.12.5+3+2-1.efi')).toEqual([true, false]);
    expect(images('x-6.12.5+2-1.efi')).toEqual([false, true]);
  });

  it('does not take the image of another release for its own', () => {
    const kernels = kernelsOf({ ...gentooKernel('6.12.5'), ...gentooKernel('6.12.58') });
    expect(kernels.map((kernel) => kernel.image)).toEqual(['/boot/vmlinuz-6.12.58', '/boot/vmlinuz-6.12.5']);
  });
});

/** Sources that the link follows to, as `/usr/src/linux` does. */
const NEXT: Files = {
  [`/lib/modules/${R}/build`]: { link: '/usr/src/linux' },
  '/usr/src/linux/Makefile': 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 5\n',
};

describe('what a build tree lacks', () => {
  it.each<[string, Files, string]>([
    ['no link (depcleaned with /usr merged)', modulesFolder(R), 'no-build-link'],
    [
      'a dangling link (depcleaned with /usr split)',
      { ...modulesFolder(R), [`/lib/modules/${R}/build`]: { link: `/usr/src/linux-${R}` } },
      'dangling-build-link',
    ],
    ['headers of another release', gentooKernel(R, { release: '6.12.60-gentoo-dist' }), 'other-release'],
    ['sources of another version', { ...modulesFolder(R), ...NEXT }, 'other-release'],
    [
      'sources of its own version',
      {
        ...modulesFolder(R),
        ...NEXT,
        '/usr/src/linux/Makefile': 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 58\n',
      },
      'not-configured',
    ],
    [
      'no Module.symvers under modversions',
      gentooKernel(R, { options: 'CONFIG_MODVERSIONS=y\n', without: ['Module.symvers'] }),
      'no-symvers',
    ],
    ['no modpost', gentooKernel(R, { without: ['scripts/mod/modpost'] }), 'no-modpost'],
    ['no release header', gentooKernel(R, { without: ['include/generated/utsrelease.h'] }), 'not-prepared'],
    ['no configuration', gentooKernel(R, { without: ['include/config/auto.conf'] }), 'not-configured'],
    ['no Makefile', gentooKernel(R, { without: ['Makefile'] }), 'no-makefile'],
  ])('%s', (_, files, code) => {
    const { buildTree: tree } = named(R, files);
    expect(tree.ready).toBe(false);
    expect(tree.missing.map((one) => one.code)).toContain(code);
    expect(tree.missing.every((one) => one.text.length > 20)).toBe(true);
  });

  it('is told nothing of a kernel by the tree of another one', () => {
    const other = gentooKernel(R, { release: '6.12.60-gentoo-dist', options: 'CONFIG_MODULE_SIG_FORCE=y\n' });
    const tree = `/usr/src/linux-${R}`;
    const kernel = named(R, {
      ...other,
      [`${tree}/dist-kernel`]: 'sys-kernel/gentoo-kernel-6.12.60:6.12.60\n',
    });
    expect(kernel).toMatchObject({
      configuration: {},
      abiIdentity: undefined,
      buildTree: { path: undefined },
    });
    expect(kernel.origin.kind).not.toBe('dist-kernel');
  });

  it('does without Module.symvers where symbol versions are not checked', () => {
    expect(only(gentooKernel(R, { without: ['Module.symvers'] })).buildTree.ready).toBe(true);
  });

  it('tells configured from not configured', () => {
    const files = {
      ...gentooKernel(R, { without: ['include/config/auto.conf'] }),
      [`/usr/src/linux-${R}/.config`]: 'CONFIG_PCI=y\n',
    };
    expect(only(files).buildTree.missing.map((one) => one.code)).toEqual(['not-prepared']);
  });

  it('says so where it may not be read', () => {
    const files = {
      ...gentooKernel(R),
      [`/usr/src/linux-${R}/include/config/auto.conf`]: { text: '', mode: 0 },
    };
    expect(only(files).buildTree.missing.map((one) => one.code)).toEqual(['unreadable']);
  });
});

describe('what is no usable kernel', () => {
  it.each<[string, Files, Kernel['kind']]>([
    [
      'a folder with only our module',
      { [`/lib/modules/${R}/kernel-extra/x`]: '', [`/lib/modules/${R}/updates/dkms/tenstorrent.ko`]: '' },
      'leftover',
    ],
    [
      'a folder with only our module, where dkms puts it on other distributions',
      { [`/lib/modules/${R}/kernel/drivers/misc/tenstorrent.ko`]: '' },
      'leftover',
    ],
    ['an empty folder', { [`/lib/modules/${R}`]: { folder: true } }, 'leftover'],
    [
      'headers alone',
      { ...buildTree('/usr/src/h', R), [`/lib/modules/${R}/build`]: { link: '/usr/src/h' } },
      'headers-only',
    ],
    ['a copy that was put aside', { [`/lib/modules/${R}.old/kernel/fs/ext4.ko`]: '' }, 'backup'],
    ['a depcleaned one that still boots', modulesFolder(R), 'installed'],
    ['one whose own name ends like a copy', modulesFolder(`${R}.bak`), 'installed'],
  ])('%s', (_, files, kind) => {
    expect(only(files).kind).toBe(kind);
  });

  it.each(['.bak', '.bak2', '.orig', '.save', '.backup-20260101', '.old', '~', '.~1~'])(
    'a copy of a kernel, put aside as %s by somebody',
    (suffix) => {
      const kernels = kernelsOf({
        ...gentooKernel(R),
        [`/lib/modules/${R}${suffix}/kernel/fs/ext4.ko`]: '',
        [`/lib/modules/${R}${suffix}/build`]: { link: `/usr/src/linux-${R}` },
      });
      expect(Object.fromEntries(kernels.map((kernel) => [kernel.release, kernel.kind]))).toEqual({
        [R]: 'installed',
        [`${R}${suffix}`]: 'backup',
      });
    },
  );

  it.each(['-bak', '.1', '~rc1', '-old', '.bakery'])(
    'a kernel of its own that ends in %s is none',
    (suffix) => {
      const kernels = kernelsOf({ ...modulesFolder('6.12'), ...modulesFolder(`6.12${suffix}`) });
      expect(kernels.map((kernel) => kernel.kind)).toEqual(['installed', 'installed']);
    },
  );

  it('the folder of the running kernel is no copy, whatever its name', () => {
    const kernels = kernelsOf({ ...modulesFolder(R), ...modulesFolder(`${R}.old`) }, `${R}.old`);
    expect(kernels.map((kernel) => kernel.kind)).toEqual(['installed', 'installed']);
  });

  it('a folder that was renamed while its kernel runs is a copy', () => {
    const kernels = kernelsOf({ [`/lib/modules/${R}.bak/kernel/fs/ext4.ko`]: '' }, R);
    expect(kernels.find((kernel) => !kernel.running)?.kind).toBe('backup');
  });

  it('passes over files and hidden folders', () => {
    expect(kernelsOf({ '/lib/modules/README': '', '/lib/modules/.cache/x': '' })).toEqual([]);
  });
});

describe('source trees', () => {
  const makefile = 'VERSION = 6\nPATCHLEVEL = 18\nSUBLEVEL = 2\nEXTRAVERSION = -gentoo\n';

  it('lists sources that nobody has configured', () => {
    const kernel = only({ '/usr/src/linux-6.18.2-gentoo/Makefile': makefile });
    expect(kernel).toMatchObject({ release: '6.18.2-gentoo', kind: 'sources-only' });
    expect(kernel.buildTree.missing.map((one) => one.code)).toEqual(['not-configured']);
  });

  it('adds the configured suffix to the release', () => {
    const kernel = only({
      '/usr/src/linux-6.18.2-gentoo/Makefile': makefile,
      '/usr/src/linux-6.18.2-gentoo/.config': 'CONFIG_LOCALVERSION="-tiny"\n',
    });
    expect(kernel.release).toBe('6.18.2-gentoo-tiny');
  });

  it('lists a built tree whose modules are not installed', () => {
    const kernel = only(buildTree('/usr/src/linux-6.18.2-gentoo', '6.18.2-gentoo'));
    expect(kernel.buildTree.missing.map((one) => one.code)).toEqual(['not-installed']);
  });

  it('does not list a tree twice', () => {
    expect(only(gentooKernel(R)).sourceTree).toBe(`/usr/src/linux-${R}`);
  });

  it("passes over Debian's headers and links", () => {
    const files = {
      '/usr/src/linux-headers-6.1.0-40-common/Makefile': makefile,
      '/usr/src/linux': { link: 'linux-headers-6.1.0-40-common' },
    };
    expect(kernelsOf(files)).toEqual([]);
  });
});

describe('the list', () => {
  it('has the newest release first', () => {
    const releases = ['6.6.9', '6.12.58-gentoo-dist', '6.12.6-gentoo-dist', '6.18.0-rc3', '6.18.0'];
    const files = Object.assign({}, ...releases.map((release) => gentooKernel(release)));
    expect(kernelsOf(files).map((kernel) => kernel.release)).toEqual([
      '6.18.0',
      '6.18.0-rc3',
      '6.12.58-gentoo-dist',
      '6.12.6-gentoo-dist',
      '6.6.9',
    ]);
  });

  it('marks the running kernel, and lists it even without modules', () => {
    const kernels = kernelsOf(gentooKernel(R), '6.18.44-vm');
    expect(kernels.map(({ release, running, kind }) => [release, running, kind])).toEqual([
      ['6.18.44-vm', true, 'no-modules'],
      [R, false, 'installed'],
    ]);
  });

  it('marks the running kernel where its source tree is all that is there of it', () => {
    const kernels = kernelsOf(buildTree(`/usr/src/linux-${R}`, R), R);
    expect(kernels).toMatchObject([{ release: R, kind: 'sources-only', running: true }]);
  });

  it('resolves absolute links inside a root', () => {
    const host = machine(gentooKernel(R), { root: '/mnt/gentoo' });
    expect(observeKernels(host)[0]?.buildTree).toEqual({
      path: `/usr/src/linux-${R}`,
      ready: true,
      missing: [],
    });
  });
});
