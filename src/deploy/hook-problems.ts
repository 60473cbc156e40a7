// What around our hooks keeps kernel installations from reaching them, or only looks so. Pure.
import type { HookFacts } from './hook-facts.ts';
import type { HookProblem, InstallationWay } from './hooks-status.ts';
import type { HookWay } from './manifest.ts';

export function settingProblems(
  { settings, kernelInstall }: HookFacts,
  ways: readonly InstallationWay[],
): HookProblem[] {
  return settings
    .filter(({ namesOurs }) => !namesOurs)
    .map(({ file, name }) => {
      const traditional = name.startsWith('INSTALLKERNEL_');
      const counts = ways.some(({ installer }) =>
        traditional ? installer === 'installkernel' : installer === 'kernel-install' && kernelInstall?.script,
      );
      const ignored = traditional
        ? "only Gentoo's traditional installkernel reads it"
        : 'only a kernel-install up to systemd 254 reads it there';
      return {
        code: 'plugins-setting',
        severity: counts ? 'bypass' : 'note',
        message: counts
          ? `${file} sets ${name}, and our hook is not named in it.`
          : `${file} sets ${name} without our hook; ${ignored}.`,
        hint: `Remove ${name} from ${file}, or add our hook to it.`,
      };
    });
}

export function installerProblems({ customInstallers, genkernel, useSystemd }: HookFacts): HookProblem[] {
  const problems: HookProblem[] = customInstallers.map((path) => ({
    code: 'custom-installkernel',
    // The kernel's own scripts look into the home folder; Portage goes by PATH and does not.
    severity: path.startsWith('/root/') ? 'possible' : 'bypass',
    message: `${path} is called instead of the installkernel that runs hooks${path.startsWith('/root/') ? ', by `make install`' : ''}.`,
    hint: `Remove ${path}, or have it end with: ttkmdctl reconcile --kernel RELEASE`,
  }));
  if (genkernel !== undefined && !genkernel.callsUs) {
    problems.push({
      code: 'genkernel',
      severity: 'possible',
      message: 'genkernel copies its kernel image by itself and runs no hook.',
      hint: 'Set CMD_CALLBACK="ttkmdctl reconcile --all" in /etc/genkernel.conf.',
    });
  }
  const { installkernel, dkms } = useSystemd;
  if (installkernel !== undefined && dkms !== undefined && installkernel !== dkms) {
    problems.push({
      code: 'use-systemd-differs',
      severity: 'note',
      message: `sys-kernel/installkernel is built with USE=${installkernel ? '' : '-'}systemd, sys-kernel/dkms with USE=${dkms ? '' : '-'}systemd: dkms's own hooks may not run for other modules. Ours are there for both.`,
      hint: 'Give both packages the same flag in /etc/portage/package.use.',
    });
  }
  return problems;
}

export function chrootProblems({ chroot }: HookFacts, ways: readonly InstallationWay[]): HookProblem[] {
  if (!chroot.inside || chroot.commandLine) return [];
  const folder = ways.some(({ installer }) => installer === 'kernel-install') ? 'install.d' : 'preinst.d';
  const check = chroot.checks.find((path) => path.includes(`/${folder}/`));
  if (check === undefined) return [];
  return [
    {
      code: 'chroot-check',
      severity: 'possible',
      message: `${check} ends a kernel installation in a chroot before our hook, if no kernel command line is configured.`,
      hint: 'Write the command line to /etc/kernel/cmdline (dracut: /etc/cmdline).',
    },
  ];
}

export function neighbourNotes(
  { earlier, dkmsHooks }: HookFacts,
  needed: ReadonlySet<HookWay>,
): HookProblem[] {
  const notes: HookProblem[] = earlier
    .filter(({ way, stops }) => stops && needed.has(way))
    .map(({ path }) => ({
      code: 'earlier-hook',
      severity: 'possible',
      message: `${path} runs before our hook and can end the installation early, with exit status 77.`,
      hint: 'Where it does, run `ttkmdctl reconcile --all` as root afterwards.',
    }));
  if (dkmsHooks.length > 0) {
    notes.push({
      code: 'dkms-hooks',
      severity: 'note',
      message: `dkms's own hooks are active too (${dkmsHooks.join(', ')}). They leave a driver alone whose source has no AUTOINSTALL line, as ttkmd registers it.`,
      hint: '`ttkmdctl status` says so if somebody else registered it with AUTOINSTALL.',
    });
  }
  return notes;
}
