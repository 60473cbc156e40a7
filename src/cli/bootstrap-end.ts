// What is said and asked when a bootstrap has ended.
import type { BootstrapReport } from '../bootstrap/bootstrap.ts';
import { type Pages, rebootReasons } from '../bootstrap/reboot.ts';
import type { Bench } from '../bootstrap/step.ts';
import { sourceVersion } from '../bootstrap/steps/source.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import { askYesNo, canAsk } from './ask.ts';
import type { BootstrapOptions } from './bootstrap-options.ts';
import type { Context } from './context.ts';

/** Milliseconds for the init to take the order. */
const REBOOT_LIMIT = 60_000;

const FOR_KUBERNETES =
  'on a Kubernetes node tt-inference-server wants 32 hugepages more: extra_pages = 32 in the section [hugepages] of /etc/ttkmd/ttkmd.conf';

export async function conclude(
  { terminal, host }: Context,
  options: BootstrapOptions,
  bench: Bench,
  report: BootstrapReport,
  log: string | undefined,
  signal: AbortSignal,
): Promise<number> {
  if (report.outcome === 'nothing-to-do') terminal.line('nothing to do: all is in place');
  else if (report.outcome === 'planned') terminal.line('nothing was done: this was a dry run');
  else terminal.line(`done: ${report.steps.join(', ')}; log: ${log}`);
  if (report.outcome === 'planned') return EXIT.ok;
  const reasons = rebootReasons(host, sourceVersion(bench), await pagesOf(bench));
  if (reasons.length > 0) {
    for (const reason of reasons) terminal.line(`a reboot is needed: ${reason}`);
    if (await rebootNow(options, bench, signal)) return reboot(bench);
    terminal.line('when it suits: reboot');
  }
  if (report.steps.includes('tt-inference-server')) terminal.line(FOR_KUBERNETES);
  terminal.line('whether all of it works: ttkmdctl doctor');
  return EXIT.ok;
}

/** The machine goes down under us; where it does not, somebody has to know. */
async function reboot({ hands }: Bench): Promise<number> {
  const said: string[] = [];
  const { code } = await hands.run({ kind: 'run', argv: ['reboot'], timeLimit: REBOOT_LIMIT }, (line) =>
    said.push(line),
  );
  if (code === 0) return EXIT.ok;
  throw new TtkmdError(
    'reboot-failed',
    `All was done, but the machine does not reboot: reboot ended with ${code}${said.length === 0 ? '' : ` (${said.at(-1)})`}.`,
    'Reboot it by your own means.',
    EXIT.stepFailed,
  );
}

async function rebootNow(
  { reboot, yes }: BootstrapOptions,
  { versions }: Bench,
  signal: AbortSignal,
): Promise<boolean> {
  if (reboot !== 'ask') return reboot === 'always';
  if (yes || versions.machine !== undefined || !canAsk()) return false;
  // All is done by now: Ctrl-C here is a no.
  return askYesNo('Reboot now?', false, signal).catch(() => false);
}

async function pagesOf({ hands, facts }: Bench): Promise<Pages | undefined> {
  if (facts.chrooted) return undefined;
  const { stdout } = await hands.ask(['hugepages', 'status', '--json']);
  try {
    return (JSON.parse(stdout) as { hugepages: Pages | null }).hugepages ?? undefined;
  } catch {
    return undefined;
  }
}
