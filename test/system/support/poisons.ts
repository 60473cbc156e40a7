// Environments that break plain dkms or plain Node.js, with the words in which they say so.

import type { Sandbox } from './sandbox.ts';

/** Everything that the poisons refer to lies here, in the sandbox. */
export const POISON_FOLDER = '/tmp/poison';

/** What was touched by a poison that acts leaves its name in here. */
const TRACES = `${POISON_FOLDER}/traces`;

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface Poison {
  name: string;
  env: Record<string, string>;
  /** What plain dkms or make says under it. */
  says: RegExp;
}

/** Each of them breaks a plain `dkms build` for a kernel of Gentoo's shape; the tests show it first. */
export const POISONS: readonly Poison[] = [
  {
    name: 'LD_PRELOAD with a library that kills the compiler and Node.js',
    env: { LD_PRELOAD: `${POISON_FOLDER}/evil.so` },
    says: /tenstorrent\.o\] Error/,
  },
  {
    name: 'KBUILD_OUTPUT',
    env: { KBUILD_OUTPUT: `${POISON_FOLDER}/output` },
    says: /Entering directory '\/tmp\/poison\/output'/,
  },
  // It turns the sample driver's own #error on.
  { name: 'KCFLAGS', env: { KCFLAGS: '-Werror -DSAMPLE_BROKEN' }, says: /#error/ },
  { name: 'LLVM=1', env: { LLVM: '1' }, says: /clang: .*not found/ },
  { name: 'CROSS_COMPILE', env: { CROSS_COMPILE: 'nope-' }, says: /nope-gcc: .*not found/ },
  { name: 'ARCH=amd64', env: { ARCH: 'amd64' }, says: /arch\/amd64\/Makefile: No such file/ },
  { name: 'MAKEFLAGS=CC=false', env: { MAKEFLAGS: 'CC=false' }, says: /tenstorrent\.o\] Error 1/ },
  { name: 'MAKEFLAGS with garbage', env: { MAKEFLAGS: '=garbage' }, says: /empty variable name/ },
  { name: 'MAKEFLAGS=--dry-run', env: { MAKEFLAGS: '--dry-run' }, says: /modpost\] Error/ },
  // dkms unsets CC, and kbuild would not take it from the environment; LD it takes where it is told to.
  {
    name: 'MAKEFLAGS=e with LD=false',
    env: { MAKEFLAGS: 'e', LD: 'false', CC: 'false' },
    says: /Makefile\.modfinal.*Error/,
  },
  {
    name: 'a PATH whose first folder has other programs of the same names',
    env: { PATH: `${POISON_FOLDER}/bin:${SYSTEM_PATH}` },
    says: /Empty arch/,
  },
  { name: 'BASH_ENV', env: { BASH_ENV: `${POISON_FOLDER}/env.sh` }, says: /bad exit status: 9/ },
  {
    name: "a function of bash's in the environment",
    env: { 'BASH_FUNC_make%%': '() { return 9; }' },
    says: /bad exit status: 9/,
  },
];

/**
 * Those that the hook can be given at once, since none sets what another sets: each with their names. What reaches a build
 * breaks it, whatever reaches it besides.
 */
export function rounds(poisons: readonly Poison[]): [string, Poison[]][] {
  const found: Poison[][] = [];
  for (const poison of poisons) {
    const set = Object.keys(poison.env);
    const round = found.find((one) => !one.some(({ env }) => set.some((name) => name in env)));
    if (round === undefined) found.push([poison]);
    else round.push(poison);
  }
  return found.map((round) => [round.map(({ name }) => name).join('; '), round]);
}

/** More of them; each is shown to break plain dkms, and the hook has to bear them all at once. */
export const MORE_POISONS: readonly Poison[] = [
  { name: 'MAKEFILES', env: { MAKEFILES: `${POISON_FOLDER}/evil.mk` }, says: /poisoned/ },
  { name: 'GNUMAKEFLAGS', env: { GNUMAKEFLAGS: 'CC=false' }, says: /tenstorrent\.o\] Error 1/ },
  {
    name: 'GCC_EXEC_PREFIX',
    env: { GCC_EXEC_PREFIX: `${POISON_FOLDER}/` },
    says: /cannot execute .cc1/,
  },
  { name: 'COMPILER_PATH', env: { COMPILER_PATH: `${POISON_FOLDER}/bin` }, says: /tenstorrent\.o\] Error/ },
  { name: 'KCPPFLAGS', env: { KCPPFLAGS: '-include /nowhere.h' }, says: /\/nowhere\.h: No such file/ },
  {
    name: 'KBUILD_EXTRA_SYMBOLS',
    env: { KBUILD_EXTRA_SYMBOLS: '/nowhere' },
    says: /\/nowhere: No such file/,
  },
  {
    name: 'KBUILD_MODPOST_NOFINAL',
    env: { KBUILD_MODPOST_NOFINAL: '1' },
    says: /Build of tenstorrent\.ko failed/,
  },
  { name: 'TMPDIR', env: { TMPDIR: `${POISON_FOLDER}/nowhere` }, says: /mktemp: failed to create/ },
  { name: 'SHELLOPTS', env: { SHELLOPTS: 'errexit' }, says: /^$/ },
];

// Portage's own. The values do not matter, but for those that VALUES has.
const PORTAGE_NAMES = `
ABI ABI_MIPS ABI_S390 ABI_X86 ACCEPT_LICENSE ACCEPT_PROPERTIES ACCEPT_RESTRICT ADA_TARGET ALSA_CARDS
AMDGPU_TARGETS APACHE2_MODULES APACHE2_MPMS ARCH AUTOCLEAN BINPKG_COMPRESS BINPKG_FORMAT BOOTSTRAP_USE BROOT
BUILD_PREFIX CALLIGRA_FEATURES CAMERAS CATEGORY CBUILD CFLAGS CFLAGS_amd64 CFLAGS_x32 CFLAGS_x86 CHOST
CHOST_amd64 CHOST_x32 CHOST_x86 CLEAN_DELAY COLLECTD_PLUGINS COLLISION_IGNORE COMMON_FLAGS CONFIG_PROTECT
CONFIG_PROTECT_MASK CPU_FLAGS_ARM CPU_FLAGS_PPC CPU_FLAGS_X86 CTARGET CTARGET_amd64 CXXFLAGS D DEFAULT_ABI
DEFINED_PHASES DEPEND BDEPEND IDEPEND PDEPEND RDEPEND DIROPTIONS DISTDIR DISTUTILS_USE_PEP517 DOC_SYMLINKS_DIR
EAPI EBUILD EBUILD_FORCE_TEST EBUILD_PHASE EBUILD_PHASE_FUNC ED EDITOR ELIBC ELTCONF EMERGE_DEFAULT_OPTS
EMERGE_FROM EMERGE_WARNING_DELAY ENV_UNSET EPREFIX EROOT ESYSROOT EXEOPTIONS FCFLAGS FEATURES FETCHCOMMAND FFLAGS
FILESDIR FLTK_DOCDIR GCC_SPECS GENTOO_MIRRORS GPSD_PROTOCOLS GRUB_PLATFORMS GSETTINGS_BACKEND GUILE_SINGLE_TARGET
GUILE_TARGETS HOME HOMEPAGE INFOPATH INHERITED INPUT_DEVICES INSDESTTREE INSOPTIONS INSTALL_MASK IUSE
IUSE_EFFECTIVE IUSE_IMPLICIT KERNEL KERNEL_DIR KEYWORDS KV KV_FULL L10N LANG LADSPA_PATH LCD_DEVICES LC_MESSAGES
LDFLAGS LDFLAGS_amd64 LDFLAGS_x32 LDFLAGS_x86 LESS LIBDIR_amd64 LIBDIR_x32 LIBDIR_x86 LIBOPTIONS
LIBREOFFICE_EXTENSIONS LICENSE LLVM_SLOT LLVM_TARGETS LOGNAME LUA_SINGLE_TARGET LUA_TARGETS MAKEOPTS MANPAGER
MANPATH MERGE_TYPE MULTILIB_ABIS MULTILIB_STRICT_DENY MULTILIB_STRICT_DIRS NETBEANS NGINX_MODULES_HTTP
NOCOLOR NO_COLOR OFFICE_IMPLEMENTATION OLDPWD OPENMPI_FABRICS P PAGER PATH PF PHP_TARGETS PKGDIR PKGUSE PKG_LOGDIR
PKG_TMPDIR PM_EBUILD_HOOK_DIR PN PORTAGE_ACTUAL_DISTDIR PORTAGE_ARCHLIST PORTAGE_BASHRC PORTAGE_BASHRC_FILES
PORTAGE_BIN_PATH PORTAGE_BUILDDIR PORTAGE_BUILD_GROUP PORTAGE_BUILD_USER PORTAGE_BUNZIP2_COMMAND
PORTAGE_BZIP2_COMMAND PORTAGE_COLORMAP PORTAGE_COMPRESS PORTAGE_COMPRESS_EXCLUDE_SUFFIXES PORTAGE_CONFIGROOT
PORTAGE_DEBUG PORTAGE_DEPCACHEDIR PORTAGE_EBUILD_EXIT_FILE PORTAGE_ECLASS_LOCATIONS PORTAGE_FEATURES
PORTAGE_GID PORTAGE_GRPNAME PORTAGE_INST_GID PORTAGE_INST_UID PORTAGE_INTERNAL_CALLER PORTAGE_IPC_DAEMON
PORTAGE_IUSE PORTAGE_LOGFILE PORTAGE_MULTILIB_STRICT PORTAGE_NICENESS PORTAGE_OVERRIDE_EPREFIX
PORTAGE_PIPE_FD PORTAGE_PROPERTIES PORTAGE_PYM_PATH PORTAGE_PYTHON PORTAGE_PYTHONPATH PORTAGE_REPOSITORIES
PORTAGE_REPO_NAME PORTAGE_RESTRICT PORTAGE_SIGPIPE_STATUS PORTAGE_TMPDIR PORTAGE_UPDATE_ENV PORTAGE_USERNAME
PORTAGE_VERBOSE PORTAGE_WORKDIR_MODE PORTAGE_XATTR_EXCLUDE PORTDIR PORTDIR_OVERLAY POSTGRES_TARGETS PR PROFILE_ONLY_VARIABLES
PROPERTIES PROVIDES_EXCLUDE PV PVR PWD PYTHONDONTWRITEBYTECODE PYTHON_SINGLE_TARGET PYTHON_TARGETS QEMU_SOFTMMU_TARGETS
REPLACED_BY_VERSION REPLACING_VERSIONS REQUIRED_USE RESTRICT RESUMECOMMAND ROOT ROOTPATH RUBY_TARGETS RUSTFLAGS
S SHELL SLOT SRC_URI STRIP_MASK SYMLINK_LIB SYSROOT T TERM TMP TMPDIR TWISTED_DISABLE_WRITING_OF_PLUGIN_CACHE
USE USER USERLAND USE_EXPAND VIDEO_CARDS WORKDIR XTABLES_ADDONS
`
  .trim()
  .split(/\s+/);

const BUILD_FOLDER = '/var/tmp/portage/sys-kernel/gentoo-kernel-6.12.60';

const PORTAGE_VALUES: Record<string, string> = {
  ABI: 'amd64',
  ARCH: 'amd64',
  CATEGORY: 'sys-kernel',
  CBUILD: 'x86_64-pc-linux-gnu',
  CFLAGS: '-march=znver4 -O3 -flto=auto -fomit-frame-pointer -pipe',
  CHOST: 'x86_64-pc-linux-gnu',
  CXXFLAGS: '-march=znver4 -O3 -flto=auto -fomit-frame-pointer -pipe',
  D: `${BUILD_FOLDER}/image/`,
  EAPI: '8',
  EBUILD_PHASE: 'postinst',
  EBUILD_PHASE_FUNC: 'pkg_postinst',
  ED: `${BUILD_FOLDER}/image/`,
  ELIBC: 'glibc',
  FEATURES: 'sandbox usersandbox network-sandbox parallel-install',
  HOME: `${BUILD_FOLDER}/homedir`,
  KERNEL: 'linux',
  LDFLAGS: '-Wl,-O1 -Wl,--as-needed -Wl,-z,pack-relative-relocs -flto=auto',
  LLVM_SLOT: '20',
  MAKEOPTS: '-j2 -l4',
  MERGE_TYPE: 'source',
  PATH: `/usr/lib/portage/python3.13/ebuild-helpers/xattr:/usr/lib/portage/python3.13/ebuild-helpers:${SYSTEM_PATH}`,
  PF: 'gentoo-kernel-6.12.60',
  ROOT: '/',
  RUSTFLAGS: '-C target-cpu=native',
  S: `${BUILD_FOLDER}/work/linux-6.12`,
  SHELL: '/bin/bash',
  T: `${BUILD_FOLDER}/temp`,
  TERM: 'xterm-256color',
  TMPDIR: '/var/tmp',
  USE: 'abi_x86_64 amd64 dist-kernel elibc_glibc initramfs kernel_linux modules-compress',
};

/** What pkg_postinst of a kernel's ebuild hands to the installer, in names, number and kind. */
export function portageEnvironment(): Record<string, string> {
  return Object.fromEntries(
    PORTAGE_NAMES.map((name) => [name, PORTAGE_VALUES[name] ?? `the ${name} of Portage`]),
  );
}

const EVIL_LIBRARY = `
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void poison(void) {
  const char *name = program_invocation_short_name;
  int trace = open("${TRACES}/preloaded", O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (trace >= 0) {
    if (write(trace, name, strlen(name)) < 0 || write(trace, "\\n", 1) < 0) _exit(42);
    close(trace);
  }
  if (strcmp(name, "cc1") == 0 || strcmp(name, "node") == 0) _exit(41);
}
`;

const FAKED_PROGRAMS =
  'as awk bash cc cp depmod dkms env flock gcc grep id ionice ld make mkdir modinfo nice node rm sed setpriv sh stat uname unshare';

/** Puts what the poisons refer to into a sandbox, and makes sure that there is no clang for LLVM=1. */
export async function layPoisons(sandbox: Sandbox): Promise<void> {
  const write = (name: string, text: string): Promise<void> =>
    sandbox.write(`${POISON_FOLDER}/${name}`, text);
  await write('evil.c', EVIL_LIBRARY);
  await write('evil.mk', '$(error poisoned)\n');
  await write('env.sh', 'make() { return 9; }\n');
  await write('evil.js', `require('fs').writeFileSync('${TRACES}/required', '');\n`);
  await sandbox.run([
    'sh',
    '-ec',
    `cd ${POISON_FOLDER}
    gcc -shared -fPIC -o evil.so evil.c
    mkdir bin output
    for name in ${FAKED_PROGRAMS}; do
      printf '#!/usr/bin/bash -p\\necho %s >> ${TRACES}/called\\nexit 66\\n' $name > bin/$name
    done
    chmod 755 bin/*
    rm -f /usr/bin/clang /usr/local/bin/clang`,
  ]);
  await clearTraces(sandbox);
}

export async function clearTraces(sandbox: Sandbox): Promise<void> {
  await sandbox.remove(TRACES);
  await sandbox.run(['mkdir', '-m', '777', TRACES]);
}

/** What has left a trace since: `preloaded cc1`, `called make`, `required`. */
export async function traces(sandbox: Sandbox): Promise<string[]> {
  const found = new Set<string>();
  for (const kind of await sandbox.list(TRACES)) {
    for (const name of (await sandbox.read(`${TRACES}/${kind}`)).trim().split('\n')) {
      found.add(`${kind} ${name}`.trim());
    }
  }
  return [...found].sort();
}
