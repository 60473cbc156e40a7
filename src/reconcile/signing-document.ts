// What is said of signatures, kernel by kernel: for `ttkmdctl signing status`, as text and as JSON.
import type { KernelSigning, SigningKey } from '../signing/signing.ts';
import type { Judgement, KernelJudgement } from './judgement.ts';

export interface SignedKernelEntry {
  readonly judged: KernelJudgement;
  readonly signing: KernelSigning;
  readonly module: string;
  readonly nextBoot: string;
}

/** The kernels that could be booted with a module. */
export function signedKernels({ kernels, observation }: Judgement): SignedKernelEntry[] {
  return kernels.flatMap((judged) => {
    const signing = observation.signing.kernels.get(judged.kernel.release);
    const isThere = judged.kernel.kind === 'installed' || judged.kernel.kind === 'headers-only';
    if (signing === undefined || !isThere) return [];
    return [
      {
        judged,
        signing,
        module: moduleText(judged, observation.signing),
        nextBoot: nextBoot(judged, observation.signing),
      },
    ];
  });
}

type Signing = Judgement['observation']['signing'];

function moduleText({ kernel, module }: KernelJudgement, { modules }: Signing): string {
  if (module === undefined) return 'not installed';
  const verdict = modules.get(kernel.release);
  const { signature } = module;
  if (verdict === undefined) return 'its signature could not be read';
  if (signature === undefined) return 'not signed';
  const by = signature.signer === undefined ? 'signed' : `signed by "${signature.signer}"`;
  return `${by}${signature.hash === undefined ? '' : ` (${signature.hash})`}: ${WORDS[verdict.trust]}`;
}

const WORDS: Readonly<Record<SigningKey['verdict']['trust'], string>> = {
  accepted: 'accepted',
  'to-enroll': 'its certificate is not enrolled',
  pending: 'its certificate waits to be enrolled',
  refused: 'not accepted',
  unknown: 'nothing here tells whether it is accepted',
};

/** What becomes of the module when the machine is booted with this kernel. */
export function nextBoot({ kernel, module, state }: KernelJudgement, { kernels, modules }: Signing): string {
  const signing = kernels.get(kernel.release);
  if (module === undefined) return 'there is no module to load';
  if (module.broken !== undefined || state === 'unknown') return 'cannot be told';
  switch (signing?.enforcement.state) {
    case 'free':
    case 'ignored':
      return 'the module loads, signed or not';
    case 'enforced':
      return ENFORCED[modules.get(kernel.release)?.trust ?? 'unknown'];
    default:
      return 'cannot be told: nothing here tells what this kernel enforces';
  }
}

const ENFORCED: typeof WORDS = {
  accepted: 'the module loads',
  'to-enroll': 'the module is refused, until its certificate is enrolled: ttkmdctl signing enroll',
  pending: 'the module loads once the MOK manager has enrolled its certificate',
  refused: 'the module is refused',
  unknown: 'cannot be told: nothing here tells whether its key is trusted',
};

/** Within a schema, fields are added and never taken away. */
export function signingDocument(judgement: Judgement): object {
  const { machine } = judgement.observation.signing;
  return {
    schema: 1,
    machine: {
      uefi: machine.efi ?? null,
      secureBoot: machine.secureBoot ?? null,
      checksOff: machine.checksOff ?? null,
      lockdown: machine.lockdown ?? null,
      enforcing: machine.enforcing ?? null,
      commandLine: machine.words,
    },
    kernels: signedKernels(judgement).map(({ judged: { kernel, module }, signing, nextBoot: next }) => ({
      release: kernel.release,
      running: kernel.running,
      enforcement: signing.enforcement,
      signFile: signing.signFile ?? null,
      hash: signing.hash,
      key: signing.key === undefined ? null : keyEntry(signing.key),
      keys: signing.keys.map(keyEntry),
      obstacle: signing.obstacle ?? null,
      module:
        module === undefined
          ? null
          : {
              signature: module.signature ?? null,
              ...(judgement.observation.signing.modules.get(kernel.release) ?? {
                trust: 'unknown',
                why: null,
              }),
            },
      nextBoot: next,
    })),
    problems: signingProblemsOf(judgement),
  };
}

function keyEntry({ origin, place, name, certificate, identity, flaw, verdict }: SigningKey): object {
  return {
    origin,
    place,
    key: name,
    certificate,
    identity: identity ?? null,
    flaw: flaw ?? null,
    ...verdict,
  };
}

const CODES = new Set(['no-signing-key', 'key-not-enrolled', 'key-pending', 'key-exposed', 'signing-key']);

/** Those that are about signatures. */
export function signingProblemsOf({ problems }: Judgement): Judgement['problems'] {
  return problems.filter(({ code }) => CODES.has(code));
}
