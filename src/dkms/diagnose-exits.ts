// Failures that dkms itself reports, by its words or, where it says nothing, by its exit status.

import type { Diagnosis, FailedBuild } from './diagnose.ts';
import { overlap, treeNotReady, unsupported } from './diagnose-causes.ts';
import { newerDriver } from './diagnose-kernel.ts';
import type { Clue, ClueName, Findings } from './diagnose-scan.ts';
import { tidyLine } from './diagnose-text.ts';
import { missingTool } from './diagnose-tools.ts';

type Explain = (build: FailedBuild, clue: Clue | undefined) => Omit<Diagnosis, 'code'>;

/** What dkms says, and the exit statuses that mean it. The statuses are in the head of dkms 3.2's own source. */
const REPORTS: readonly {
  readonly code: ClueName;
  readonly exits: readonly number[];
  readonly explain: Explain;
}[] = [
  {
    code: 'not-root',
    exits: [],
    explain: (_build, clue) => ({
      headline: said(clue, 'dkms may not write to its tree'),
      hint: 'run it as root',
      transient: true,
    }),
  },
  {
    code: 'bad-dkms-conf',
    exits: [8],
    explain: (_build, clue) => ({
      headline: clue?.caught[0]
        ? tidyLine(`dkms.conf: ${clue.caught[0]}`)
        : said(clue, "dkms cannot read the driver's dkms.conf"),
      cause: "the driver source's dkms.conf is wrong",
      hint: 'put the unchanged driver source back into /usr/src',
      transient: false,
    }),
  },
  {
    code: 'no-source',
    exits: [2],
    explain: (_build, clue) => ({
      headline: said(clue, 'dkms does not find the driver source'),
      cause: 'the driver source in /usr/src is gone',
      hint: 'install the driver source again, then as root: ttkmdctl reconcile --all',
      transient: false,
    }),
  },
  {
    code: 'broken-module',
    exits: [4],
    explain: (_build, clue) => ({
      headline: said(clue, 'the module is broken in the tree of dkms'),
      cause: 'what dkms has noted of it leads nowhere',
      hint: 'let ttkmd register it anew, as root: ttkmdctl reconcile --all',
      transient: false,
    }),
  },
  {
    code: 'patch-failed',
    exits: [],
    explain: (_build, clue) => ({
      headline: `the patch ${clue?.caught.find((text) => text !== '') ?? 'of the driver'} does not apply, or is not there`,
      cause: 'a PATCH of its dkms.conf does not fit the driver source',
      hint: 'put the unchanged driver source back into /usr/src, and see what is in /etc/dkms',
      transient: false,
    }),
  },
  {
    code: 'script-failed',
    exits: [101],
    explain: ({ kernel }, clue) => ({
      headline: `the ${clue?.caught.find((text) => text !== '') ?? 'pre_install'} script of the driver source failed`,
      hint: `see what it said: ttkmdctl logs ${kernel.release}`,
      transient: false,
    }),
  },
  {
    code: 'build-depends',
    exits: [13],
    explain: (_build, clue) => ({
      headline: said(clue, 'a module that this one is built upon is missing'),
      cause: 'its dkms.conf has a BUILD_DEPENDS line',
      hint: `install ${clue?.caught[0]?.trim() || 'that module'} with dkms first, or remove the line`,
      transient: false,
    }),
  },
  {
    code: 'kernel-gone',
    exits: [],
    explain: ({ kernel }) => ({
      headline: `there is no /lib/modules/${kernel.release}`,
      cause: 'the kernel was removed meanwhile, or a mount is missing',
      hint: 'see which kernels there are: ttkmdctl kernels',
      transient: true,
    }),
  },
  {
    code: 'version-refused',
    exits: [],
    explain: ({ kernel }, clue) => ({
      headline: said(clue, 'dkms keeps the module that is installed'),
      cause: 'dkms replaces a module by a newer one only',
      hint: `replace it, as root: ttkmdctl reconcile --kernel ${kernel.release} --force`,
      transient: false,
    }),
  },
  {
    code: 'depmod',
    exits: [6],
    explain: ({ kernel }, clue) => ({
      headline: said(clue, 'the module could not be installed'),
      cause: 'depmod, which tells the kernel where its modules are, failed',
      hint: `see what it says: depmod ${kernel.release}`,
      transient: true,
    }),
  },
  {
    code: 'not-registered',
    exits: [],
    explain: (_build, clue) => ({
      headline: said(clue, 'dkms does not know the module'),
      cause: 'somebody removed it from dkms meanwhile',
      hint: 'register it again, as root: ttkmdctl reconcile --all',
      transient: true,
    }),
  },
  {
    code: 'module-not-built',
    exits: [7],
    explain: ({ kernel }, clue) => ({
      headline: said(clue, 'make ended well, but there is no module'),
      cause: 'the driver source built no module of the name that its dkms.conf gives',
      hint: newerDriver(kernel),
      transient: false,
    }),
  },
  {
    code: 'headers-not-ready',
    exits: [21],
    explain: (build) => treeNotReady(build, 'dkms does not find the kernel headers'),
  },
  { code: 'unsupported', exits: [77], explain: ({ kernel }) => unsupported(kernel) },
  // 15: the folder that it was to change into is gone.
  {
    code: 'overlap',
    exits: [3, 5, 15],
    explain: (build, clue) => overlap(build, said(clue, 'the build folder is not as dkms left it')),
  },
  {
    code: 'permission-denied',
    exits: [126],
    explain: () => ({
      headline: 'dkms may not be run',
      hint: 'make /usr/sbin/dkms executable, or install dkms again',
      transient: true,
    }),
  },
  { code: 'tool-missing', exits: [127], explain: ({ kernel }) => missingTool(kernel, 'dkms') },
  {
    code: 'signing-failed',
    exits: [],
    explain: (_build, clue) => ({
      headline: said(clue, 'the module could not be signed'),
      cause: 'the key or its certificate does not work',
      hint: 'see which key signs, and what is wrong with it: ttkmdctl signing status',
      transient: false,
    }),
  },
];

/** Explains what dkms said or ended with; always finds something. */
export function explainExit(build: FailedBuild, findings: Findings): Diagnosis {
  const { clues } = findings;
  const { exitCode = -1 } = build;
  const report =
    REPORTS.find(({ code }) => clues.has(code)) ?? REPORTS.find(({ exits }) => exits.includes(exitCode));
  if (report !== undefined) return { code: report.code, ...report.explain(build, clues.get(report.code)) };
  // dkms says that make failed, and of make there is no word: its folder went away under it, and the log with it.
  if (exitCode === 10 && !findings.makeRan) {
    return { code: 'overlap', ...overlap(build, 'the build folder went away during the build') };
  }
  return {
    code: 'build-failed',
    headline: said(clues.get('make-error') ?? clues.get('dkms-error'), `dkms ended with ${exitCode}`),
    hint: `see all of it: ttkmdctl logs ${build.kernel.release}`,
    transient: false,
  };
}

function said(clue: Clue | undefined, otherwise: string): string {
  return clue === undefined ? otherwise : tidyLine(clue.line);
}
