// `ttkmdctl signing status` and `enroll`: what kernels ask of signatures, and how a key comes to be trusted.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import { runOnTerminal } from '../host/on-terminal.ts';
import type { Judgement } from '../reconcile/judgement.ts';
import { look } from '../reconcile/look.ts';
import { signedKernels, signingDocument, signingProblemsOf } from '../reconcile/signing-document.ts';
import { readCertificate } from '../signing/certificate.ts';
import {
  AT_NEXT_BOOT,
  type EnrolledKey,
  type Enrolling,
  enrollingOf,
  importCommands,
  NEW_KEY_COMMANDS,
} from '../signing/enroll.ts';
import { canAsk } from './ask.ts';
import { type Context, type GlobalOptions, openContext } from './context.ts';
import { signingLines } from './render-signing.ts';
import { problemLines } from './render-status.ts';
import type { Terminal } from './terminal.ts';

/** Exit status 0 where nothing is wrong with keys and signatures, 1 where something is. */
export async function signingStatus(options: GlobalOptions & { readonly json?: boolean }): Promise<number> {
  const context = openContext(options);
  const judgement = await lookAt(context);
  const { terminal } = context;
  const problems = signingProblemsOf(judgement);
  if (options.json) {
    terminal.line(JSON.stringify(signingDocument(judgement), undefined, 2));
  } else {
    const isWell = problems.every(({ severity }) => severity === 'note');
    for (const line of signingLines(judgement, isWell, terminal)) terminal.line(line);
    for (const line of problemLines(problems, terminal)) terminal.line(line);
  }
  return problems.every(({ severity }) => severity === 'note') ? EXIT.ok : EXIT.unhealthy;
}

/** Exit status 0 where nothing is left to do here, 1 where something is, 6 where mokutil failed. */
export async function signingEnroll(options: GlobalOptions): Promise<number> {
  const context = openContext(options);
  const { host, terminal } = context;
  if (host.root !== '/' || host.machine.chrooted) {
    throw new TtkmdError(
      'not-this-machine',
      "Keys are enrolled in the running machine's firmware, and not in a folder or a chroot.",
      'on the machine itself: ttkmdctl signing enroll',
      EXIT.usage,
    );
  }
  if (host.machine.effectiveUser !== 0) {
    throw new TtkmdError(
      'not-root',
      'Root alone may enroll a key.',
      'as root: ttkmdctl signing enroll',
      EXIT.rights,
    );
  }
  const enrolling = await enrollingHere(context);
  if (enrolling.kind !== 'enroll') return tellWhyNot(enrolling, terminal);
  for (const one of enrolling.keys) describe(one, terminal);
  if (!canAsk()) return printCommands(enrolling.keys, terminal);
  if (!host.fs.exists('/usr/bin/mokutil')) {
    throw new TtkmdError(
      'tool-missing',
      'mokutil, which hands certificates to the firmware, is not installed.',
      'emerge sys-boot/mokutil, or apt-get install mokutil; then again: ttkmdctl signing enroll',
      EXIT.stepFailed,
    );
  }
  for (const one of enrolling.keys) await importKey(host, one, terminal);
  terminal.line(`Asked for: ${AT_NEXT_BOOT}.`);
  terminal.line('Whether it worked, after that: ttkmdctl signing status');
  return EXIT.ok;
}

function lookAt({ host, config, configWarnings }: Context): Promise<Judgement> {
  return look(host, { config, configWarnings, holders: 'never' });
}

async function enrollingHere(context: Context): Promise<Enrolling> {
  const judgement = await lookAt(context);
  const { machine } = judgement.observation.signing;
  return enrollingOf(
    machine,
    signedKernels(judgement).map(({ signing }) => signing),
  );
}

function tellWhyNot(enrolling: Exclude<Enrolling, { readonly kind: 'enroll' }>, terminal: Terminal): number {
  switch (enrolling.kind) {
    case 'pending':
      terminal.line(`It is asked for already: ${AT_NEXT_BOOT}.`);
      return EXIT.ok;
    case 'nothing':
      terminal.line(`There is nothing to enroll: ${enrolling.why}`);
      return EXIT.ok;
    case 'no-key':
      terminal.line(`There is nothing to enroll: ${enrolling.why}. To make one, as root:`);
      for (const command of NEW_KEY_COMMANDS) terminal.line(`  ${command}`);
      terminal.line('then again: ttkmdctl signing enroll');
      return EXIT.unhealthy;
    case 'no-firmware':
      terminal.line(`There is nothing to enroll: ${enrolling.why}.`);
      terminal.line(
        'A kernel here trusts the keys that are built into it: build it with yours, MODULES_SIGN_KEY in make.conf.',
      );
      return EXIT.unhealthy;
  }
}

function describe({ key, releases }: EnrolledKey, terminal: Terminal): void {
  terminal.line(`${key.certificate}: "${key.identity?.subject}", named by ${key.place}`);
  terminal.line(`  signs for ${releases.join(', ')}`);
}

function printCommands(keys: readonly EnrolledKey[], terminal: Terminal): number {
  terminal.line('There is no terminal to type a password at. By hand, as root:');
  for (const command of importCommands(keys)) terminal.line(`  ${command}`);
  terminal.line(`Then ${AT_NEXT_BOOT}.`);
  return EXIT.unhealthy;
}

/** Mokutil takes DER alone, and asks for the password itself. */
async function importKey({ fs }: Host, { key }: EnrolledKey, terminal: Terminal): Promise<void> {
  const certificate = readCertificate(fs, key.certificate);
  if (certificate === undefined) throw new Error(`${key.certificate} went away`);
  const file = `/run/ttkmd/enroll-${process.pid}.der`;
  fs.write(file, certificate.raw);
  try {
    terminal.line('mokutil asks for a password, twice: make one up, and keep it until after the next boot.');
    const code = await runOnTerminal('mokutil', ['--import', file]);
    if (code === 0) return;
    throw new TtkmdError(
      'enroll-failed',
      `mokutil --import ended with ${code}: ${key.certificate} is not going to be enrolled.`,
      'what it said is above; then again: ttkmdctl signing enroll',
      EXIT.stepFailed,
    );
  } finally {
    fs.remove(file);
  }
}
