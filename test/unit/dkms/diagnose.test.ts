// Logs of failed builds, and what is made of each.
import { describe, expect, test } from 'vitest';
import { type DiagnosedKernel, type Diagnosis, diagnoseBuild } from '../../../src/dkms/diagnose.ts';
import { BUILD, log30, log32 } from './diagnose-logs.ts';

const GENTOO = '6.12.60-gentoo-dist';
const DEBIAN = '6.1.0-56-amd64';

type Options = Readonly<Record<string, string>>;

function kernel(release: string, options: Options = {}): DiagnosedKernel {
  return {
    release,
    configuration: (option) => options[option],
    distKernel: release.endsWith('-gentoo-dist'),
  };
}

function diagnose(
  log: string,
  exitCode: number | undefined,
  release = GENTOO,
  options: Options = {},
): Diagnosis {
  return diagnoseBuild({ exitCode, timedOut: false, log, kernel: kernel(release, options) });
}

/** The line that every failed compilation ends with. */
const MAKE_ENDED = `make[1]: *** [/usr/src/linux/scripts/Makefile.build:255: ${BUILD}/chardev.o] Error 1
make: *** [/usr/src/linux/Makefile:2065: ${BUILD}] Error 2`;

interface Row {
  readonly name: string;
  readonly make: string;
  readonly release?: string;
  readonly options?: Options;
  readonly code: string;
  readonly headline: string | RegExp;
  readonly cause?: RegExp;
  readonly hint: RegExp;
  readonly transient?: true;
}

const undefinedSymbol = (...names: readonly string[]): string =>
  `  MODPOST ${BUILD}/Module.symvers
${names.map((name) => `ERROR: modpost: "${name}" [${BUILD}/tenstorrent.ko] undefined!`).join('\n')}
make[2]: *** [/usr/src/linux/scripts/Makefile.modpost:145: ${BUILD}/Module.symvers] Error 1`;

/** What make and the compiler say. Each is told to the diagnosis in the frame of both versions of dkms. */
const rows: readonly Row[] = [
  {
    name: 'a symbol of an option that is off, dist-kernel',
    make: undefinedSymbol('hwmon_device_register_with_info'),
    code: 'missing-symbol',
    headline: 'hwmon_device_register_with_info is missing',
    cause: /^CONFIG_HWMON is off in this kernel$/,
    hint: /^set CONFIG_HWMON=y in \/etc\/kernel\/config\.d\/50-tenstorrent\.config and emerge the kernel again$/,
  },
  {
    name: 'the same, hand-built',
    make: undefinedSymbol('hwmon_device_register_with_info', 'hwmon_device_unregister'),
    release: '6.6.119-gentoo-tiny',
    code: 'missing-symbol',
    headline: 'hwmon_device_register_with_info and hwmon_device_unregister are missing',
    cause: /CONFIG_HWMON is off/,
    hint: /turn on CONFIG_HWMON with make menuconfig/,
  },
  {
    name: "the same, Debian's cloud kernel",
    make: undefinedSymbol('hwmon_device_register_with_info'),
    release: '6.12.117+deb12-cloud-amd64',
    code: 'missing-symbol',
    headline: /is missing$/,
    cause: /CONFIG_HWMON is off/,
    hint: /apt install linux-image-6\.12\.117\+deb12-amd64 linux-headers-6\.12\.117\+deb12-amd64/,
  },
  {
    name: 'symbols of two options, the older form of the message',
    make: `ERROR: "hwmon_device_unregister" [${BUILD}/tenstorrent.ko] undefined!\nERROR: "__pci_register_driver" [${BUILD}/tenstorrent.ko] undefined!`,
    code: 'missing-symbol',
    headline: 'hwmon_device_unregister and __pci_register_driver are missing',
    cause: /^CONFIG_HWMON and CONFIG_PCI are off in this kernel$/,
    hint: /CONFIG_HWMON=y and CONFIG_PCI=y/,
  },
  {
    name: 'an option that only another one can turn on',
    make: undefinedSymbol('dma_buf_export', 'dma_buf_fd', 'dma_buf_get'),
    code: 'missing-symbol',
    headline: 'dma_buf_export and 2 other symbols are missing',
    cause: /CONFIG_DMA_SHARED_BUFFER is off/,
    hint: /set CONFIG_SYNC_FILE=y in/,
  },
  {
    name: 'an IOMMU of either maker',
    make: undefinedSymbol('iommu_get_domain_for_dev'),
    code: 'missing-symbol',
    headline: /^iommu_get_domain_for_dev is missing$/,
    cause: /CONFIG_IOMMU_API/,
    hint: /CONFIG_INTEL_IOMMU=y or CONFIG_AMD_IOMMU=y/,
  },
  {
    name: 'a symbol of an option that is on',
    make: undefinedSymbol('hwmon_device_unregister'),
    options: { CONFIG_HWMON: 'm' },
    code: 'missing-symbol',
    headline: 'hwmon_device_unregister is missing',
    cause: /CONFIG_HWMON is on, so the build tree's Module\.symvers/,
    hint: /emerge the kernel package/,
  },
  {
    name: 'a symbol that nothing is known of',
    make: undefinedSymbol('frobnicate'),
    code: 'missing-symbol',
    headline: 'frobnicate is missing',
    cause: /does not offer it/,
    hint: /exclude = 6\.12\.60-gentoo-dist/,
  },
  {
    name: 'no Module.symvers at all',
    make: `WARNING: Module.symvers is missing.\n         Modules may not have dependencies or modversions.\n${undefinedSymbol('class_destroy', 'pci_unregister_driver')}`,
    release: DEBIAN,
    code: 'headers-not-ready',
    headline: 'Module.symvers is missing',
    cause: /not ready/,
    hint: /^apt install --reinstall linux-headers-6\.1\.0-56-amd64$/,
  },
  {
    name: 'a Module.symvers that lacks what no kernel lacks',
    make: undefinedSymbol('_printk', 'class_destroy'),
    release: '6.6.119-gentoo-tiny',
    code: 'headers-not-ready',
    headline: '_printk and class_destroy are missing',
    hint: /build this kernel in its source tree/,
  },
  {
    name: 'a missing Module.symvers does not matter where the compiler fails first',
    make: `WARNING: Symbol version dump "Module.symvers" is missing.\n${BUILD}/chardev.c:8:10: error: expected ';' before '}' token\n${MAKE_ENDED}`,
    code: 'compile-error',
    headline: "chardev.c:8:10: error: expected ';' before '}' token",
    hint: /driver version/,
  },
  {
    name: 'a symbol for the GPL only',
    make: `ERROR: modpost: GPL-incompatible module tenstorrent.ko uses GPL-only symbol 'put_device'`,
    code: 'gpl-only',
    headline: "GPL-incompatible module tenstorrent.ko uses GPL-only symbol 'put_device'",
    cause: /GPL/,
    hint: /unchanged driver source/,
  },
  {
    name: 'no license',
    make: `ERROR: modpost: missing MODULE_LICENSE() in ${BUILD}/tenstorrent.o`,
    code: 'gpl-only',
    headline: 'missing MODULE_LICENSE() in tenstorrent.o',
    hint: /MODULE_LICENSE/,
  },
  {
    name: 'a symbol in a namespace',
    make: 'ERROR: modpost: module tenstorrent uses symbol dma_buf_get from namespace DMA_BUF, but does not import it.',
    code: 'namespace',
    headline: /^dma_buf_get is in the symbol namespace DMA_BUF/,
    hint: /driver version/,
  },
  {
    name: 'an error of the C compiler, the first of many',
    make: `${BUILD}/chardev.c: In function ‘frob’:
${BUILD}/chardev.c:70:28: warning: assignment to ‘int’ from ‘char *’ makes integer from pointer without a cast [-Wint-conversion]
${BUILD}/chardev.c:76:33: error: ‘nothere’ undeclared (first use in this function)
   76 | static int frob(void) { int a = nothere; return No space left on device; }
${BUILD}/chardev.c:99:49: error: implicit declaration of function ‘other’ [-Werror=implicit-function-declaration]
cc1: some warnings being treated as errors
${MAKE_ENDED}`,
    code: 'compile-error',
    headline: "chardev.c:76:33: error: 'nothere' undeclared (first use in this function)",
    cause: /does not fit this kernel/,
    hint: /driver version that knows this kernel/,
  },
  {
    name: 'an implicit declaration',
    make: `${BUILD}/chardev.c:76:32: error: implicit declaration of function ‘get_user_pages_fast’; did you mean ‘x’? [-Werror=implicit-function-declaration]\n${MAKE_ENDED}`,
    code: 'implicit-declaration',
    headline: /^chardev\.c:76:32: error: implicit declaration/,
    cause: /does not offer get_user_pages_fast/,
    hint: /driver version/,
  },
  {
    name: "clang's words",
    make: `${BUILD}/chardev.c:76:9: error: call to undeclared function 'foo'; ISO C99 and later do not support implicit function declarations [-Werror,-Wimplicit-function-declaration]`,
    code: 'implicit-declaration',
    headline: /^chardev\.c:76:9: error: call to undeclared function 'foo'/,
    cause: /does not offer foo/,
    hint: /driver version/,
  },
  {
    name: 'a header that the kernel lacks',
    make: `${BUILD}/chardev.c:8:10: fatal error: linux/gone.h: No such file or directory\ncompilation terminated.\n${MAKE_ENDED}`,
    code: 'missing-header',
    headline: 'chardev.c:8:10: fatal error: linux/gone.h: No such file or directory',
    cause: /no header linux\/gone\.h/,
    hint: /driver version/,
  },
  {
    name: 'a header that the build tree should have made',
    make: `/usr/src/linux/include/linux/kconfig.h:5:10: fatal error: generated/autoconf.h: No such file or directory\n${MAKE_ENDED}`,
    code: 'headers-not-ready',
    headline: 'generated/autoconf.h is missing',
    hint: /emerge the kernel package/,
  },
  {
    name: '#error',
    make: `${BUILD}/chardev.c:23:2: error: #error "needs 5.4 or later"\n${MAKE_ENDED}`,
    code: 'compile-error',
    headline: 'chardev.c:23:2: error: #error "needs 5.4 or later"',
    cause: /refuses/,
    hint: /driver version/,
  },
  {
    name: 'a warning that counts as an error',
    make: `${BUILD}/chardev.c:321:2: error: unused variable ‘x’ [-Werror=unused-variable]\ncc1: all warnings being treated as errors\n${MAKE_ENDED}`,
    code: 'compile-error',
    headline: /unused variable 'x'/,
    cause: /warning/,
    hint: /driver version/,
  },
  {
    name: 'a Makefile without a tab',
    make: `${BUILD}/Makefile:41: *** missing separator.  Stop.\nmake: *** [/usr/src/linux/Makefile:2065: ${BUILD}] Error 2`,
    code: 'makefile-error',
    headline: 'Makefile:41: *** missing separator',
    cause: /driver source has an error in a Makefile/,
    hint: /unchanged driver source/,
  },
  {
    name: 'a source file that is not there',
    make: `make[1]: *** No rule to make target '${BUILD}/gone.o', needed by '${BUILD}/'.  Stop.`,
    code: 'makefile-error',
    headline: /^No rule to make target 'gone\.o'/,
    cause: /driver source lacks a file/,
    hint: /unchanged driver source/,
  },
  {
    name: 'a build tree without modpost',
    make: `make[1]: *** No rule to make target 'scripts/mod/modpost', needed by '${BUILD}/Module.symvers'.  Stop.`,
    code: 'headers-not-ready',
    headline: 'scripts/mod/modpost is missing',
    hint: /emerge the kernel package of 6\.12\.60-gentoo-dist again/,
  },
  {
    name: 'a build tree whose tools were cleaned away',
    make: '/bin/sh: line 1: scripts/basic/fixdep: No such file or directory\n/bin/sh: line 1: ./tools/objtool/objtool: not found\nmake[2]: *** [/usr/src/linux/scripts/Makefile.build:255: x] Error 127',
    code: 'headers-not-ready',
    headline: './tools/objtool/objtool is missing',
    hint: /emerge the kernel package/,
  },
  {
    name: 'a build tree that is not configured',
    make: `\n  ERROR: Kernel configuration is invalid.\n         include/generated/autoconf.h or include/config/auto.conf are missing.\n         Run 'make oldconfig && make prepare' on kernel src to fix it.\n\nmake: *** [/usr/src/linux/Makefile:817: include/config/auto.conf] Error 1`,
    release: '6.18.2-gentoo',
    code: 'headers-not-ready',
    headline: 'Kernel configuration is invalid',
    hint: /build this kernel in its source tree/,
  },
  {
    name: 'a build tree without a Makefile',
    make: 'make: *** No targets specified and no makefile found.  Stop.',
    code: 'headers-not-ready',
    headline: 'No targets specified and no makefile found',
    hint: /emerge/,
  },
  {
    name: 'a build tree that went away',
    make: `make: *** /lib/modules/${GENTOO}/build: No such file or directory.  Stop.`,
    code: 'headers-not-ready',
    headline: `/lib/modules/${GENTOO}/build is missing`,
    hint: /emerge/,
  },
  {
    name: 'a build tree for another architecture',
    make: "/usr/src/linux/Makefile:601: arch/amd64/Makefile: No such file or directory\nmake: *** No rule to make target 'arch/amd64/Makefile'.  Stop.",
    code: 'headers-not-ready',
    headline: 'arch/amd64/Makefile is missing',
    hint: /emerge/,
  },
  {
    name: 'tools of the build tree that do not run here',
    make: '/bin/sh: 1: scripts/mod/modpost: Exec format error\nmake[1]: *** [x] Error 126',
    code: 'headers-not-ready',
    headline: /Exec format error/,
    hint: /emerge/,
  },
  {
    name: 'a missing compiler, dash',
    make: `  CC [M]  ${BUILD}/chardev.o\n/bin/sh: 1: gcc-12: not found\nmake[1]: *** [/usr/src/linux/scripts/Makefile.build:255: ${BUILD}/chardev.o] Error 127`,
    release: DEBIAN,
    options: { CONFIG_CC_VERSION_TEXT: 'gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0' },
    code: 'compiler-missing',
    headline: 'the compiler gcc-12 is missing',
    cause: /built with gcc-12 \(Debian 12\.2\.0-14\+deb12u1\) 12\.2\.0$/,
    hint: /^apt install gcc-12$/,
    transient: true,
  },
  {
    name: 'a missing compiler, bash',
    make: '/bin/sh: line 1: x86_64-pc-linux-gnu-gcc: command not found\nmake[1]: *** [x] Error 127',
    code: 'compiler-missing',
    headline: 'the compiler x86_64-pc-linux-gnu-gcc is missing',
    hint: /^emerge --oneshot sys-devel\/gcc$/,
    transient: true,
  },
  {
    name: 'a missing compiler, make',
    make: 'make[1]: gcc: No such file or directory\nmake[1]: *** [x] Error 127',
    release: '6.6.119-gentoo-tiny',
    code: 'compiler-missing',
    headline: 'the compiler gcc is missing',
    hint: /sys-devel\/gcc/,
    transient: true,
  },
  {
    name: 'a missing clang',
    make: '/bin/sh: line 1: clang: command not found',
    code: 'compiler-missing',
    headline: 'the compiler clang is missing',
    hint: /llvm-core\/clang/,
    transient: true,
  },
  {
    name: 'half a compiler',
    make: "gcc: fatal error: cannot execute 'cc1': execvp: No such file or directory\ncompilation terminated.",
    release: DEBIAN,
    code: 'compiler-missing',
    headline: 'the compiler cc1 is missing',
    hint: /^apt install gcc$/,
    transient: true,
  },
  {
    name: 'a missing linker',
    make: '/bin/sh: 1: ld: not found\nmake[1]: *** [x] Error 127',
    code: 'tool-missing',
    headline: 'ld is missing',
    hint: /^emerge --oneshot sys-devel\/binutils$/,
    transient: true,
  },
  {
    name: 'no pahole, for a kernel with BTF',
    make: `  BTF [M] ${BUILD}/tenstorrent.ko\n/bin/sh: 1: pahole: not found\nmake[2]: *** [/usr/src/linux/scripts/Makefile.modfinal:64: ${BUILD}/tenstorrent.ko] Error 127`,
    release: DEBIAN,
    code: 'tool-missing',
    headline: 'pahole is missing',
    hint: /^apt install pahole$/,
    transient: true,
  },
  {
    name: 'a program that nobody knows',
    make: '/bin/sh: line 1: frobtool: command not found\nmake[1]: *** [x] Error 127',
    code: 'tool-missing',
    headline: 'frobtool is missing',
    hint: /the package that has frobtool/,
    transient: true,
  },
  {
    name: 'a program that a script could do without',
    make: `/usr/sbin/dkms: line 12: lsb_release: command not found\n${BUILD}/chardev.c:8:1: error: unknown type name ‘foo’\n${MAKE_ENDED}`,
    code: 'compile-error',
    headline: "chardev.c:8:1: error: unknown type name 'foo'",
    hint: /driver version/,
  },
  {
    name: 'a library that a tool of the build tree needs',
    make: './tools/objtool/objtool: error while loading shared libraries: libelf.so.1: cannot open shared object file: No such file or directory',
    code: 'library-missing',
    headline: 'the library libelf.so.1 is missing',
    hint: /dev-libs\/elfutils/,
    transient: true,
  },
  {
    name: 'an option that the compiler does not know',
    make: `gcc-12: error: unrecognized command-line option ‘-fmin-function-alignment=16’\n${MAKE_ENDED}`,
    options: { CONFIG_CC_VERSION_TEXT: 'gcc (Gentoo 14.2.1) 14.2.1' },
    code: 'compiler-mismatch',
    headline: "gcc-12: error: unrecognized command-line option '-fmin-function-alignment=16'",
    cause: /built with gcc \(Gentoo 14\.2\.1\) 14\.2\.1/,
    hint: /gcc-config -l/,
  },
  {
    name: 'a plugin of another gcc',
    make: 'cc1: error: incompatible gcc/plugin versions\ncc1: error: fail to initialize plugin ./scripts/gcc-plugins/stackleak_plugin.so',
    code: 'compiler-mismatch',
    headline: 'cc1: error: incompatible gcc/plugin versions',
    cause: /only the very compiler/,
    hint: /gcc-config/,
  },
  {
    name: 'a full disk, the compiler',
    make: `${BUILD}/chardev.c:320:1: fatal error: closing dependency file ${BUILD}/.chardev.o.d: No space left on device\n${MAKE_ENDED}`,
    code: 'no-space',
    headline: 'no space left on the device',
    cause: /closing dependency file \.chardev\.o\.d/,
    hint: /^make room .*ttkmdctl reconcile --kernel 6\.12\.60-gentoo-dist$/,
    transient: true,
  },
  {
    name: 'a full disk, the assembler, which then misses its own file',
    make: `/tmp/ccoqZzwp.s: Assembler messages:\n/tmp/ccoqZzwp.s: Fatal error: can't write 3886 bytes to section .debug_info of ${BUILD}/chardev.o: 'No space left on device'\n/tmp/ccoqZzwp.s: Fatal error: ${BUILD}/chardev.o: No such file or directory`,
    code: 'no-space',
    headline: 'no space left on the device',
    hint: /make room/,
    transient: true,
  },
  {
    name: 'a quota',
    make: 'ld: final link failed: Disk quota exceeded',
    code: 'no-space',
    headline: 'no space left on the device',
    hint: /make room/,
    transient: true,
  },
  {
    name: 'memory, gcc',
    make: `gcc: fatal error: Killed signal terminated program cc1\ncompilation terminated.\n${MAKE_ENDED}`,
    code: 'out-of-memory',
    headline: /ran out of memory/,
    hint: /jobs = 1/,
    transient: true,
  },
  {
    name: 'memory, cc1',
    make: 'virtual memory exhausted: Cannot allocate memory',
    code: 'out-of-memory',
    headline: /ran out of memory/,
    hint: /jobs = 1/,
    transient: true,
  },
  {
    name: 'make interrupted',
    make: `make[1]: *** [/usr/src/linux/scripts/Makefile.build:255: ${BUILD}/chardev.o] Terminated`,
    code: 'interrupted',
    headline: 'the build was interrupted',
    hint: /start it again/,
    transient: true,
  },
  {
    name: 'a compiler that crashes',
    make: `${BUILD}/chardev.c:8:1: internal compiler error: Segmentation fault`,
    code: 'compiler-crash',
    headline: 'chardev.c:8:1: internal compiler error: Segmentation fault',
    hint: /another compiler/,
  },
  {
    name: 'permission',
    make: '/bin/sh: 1: gcc-12: Permission denied\nmake[1]: *** [x] Error 127',
    code: 'permission-denied',
    headline: '/bin/sh: 1: gcc-12: Permission denied',
    hint: /dmesg/,
    transient: true,
  },
  {
    name: 'a linker that refuses',
    make: `ld: ${BUILD}/tenstorrent.o: relocation R_X86_64_32S cannot be used\n${MAKE_ENDED}`,
    code: 'toolchain-error',
    headline: /^ld: tenstorrent\.o: relocation/,
    hint: /ttkmdctl logs/,
  },
  {
    name: 'BTF of another pahole',
    make: 'FAILED: load BTF from vmlinux: Invalid argument',
    code: 'toolchain-error',
    headline: 'FAILED: load BTF from vmlinux: Invalid argument',
    hint: /ttkmdctl logs/,
  },
  {
    name: 'a file that another build took away',
    make: `  LD [M]  ${BUILD}/tenstorrent.ko\nld: cannot find ${BUILD}/tenstorrent.mod.o: No such file or directory`,
    code: 'overlap',
    headline: 'ld: cannot find tenstorrent.mod.o: No such file or directory',
    cause: /another dkms/,
    hint: /wait until it has ended/,
    transient: true,
  },
  {
    name: 'an object that another build was still writing',
    make: `${BUILD}/chardev.o: warning: objtool: gelf_getehdr: invalid \`Elf' handle\n${MAKE_ENDED}`,
    code: 'overlap',
    headline: "chardev.o: warning: objtool: gelf_getehdr: invalid 'Elf' handle",
    hint: /wait/,
    transient: true,
  },
  {
    name: 'nothing that is known',
    make: `  CC [M]  ${BUILD}/chardev.o\nmake[1]: *** [/usr/src/linux/scripts/Makefile.build:255: ${BUILD}/chardev.o] Error 1`,
    code: 'build-failed',
    headline: '[/usr/src/linux/scripts/Makefile.build:255: chardev.o] Error 1',
    hint: /ttkmdctl logs 6\.12\.60-gentoo-dist/,
  },
];

describe.each([
  ['dkms 3.0.10', log30],
  ['dkms 3.2.2', log32],
])('what make says, in the frame of %s', (_version, frame) => {
  test.each(rows)('$name', (row) => {
    const release = row.release ?? GENTOO;
    const found = diagnose(frame(row.make, release), 10, release, row.options);
    expect(found).toMatchObject({ code: row.code, transient: row.transient ?? false });
    if (typeof row.headline === 'string') expect(found.headline).toBe(row.headline);
    else expect(found.headline).toMatch(row.headline);
    if (row.cause !== undefined) expect(found.cause).toMatch(row.cause);
    expect(found.hint).toMatch(row.hint);
  });
});

/** What dkms says itself, as 3.0.10 and 3.2.2 print it. */
const dkmsRows: readonly (readonly [string, number, string, string, string | RegExp, boolean])[] = [
  [
    'no headers, 3.0.10, which ends with 1',
    1,
    `Error! Your kernel headers for kernel ${GENTOO} cannot be found at /lib/modules/${GENTOO}/build or /lib/modules/${GENTOO}/source.`,
    'headers-not-ready',
    /^Your kernel headers for kernel/,
    false,
  ],
  [
    'no headers, 3.2.2',
    21,
    `\nError! Your kernel headers for kernel x cannot be found at y`,
    'headers-not-ready',
    /headers/,
    false,
  ],
  ['no headers, no words', 21, '', 'headers-not-ready', /does not find the kernel headers/, false],
  [
    'BUILD_EXCLUSIVE, 3.0.10',
    77,
    'Error! The /var/lib/dkms/tenstorrent/2.9.0/x/x86_64/dkms.conf for module tenstorrent includes a BUILD_EXCLUSIVE directive which does not match this kernel/arch/config.',
    'unsupported',
    `the driver is not for ${GENTOO}`,
    false,
  ],
  [
    'BUILD_EXCLUSIVE, 3.4',
    77,
    'Warning: The x/dkms.conf\nfor module tenstorrent/2.9.0 includes BUILD_EXCLUSIVE directives\nwhich do not match this kernel/arch/config for any modules.',
    'unsupported',
    /is not for/,
    false,
  ],
  ['BUILD_EXCLUSIVE, no words', 77, '', 'unsupported', /is not for/, false],
  [
    'no source',
    2,
    'Error! Could not find module source directory.\nDirectory: /usr/src/tenstorrent-2.9.0 does not exist.',
    'no-source',
    'Could not find module source directory',
    false,
  ],
  [
    'no source any more, 3.0.10',
    4,
    'Error! Could not locate dkms.conf file.\nFile: /var/lib/dkms/x/source/dkms.conf does not exist.',
    'no-source',
    'Could not locate dkms.conf file',
    false,
  ],
  [
    'no source any more, 3.2.2',
    4,
    '\nError! tenstorrent/2.9.0 is broken!\nMissing the source directory or the symbolic link pointing to it.\nManual intervention is required!',
    'no-source',
    /^Missing the source directory/,
    false,
  ],
  ['a broken module, no words', 4, '', 'broken-module', /broken/, false],
  [
    'a bad dkms.conf',
    8,
    "dkms.conf: Error! No 'DEST_MODULE_LOCATION' directive specified for record #0.\n\nError! Bad conf file.",
    'bad-dkms-conf',
    "dkms.conf: No 'DEST_MODULE_LOCATION' directive specified for record #0",
    false,
  ],
  [
    'an empty source',
    8,
    'Error! The directory /usr/src/x does not appear to have module source located within it.',
    'bad-dkms-conf',
    /does not appear/,
    false,
  ],
  [
    'a patch that does not apply',
    6,
    'Applying patch x.patch...(bad exit status: 1)\nFailed command:\npatch -p1 < ./patches/x.patch\n\nError! Application of patch x.patch failed.',
    'patch-failed',
    /^the patch x\.patch/,
    false,
  ],
  [
    'a patch that is not there',
    5,
    'Error! Patch gone.patch as specified in dkms.conf cannot be\nfound in /x/patches/.',
    'patch-failed',
    /^the patch gone\.patch/,
    false,
  ],
  [
    'no patch program',
    6,
    'Applying patch x.patch...(bad exit status: 127)\n/usr/sbin/dkms: line 194: patch: command not found\nError! Application of patch x.patch failed.',
    'tool-missing',
    'patch is missing',
    true,
  ],
  [
    'a script that fails, with a status that means something else',
    3,
    'Running the pre_build script...(bad exit status: 3)\nFailed command:\ncd x && y',
    'script-failed',
    /^the pre_build script/,
    false,
  ],
  [
    'pre_install',
    101,
    'Error! pre_install failed, aborting install.',
    'script-failed',
    /^the pre_install script/,
    false,
  ],
  [
    'a module of another name',
    7,
    'Building module(s)... done.\n\nError! Build of other.ko failed for: x (x86_64)',
    'module-not-built',
    /^Build of other\.ko failed/,
    false,
  ],
  [
    'a missing dependency',
    13,
    'Error! Aborting build of module a/1 for kernel b (x86_64) due to missing BUILD_DEPENDS: foo.',
    'build-depends',
    /BUILD_DEPENDS: foo$/,
    false,
  ],
  [
    'depmod',
    6,
    'depmod...(bad exit status: 1)\nError! Problems with depmod detected. Automatically uninstalling this module.',
    'depmod',
    /^Problems with depmod/,
    true,
  ],
  [
    "depmod's own words",
    6,
    'depmod: ERROR: could not open directory /lib/modules/x: No such file or directory',
    'depmod',
    /could not open directory/,
    true,
  ],
  [
    'a kernel that is gone',
    6,
    "Error! The directory /lib/modules/x doesn't exist.\nYou cannot install a module onto a non-existant kernel.",
    'kernel-gone',
    `there is no /lib/modules/${GENTOO}`,
    true,
  ],
  [
    'an older module',
    6,
    'Module /lib/modules/x/extra/tenstorrent.ko already installed at version 2.10.0, override by specifying --force\n\nError! Installation aborted.',
    'version-refused',
    /already installed at version 2\.10\.0/,
    false,
  ],
  [
    'not registered',
    3,
    'Error! The module/version combo: tenstorrent/2.9.0 is not located in the DKMS tree.',
    'not-registered',
    /not located/,
    true,
  ],
  [
    'built meanwhile',
    3,
    'Error! This module/version has already been built on: x',
    'overlap',
    /already been built/,
    true,
  ],
  [
    'installed meanwhile',
    5,
    'Error! This module/version combo is already installed for kernel x (x86_64).',
    'overlap',
    /already installed/,
    true,
  ],
  [
    'built in another hurry',
    7,
    `mv: cannot overwrite 'x': Directory not empty\nError! do_build: final mv failed (1)`,
    'overlap',
    /final mv failed/,
    true,
  ],
  [
    'the folder went away, 3.2.2 says so',
    15,
    '/usr/sbin/dkms: line 1442: cd: /var/lib/dkms/tenstorrent/2.9.0/build: No such file or directory',
    'overlap',
    /No such file/,
    true,
  ],
  [
    'the log went away, 3.2.2',
    10,
    `Building module(s)..../usr/sbin/dkms: line 198: ${BUILD}/make.log: No such file or directory\n(bad exit status: 2)`,
    'overlap',
    /make\.log/,
    true,
  ],
  [
    'the log went away, 3.0.10',
    10,
    `make -j2 KERNELRELEASE=x -C y M=${BUILD}....(bad exit status: 2)\nError! Bad return status for module build on kernel: x (x86_64)\nConsult ${BUILD}/make.log for more information.`,
    'overlap',
    'the build folder went away during the build',
    true,
  ],
  [
    'somebody else wrote the log',
    7,
    `Error! Build of tenstorrent.ko failed for: ${GENTOO}\nDKMS (dkms-3.2.2) make.log for tenstorrent/2.9.0 for kernel 6.1.0-56-amd64 (x86_64)\nmake: Entering directory '/usr/src/linux'`,
    'overlap',
    'make.log is that of a build for 6.1.0-56-amd64',
    true,
  ],
  [
    'two builds cleaning up',
    1,
    `rm: cannot remove '${BUILD}/.tmp': Directory not empty`,
    'overlap',
    /Directory not empty/,
    true,
  ],
  [
    'a read-only file system',
    10,
    "rm: cannot remove '/var/lib/dkms/tenstorrent/2.9.0/build': Read-only file system\n/usr/sbin/dkms: line 1079: make.log: Read-only file system",
    'read-only',
    /read-only/,
    true,
  ],
  [
    'no make',
    10,
    '/usr/sbin/dkms: line 1073: make: command not found\nCleaning build area...(bad exit status: 127)',
    'tool-missing',
    'make is missing',
    true,
  ],
  ['no dkms', 127, '', 'tool-missing', 'dkms is missing', true],
  [
    'no dkms inside a wrapper',
    127,
    'nice: failed to execute dkms: No such file or directory',
    'tool-missing',
    'dkms is missing',
    true,
  ],
  [
    'not root',
    1,
    'Error! You must be root to use this command.',
    'not-root',
    'You must be root to use this command',
    true,
  ],
  [
    'a signature that fails',
    1,
    "Warning: Failed to sign module '/x/tenstorrent.ko'!",
    'signing-failed',
    /Failed to sign/,
    false,
  ],
  ['a status that nobody knows', 42, '', 'build-failed', 'dkms ended with 42', false],
  [
    'dkms has words, we have none',
    42,
    'Error! Something new happened.',
    'build-failed',
    'Something new happened',
    false,
  ],
];

describe('what dkms says', () => {
  test.each(dkmsRows)('%s', (_name, exitCode, log, code, headline, transient) => {
    const found = diagnose(log, exitCode);
    expect(found).toMatchObject({ code, transient });
    if (typeof headline === 'string') expect(found.headline).toBe(headline);
    else expect(found.headline).toMatch(headline);
    expect(found.unsupported).toBe(code === 'unsupported' ? true : undefined);
  });
});

describe('how it ended', () => {
  const log = log32(`${BUILD}/chardev.c:8:1: error: unknown type name ‘foo’`, GENTOO);
  test.each([
    [
      'a time limit',
      { exitCode: undefined, signal: 'SIGKILL', timedOut: true },
      'time-limit',
      /longer than its time limit/,
    ],
    [
      'a signal',
      { exitCode: undefined, signal: 'SIGTERM', timedOut: false },
      'interrupted',
      /ended by SIGTERM$/,
    ],
    [
      'a signal without a name',
      { exitCode: undefined, timedOut: false },
      'interrupted',
      /ended by a signal$/,
    ],
    ['a signal to the shell', { exitCode: 137, timedOut: false }, 'interrupted', /ended by SIGKILL$/],
    ['an odd signal', { exitCode: 160, timedOut: false }, 'interrupted', /ended by signal 32$/],
  ])('%s comes before what the log says', (_name, end, code, headline) => {
    const found = diagnoseBuild({ ...end, log, kernel: kernel(GENTOO) });
    expect(found).toMatchObject({ code, transient: true });
    expect(found.headline).toMatch(headline);
  });

  test('memory that ran out says more than the signal', () => {
    const killed = log32('gcc: fatal error: Killed signal terminated program cc1', GENTOO);
    expect(diagnose(killed, 137).code).toBe('out-of-memory');
  });
});

describe('any log', () => {
  test('the next thing to do is never missing, the headline is one short line', () => {
    for (let exitCode = 0; exitCode < 260; exitCode += 1) {
      for (const log of ['', 'Error!', '\u0000\u001b[31mError! odd\u001b[0m', `Error! ${'x'.repeat(5000)}`]) {
        const { headline, hint, code } = diagnose(log, exitCode);
        expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
        expect(headline).toMatch(/^\P{Cc}{3,160}$/u);
        expect(hint).toMatch(/^\P{Cc}{5,}$/u);
      }
    }
  });

  test('a huge one is read once, in little time', () => {
    const noise = `  CC [M]  ${BUILD}/file.o\n${BUILD}/file.c:1:2: warning: not so nice [-Wall]\n`.repeat(
      200_000,
    );
    const log = `${noise}${BUILD}/file.c:8:1: error: unknown type name ‘foo’\n${noise}${'y'.repeat(2_000_000)}`;
    const started = performance.now();
    expect(diagnose(log, 10).code).toBe('compile-error');
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
