// Do kernel installations on this machine reach us? Pure: from facts to ways, hooks and problems.

import type { HookFacts } from './hook-facts.ts';
import type { EarlierHook, HookFact } from './hook-files.ts';
import { chrootProblems, installerProblems, neighbourNotes, settingProblems } from './hook-problems.ts';
import type { HookWay } from './manifest.ts';

/** Who installs kernels here: systemd's kernel-install, Gentoo's traditional installkernel, Debian's run-parts. */
export type Installer = 'kernel-install' | 'installkernel' | 'run-parts';

export interface InstallationWay {
  readonly installer: Installer;
  /** How we know, as a sentence. */
  readonly because: string;
  /** The hooks of ours that it needs. */
  readonly hooks: readonly HookWay[];
}

export interface JudgedHook {
  readonly way: HookWay;
  readonly path: string;
  /** Whether an installation way of this machine needs it. */
  readonly needed: boolean;
  /** `changed` and `outdated` hooks run. */
  readonly state:
    | 'ok'
    | 'changed'
    | 'outdated'
    | 'missing'
    | 'masked'
    | 'overridden'
    | 'not-executable'
    | 'noexec';
}

export interface HookProblem {
  readonly code: string;
  /**
   * `bypass`: kernel installations on this machine go past us. `possible`: they would if done in that way.
   * `note`: worth knowing, costs nothing.
   */
  readonly severity: 'bypass' | 'possible' | 'note';
  readonly message: string;
  readonly hint: string;
}

export interface HookStatus {
  /** Every way that kernel installations take here reaches us. */
  readonly covered: boolean;
  readonly ways: readonly InstallationWay[];
  readonly hooks: readonly JudgedHook[];
  /** The gravest first. */
  readonly problems: readonly HookProblem[];
  /** The hooks of others that run before ours. */
  readonly earlier: readonly EarlierHook[];
}

const NEEDED: Readonly<Record<Installer, readonly HookWay[]>> = {
  'kernel-install': ['kernel-install'],
  installkernel: ['preinst.d', 'postinst.d'],
  'run-parts': ['debian-postinst', 'debian-prerm', 'debian-postrm'],
};

const GRAVITY = { bypass: 0, possible: 1, note: 2 };

export function judgeHookWays(facts: HookFacts): HookStatus {
  const ways = judgeWays(facts);
  const needed = new Set(ways.flatMap(({ hooks }) => hooks));
  const hooks = facts.hooks.map((hook) => ({
    way: hook.way,
    path: hook.path,
    needed: needed.has(hook.way),
    state: judgeHook(hook),
  }));
  const problems = [
    ...noWay(ways),
    ...facts.hooks.flatMap((hook) => hookProblem(hook, needed.has(hook.way)) ?? []),
    ...settingProblems(facts, ways),
    ...installerProblems(facts),
    ...chrootProblems(facts, ways),
    ...neighbourNotes(facts, needed),
  ].sort((a, b) => GRAVITY[a.severity] - GRAVITY[b.severity]);
  return {
    covered: !problems.some(({ severity }) => severity === 'bypass'),
    ways,
    hooks,
    problems,
    earlier: facts.earlier,
  };
}

function judgeWays(facts: HookFacts): InstallationWay[] {
  const { installkernel, kernelInstall, debian, debianCallsKernelInstall } = facts;
  const way = (installer: Installer, because: string): InstallationWay => ({
    installer,
    because,
    hooks: NEEDED[installer],
  });
  if (installkernel?.kind === 'gentoo') {
    if (!installkernel.systemd) {
      return [way('installkernel', `${installkernel.path} is Gentoo's installkernel without USE=systemd.`)];
    }
    return kernelInstall === undefined
      ? [
          way(
            'installkernel',
            `${installkernel.path} is Gentoo's installkernel with USE=systemd, but kernel-install is not there.`,
          ),
        ]
      : [
          way(
            'kernel-install',
            `${installkernel.path} is Gentoo's installkernel with USE=systemd: it calls kernel-install.`,
          ),
        ];
  }
  const ways: InstallationWay[] = [];
  if (debian) ways.push(way('run-parts', "Debian's kernel packages run /etc/kernel/*.d with run-parts."));
  if (installkernel?.kind === 'kernel-install') {
    ways.push(way('kernel-install', `${installkernel.path} leads to kernel-install.`));
  } else if (kernelInstall !== undefined && debianCallsKernelInstall !== undefined && debian) {
    ways.push(way('kernel-install', `${debianCallsKernelInstall} calls kernel-install.`));
  } else if (kernelInstall !== undefined && !debian) {
    ways.push(way('kernel-install', `${kernelInstall.path} is the only installer here.`));
  }
  return ways;
}

function judgeHook(hook: HookFact): JudgedHook['state'] {
  if (hook.override !== undefined) return hook.override.kind === 'masked' ? 'masked' : 'overridden';
  if (hook.there === 'missing') return 'missing';
  if (hook.there === 'masked') return 'masked';
  if (!hook.executable || hook.there === 'other') return 'not-executable';
  if (hook.noexec) return 'noexec';
  const { packaged, recorded, sha256 } = hook;
  if (recorded !== undefined && recorded !== sha256 && packaged !== sha256) return 'changed';
  return packaged === undefined || packaged === sha256 ? 'ok' : 'outdated';
}

function noWay(ways: readonly InstallationWay[]): HookProblem[] {
  if (ways.length > 0) return [];
  return [
    {
      code: 'no-installer',
      severity: 'bypass',
      message: 'Nothing on this machine calls hooks when a kernel is installed.',
      hint: 'Install sys-kernel/installkernel, or run `ttkmdctl reconcile --all` as root after each new kernel.',
    },
  ];
}

function hookProblem(hook: HookFact, needed: boolean): HookProblem | undefined {
  const { path, override } = hook;
  const state = judgeHook(hook);
  const problem = (
    message: string,
    hint: string,
    severity: HookProblem['severity'] = 'bypass',
  ): HookProblem => ({
    code: `hook-${state}`,
    severity,
    message,
    hint,
  });
  if (state === 'ok') return undefined;
  if (state === 'changed') {
    return problem(
      `${path} was edited since it was installed.`,
      'as root: ttkmdctl hooks install --force',
      'note',
    );
  }
  if (state === 'outdated')
    return problem(`${path} is not of this version of ttkmd.`, 'as root: ttkmdctl hooks install', 'note');
  if (!needed) return undefined;
  switch (state) {
    case 'missing':
      return problem(`${path} is not installed.`, 'as root: ttkmdctl hooks install');
    case 'masked': {
      const mask = override?.path ?? path;
      return problem(
        `${mask} switches our hook off.`,
        `If that is not meant, remove ${mask} and run \`ttkmdctl hooks install\` as root.`,
      );
    }
    case 'overridden':
      return problem(
        `${override?.path ?? path} takes the place of our hook${override?.kind === 'not-executable' ? ' and is not executable' : ''}.`,
        `Remove ${override?.path ?? path}, or have it call ${path}.`,
      );
    case 'not-executable':
      return problem(`${path} is not an executable file.`, 'as root: ttkmdctl hooks install');
    case 'noexec':
      return problem(`${path} is on a file system that is mounted noexec.`, 'Mount it without noexec.');
  }
}
