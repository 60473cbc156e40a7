// Whether a module is to be signed and with which key, and what keeps a kernel from ever taking one. Pure.
import { MOK_MANAGER } from './enroll.ts';
import type { Enforcement, KernelSigning, SigningKey, SigningNeed, SigningObstacle } from './signing.ts';

export interface NeedFacts {
  readonly release: string;
  readonly enforcement: Enforcement;
  readonly keys: readonly SigningKey[];
  readonly signFile: string | undefined;
  /** The build tree is there: without it nothing is built, and the program that signs is not missed. */
  readonly hasTree: boolean;
}

/** The decision for one kernel. */
export function signingNeed(facts: NeedFacts): SigningNeed {
  const { enforcement, keys, signFile } = facts;
  const needed = enforcement.state === 'enforced';
  const chosen = enforcement.state === 'ignored' ? undefined : chooseKey(keys);
  const key = signFile === undefined ? undefined : chosen;
  return { needed, key, obstacle: needed ? obstacleOf(facts, chosen) : undefined };
}

/**
 * The first that can be used. One that the administrator names for ttkmd is taken or nothing is; of the others, one
 * that the kernel is known to take comes before one that it may not.
 */
export function chooseKey(keys: readonly SigningKey[]): SigningKey | undefined {
  const usable = keys.filter(({ flaw }) => flaw === undefined);
  const [first] = keys;
  if (first?.origin === 'configuration') return first.flaw === undefined ? first : undefined;
  const taken = (...trusts: readonly string[]): SigningKey | undefined =>
    usable.find(({ verdict }) => trusts.includes(verdict.trust));
  return taken('accepted') ?? taken('to-enroll', 'pending', 'unknown') ?? usable[0];
}

function obstacleOf(
  { enforcement, keys, signFile, hasTree }: NeedFacts,
  chosen: SigningKey | undefined,
): SigningObstacle | undefined {
  const must = `it takes signed modules only (${enforcement.why})`;
  if (chosen === undefined) {
    const flaw = keys.find((one) => one.flaw !== undefined)?.flaw;
    return {
      text: `${must}, and ${flaw?.text ?? 'there is no key to sign with'}`,
      hint: flaw?.hint ?? NO_KEY,
    };
  }
  if (chosen.verdict.trust === 'refused') {
    return {
      text: `${must}, and it does not take those signed with ${chosen.name}: ${chosen.verdict.why}`,
      hint: `build the kernel with that key (MODULES_SIGN_KEY in /etc/portage/make.conf, CONFIG_MODULE_SIG_KEY), or name the kernel's own key: key in the section [signing] of /etc/ttkmd/ttkmd.conf`,
    };
  }
  if (signFile !== undefined || !hasTree) return undefined;
  return {
    text: `${must}, and its build tree has no scripts/sign-file to sign with`,
    hint: 'make it there: make modules_prepare; or emerge the kernel again',
  };
}

/**
 * Where a kernel trusts the module that it has, none takes its place that it would refuse until a certificate is
 * enrolled: another key that it trusts signs meanwhile, or nothing is built.
 */
export function keepingTrusted(signing: KernelSigning): KernelSigning {
  const { key, keys, needed, enforcement } = signing;
  const trust = key?.verdict.trust;
  if (key === undefined || !needed || (trust !== 'to-enroll' && trust !== 'pending')) return signing;
  const trusted = keys.find((one) => one.flaw === undefined && one.verdict.trust === 'accepted');
  if (trusted !== undefined) return { ...signing, key: trusted, preferred: key };
  const text = `it takes signed modules only (${enforcement.why}), and ${key.name} is not enrolled yet: the module that it has, which it trusts, stays`;
  const hint =
    trust === 'pending' ? MOK_MANAGER : 'enroll it first, as root: ttkmdctl signing enroll; then reboot';
  return { ...signing, obstacle: signing.obstacle ?? { text, hint } };
}

const NO_KEY =
  'name a key and its certificate, key and certificate in the section [signing] of /etc/ttkmd/ttkmd.conf, or MODULES_SIGN_KEY in /etc/portage/make.conf; how to make and enroll one: ttkmdctl signing enroll';
