// What is said and asked when a bootstrap has ended.
import type { BootstrapReport } from '../bootstrap/bootstrap.ts';
import { rebootReasons } from '../bootstrap/reboot.ts';
import type { Bench } from '../bootstrap/step.ts';
import { sourceVersion } from '../bootstrap/steps/source.ts';
import { EXIT } from '../host/errors.ts';
import { askYesNo, canAsk } from './ask.ts';
import type { BootstrapOptions } from './bootstrap-options.ts';
import type { Context } from './context.ts';

export async function conclude(
  { terminal, host }: Context,
  options: BootstrapOptions,
  bench: Bench,
  report: BootstrapReport,
  log: string | undefined,
): Promise<number> {
  if (report.outcome === 'nothing-to-do') terminal.line('nothing to do: all is in place');
  else if (report.outcome === 'planned') terminal.line('nothing was done: this was a dry run');
  else terminal.line(`done: ${report.steps.join(', ')}; log: ${log}`);
  if (report.outcome === 'planned') return EXIT.ok;
  const reasons = rebootReasons(host, sourceVersion(bench));
  if (reasons.length > 0) {
    for (const reason of reasons) terminal.line(`a reboot is needed: ${reason}`);
    if (await rebootNow(options))
      await bench.hands.run({ kind: 'run', argv: ['reboot'], timeLimit: 60_000 }, () => {});
  }
  terminal.line('whether all of it works: ttkmdctl doctor');
  return EXIT.ok;
}

async function rebootNow({ reboot, yes }: BootstrapOptions): Promise<boolean> {
  if (reboot !== 'ask') return reboot === 'always';
  return !yes && canAsk() && askYesNo('Reboot now?', false, new AbortController().signal);
}
