// What a bootstrap is about to do, and what stands in its way, as a person reads it before the first change.
import { RULES } from '../bootstrap/choices.ts';
import type { Facts } from '../bootstrap/facts.ts';
import type { Finding } from '../bootstrap/preflight.ts';
import type { StepName } from '../bootstrap/step.ts';
import type { Versions } from '../bootstrap/versions.ts';
import { type Terminal, wrap } from './terminal.ts';

/** `--list`: every step, whether it would be done here, and what it is. */
export function listSteps(terminal: Terminal, selected: readonly StepName[], versions: Versions): void {
  const width = Math.max(...RULES.map(({ name }) => name.length));
  for (const { name, summary } of RULES) {
    const version = versionOf(name, versions);
    const text = version === undefined ? summary : `${summary}: ${version}`;
    terminal.line(`${selected.includes(name) ? '●' : '·'} ${name.padEnd(width)}  ${text}`);
  }
  terminal.line(
    '● comes unless --without names it, · only where --with does; what is there already is left alone.',
  );
}

export function showMachine(terminal: Terminal, { os, arch, init, libc }: Facts): void {
  const running = init === undefined ? 'no init' : init.kind === 'systemd' ? 'systemd' : 'OpenRC';
  terminal.raw(`${os.name || 'this machine'}, ${arch}, ${running}${libc === 'musl' ? ', musl' : ''}\n`);
}

export function showFindings(terminal: Terminal, findings: readonly Finding[]): void {
  for (const { severity, message, hint } of findings) {
    const mark =
      severity === 'stop'
        ? terminal.style('red', '✗')
        : severity === 'warning'
          ? terminal.style('yellow', '!')
          : '·';
    paragraph(terminal, `${mark} `, message);
    if (severity !== 'note') paragraph(terminal, `  ${terminal.style('cyan', '→')} `, hint);
  }
}

function paragraph(terminal: Terminal, mark: string, text: string): void {
  const [first = '', ...rest] = wrap(text, terminal.width - 4);
  terminal.raw(`${mark}${first}\n`);
  for (const line of rest) terminal.raw(`    ${line}\n`);
}

function versionOf(name: StepName, versions: Versions): string | undefined {
  switch (name) {
    case 'source':
      return versions.driver.version;
    case 'tt-smi':
    case 'tt-flash':
    case 'tt-topology':
      return versions.tools[name];
    case 'firmware':
      return versions.firmware?.version;
    case 'sfpi':
      return versions.sfpi?.version;
    case 'tt-metalium':
      return versions.metalium?.tag;
    case 'tt-inference-server':
      return versions.inference?.version;
    default:
      return undefined;
  }
}
