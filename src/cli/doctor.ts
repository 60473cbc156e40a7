// `ttkmdctl doctor`: whether the finished machine works, with the evidence and what mends it.
import { makeBundle } from '../bootstrap/bundle.ts';
import { type Diagnosis, diagnose } from '../bootstrap/doctor.ts';
import { observeForDoctor } from '../bootstrap/doctor-facts.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import { startOwnCommand } from '../host/own-command.ts';
import { type GlobalOptions, openContext } from './context.ts';
import { outputFile, writeOutput } from './output-file.ts';
import type { Terminal } from './terminal.ts';
import { VERSION } from './version.ts';

export interface DoctorOptions extends GlobalOptions {
  readonly json?: boolean;
  readonly bundle?: string;
}

/** Exit status 0 where nothing fails, 1 where something does. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const context = openContext(options);
  const { host, terminal } = context;
  if (host.root !== '/') {
    throw new TtkmdError(
      'doctor-root',
      'The doctor looks at the system that it runs in.',
      `Run it in there: chroot ${options.root} ttkmdctl doctor`,
      EXIT.usage,
    );
  }
  const file = options.bundle === undefined ? undefined : outputFile('--bundle', options.bundle);
  const diagnoses = diagnose(await observeForDoctor(host, context));
  const failed = diagnoses.some(({ result }) => result === 'failure');
  if (options.json) {
    const checks = diagnoses.map(({ remedy, ...one }) => ({ ...one, remedy: remedy ?? null }));
    terminal.line(JSON.stringify({ schema: 1, ok: !failed, checks }, undefined, 2));
  } else render(terminal, diagnoses);
  if (file !== undefined) {
    const own = ['status', 'history', 'hooks status', 'service status', 'kernels', 'config show'];
    const answers = await Promise.all(
      own.map(async (words) => {
        const { stdout, stderr } = await startOwnCommand(words.split(' ')).ended;
        return { title: `ttkmdctl ${words}`, text: `${stdout}${stderr}` };
      }),
    );
    const judged = { title: `ttkmdctl ${VERSION} doctor`, text: diagnoses.map(lineOf).join('\n') };
    writeOutput(file, await makeBundle(host, [judged, ...answers]), 0o600);
    terminal.raw(`${file} is written; read it before you hand it on\n`);
  }
  return failed ? EXIT.unhealthy : EXIT.ok;
}

function render(terminal: Terminal, diagnoses: readonly Diagnosis[]): void {
  const width = Math.max(...diagnoses.map(({ check }) => check.length));
  for (const { check, result, evidence, remedy } of diagnoses) {
    const mark =
      result === 'ok'
        ? terminal.style('green', '✓')
        : result === 'warning'
          ? terminal.style('yellow', '!')
          : terminal.style('red', '✗');
    terminal.line(`${mark} ${check.padEnd(width)}  ${evidence}`);
    if (remedy !== undefined)
      terminal.line(`  ${' '.repeat(width)}  ${terminal.style('cyan', '→')} ${remedy}`);
  }
}

function lineOf({ check, result, evidence }: Diagnosis): string {
  return `${result}: ${check}: ${evidence}`;
}
