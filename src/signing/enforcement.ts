// Whether a kernel takes modules without a signature that it trusts. Pure.
import type { Enforcement, MachineSigning } from './signing.ts';

export interface EnforcingKernel {
  readonly configuration: Readonly<Record<string, string>>;
  readonly running: boolean;
}

const DECIDING =
  /^(?:MODULE_SIG|SECURITY_LOCKDOWN_LSM$|LOCK_DOWN_|IMA_ARCH_POLICY$|INTEGRITY_\w+_KEYRING$|SECONDARY_TRUSTED_|SYSTEM_(?:TRUSTED|EXTRA)_)/;

/** Those of a kernel's options that decide what it enforces and whom it trusts. */
export function signingOptions(configuration: EnforcingKernel['configuration']): Record<string, string> {
  return Object.fromEntries(Object.entries(configuration).filter(([name]) => DECIDING.test(name)));
}

/** What a kernel enforces, now or once it is booted on this machine. */
export function enforcementOf(
  { configuration, running }: EnforcingKernel,
  machine: MachineSigning,
): Enforcement {
  const known = Object.keys(configuration).length > 0;
  if (known && configuration.MODULE_SIG !== 'y') {
    return { state: 'ignored', why: 'CONFIG_MODULE_SIG is off: this kernel knows no signatures' };
  }
  // A reason that somebody can do something about comes before what it has led to.
  const why =
    byConfiguration(configuration) ??
    (running && isUnlocked(machine) ? undefined : bySecureBoot(configuration, machine)) ??
    (running ? byRunning(machine) : undefined) ??
    byWord(configuration, machine);
  if (why !== undefined) return { state: 'enforced', why };
  const ima = machine.words.find(({ word }) => word.startsWith('ima_'));
  if (ima !== undefined) {
    return { state: 'unknown', why: `${ima.word} in ${ima.place}: an IMA policy may ask for more` };
  }
  if (running && machine.enforcing !== undefined) return { state: 'free', why: 'module.sig_enforce is off' };
  if (!known) return { state: 'unknown', why: 'its build tree, which has its configuration, is not there' };
  return { state: 'free', why: 'CONFIG_MODULE_SIG_FORCE is off, and nothing else asks for signatures' };
}

function byConfiguration(configuration: EnforcingKernel['configuration']): string | undefined {
  const option = [
    'MODULE_SIG_FORCE',
    'LOCK_DOWN_KERNEL_FORCE_INTEGRITY',
    'LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY',
  ].find((name) => configuration[name] === 'y');
  return option === undefined ? undefined : `CONFIG_${option}=y`;
}

function byRunning({ enforcing, lockdown }: MachineSigning): string | undefined {
  if (enforcing) return 'module.sig_enforce is on';
  return lockdown === undefined || lockdown === 'none' ? undefined : `it is locked down (${lockdown})`;
}

/** The parameter can be switched on and never off again; without a value it is on. */
const ENFORCING_WORD = /^module\.sig_enforce(?:=(?:1|y|Y|on))?$/;
const LOCKING_WORD = /^lockdown=(?:integrity|confidentiality)$/;

function byWord(
  configuration: EnforcingKernel['configuration'],
  { words }: MachineSigning,
): string | undefined {
  const known = Object.keys(configuration).length > 0;
  const canLock = !known || configuration.SECURITY_LOCKDOWN_LSM === 'y';
  const found = words.find(({ word }) => ENFORCING_WORD.test(word) || (canLock && LOCKING_WORD.test(word)));
  return found === undefined ? undefined : `${found.word} in ${found.place}`;
}

/** It has been asked: what Secure Boot could have done, it has not. */
function isUnlocked({ enforcing, lockdown }: MachineSigning): boolean {
  return enforcing === false && lockdown === 'none';
}

/** Both lock down, or switch module.sig_enforce on, where the firmware says that Secure Boot is on. */
function bySecureBoot(
  configuration: EnforcingKernel['configuration'],
  { secureBoot, checksOff }: MachineSigning,
): string | undefined {
  const option = ['LOCK_DOWN_IN_EFI_SECURE_BOOT', 'IMA_ARCH_POLICY'].find(
    (name) => configuration[name] === 'y',
  );
  return secureBoot && !checksOff && option !== undefined
    ? `Secure Boot is on, and CONFIG_${option}=y`
    : undefined;
}
