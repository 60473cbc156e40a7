// The screen of `ttkmdctl signing status`: the machine first, then each kernel.
import type { Judgement } from '../reconcile/judgement.ts';
import { type SignedKernelEntry, signedKernels } from '../reconcile/signing-document.ts';
import type { MachineSigning } from '../signing/signing.ts';
import { type Terminal, wrap } from './terminal.ts';

/** Where the texts of a kernel's facts begin. */
const INDENT = 17;

export function signingLines(judgement: Judgement, isWell: boolean, terminal: Terminal): string[] {
  const mark = terminal.style(isWell ? 'green' : 'yellow', '●');
  const kernels = signedKernels(judgement);
  return [
    `${mark} signing: ${machineText(judgement.observation.signing.machine)}`,
    ...kernels.flatMap((entry) => ['', ...kernelLines(entry, terminal)]),
    ...(kernels.length === 0 ? ['  there is no kernel that could be booted'] : []),
  ];
}

const CHECKS_OFF = 'and shim has been told not to check (mokutil --enable-validation ends that)';

function machineText(machine: MachineSigning): string {
  const { efi, secureBoot, lockdown, words } = machine;
  const boot =
    efi === undefined
      ? 'this system is looked at from outside'
      : !efi
        ? 'no UEFI firmware, so no Secure Boot'
        : secureBoot === undefined
          ? 'whether Secure Boot is on cannot be told'
          : `Secure Boot is ${secureBoot ? 'on' : 'off'}`;
  const checks = secureBoot && machine.checksOff ? [CHECKS_OFF] : [];
  const locked = lockdown === undefined ? [] : [`lockdown: ${lockdown}`];
  return [boot, ...checks, ...locked, ...words.map(({ word, place }) => `${word} (${place})`)].join(', ');
}

function kernelLines(entry: SignedKernelEntry, terminal: Terminal): string[] {
  const { kernel } = entry.judged;
  const mark = kernel.running ? terminal.style('cyan', '▸') : ' ';
  return [
    `${mark} ${terminal.style('bold', kernel.release)}`,
    ...kernelFacts(entry).flatMap(([name, text]) => {
      const [first = '', ...rest] = wrap(text, terminal.width - INDENT);
      return [
        `    ${terminal.style('dim', name.padEnd(INDENT - 6))}  ${first}`,
        ...rest.map((line) => `${' '.repeat(INDENT)}${line}`),
      ];
    }),
  ];
}

const ENFORCEMENT = {
  enforced: 'enforced',
  free: 'not enforced',
  ignored: 'not known to this kernel',
  unknown: 'cannot be told',
} as const;

function kernelFacts({ signing, module, nextBoot }: SignedKernelEntry): [string, string][] {
  const { enforcement, key, keys, obstacle } = signing;
  const flaw = keys.find((one) => one.flaw !== undefined)?.flaw;
  const none = enforcement.state === 'ignored' ? 'not needed' : (flaw?.text ?? 'none');
  return [
    ['signatures', `${ENFORCEMENT[enforcement.state]}: ${enforcement.why}`],
    ['key', key === undefined ? none : `${key.name} (${key.place})`],
    ...(key === undefined
      ? []
      : [
          [
            'certificate',
            `${key.certificate}${key.identity === undefined ? '' : `, "${key.identity.subject}"`}: ${key.verdict.why}`,
          ] as [string, string],
        ]),
    ['module', module],
    [
      'next boot',
      obstacle !== undefined && module === 'not installed'
        ? 'there is no module, and none can be made'
        : nextBoot,
    ],
  ];
}
