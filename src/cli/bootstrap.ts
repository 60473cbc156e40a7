// `ttkmdctl bootstrap`: from a fresh machine to a working card.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap as runBootstrap } from '../bootstrap/bootstrap.ts';
import { type Choices, selectSteps } from '../bootstrap/choices.ts';
import { exportedVersions } from '../bootstrap/export.ts';
import { observeFacts } from '../bootstrap/facts.ts';
import { begun, readJournal, withUndo, writeJournal } from '../bootstrap/journal.ts';
import type { Finding } from '../bootstrap/preflight.ts';
import type { Bench, BootstrapStep, StepName } from '../bootstrap/step.ts';
import { STEPS } from '../bootstrap/steps/all.ts';
import { interrupted } from '../bootstrap/work.ts';
import { packageFolderOf } from '../deploy/package.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import { interruptible } from '../host/signals.ts';
import { askYesNo, canAsk } from './ask.ts';
import { conclude } from './bootstrap-end.ts';
import { findingsOf } from './bootstrap-findings.ts';
import { type RealHands, realHands } from './bootstrap-hands.ts';
import { takeBootstrapLock } from './bootstrap-lock.ts';
import { openLog, tellFailure } from './bootstrap-log.ts';
import {
  type BootstrapOptions,
  choicesFrom,
  chosenVersions,
  insistOnValues,
  LATEST,
} from './bootstrap-options.ts';
import { listSteps, showFindings, showMachine } from './bootstrap-plan.ts';
import { bootstrapProgress } from './bootstrap-progress.ts';
import { type Context, openContext } from './context.ts';
import { ownPackage } from './deploy.ts';
import { outputFile, writeOutput } from './output-file.ts';

/** Where bootstrap.sh writes what it is about to install, one name a line. */
const BROUGHT = '/var/lib/ttkmd/brought';

export async function bootstrap(options: BootstrapOptions, action?: string, dir?: string): Promise<number> {
  if (options.root !== '/') {
    throw new TtkmdError(
      'bootstrap-root',
      'A bootstrap is for the system that it runs in.',
      `Run it in there: chroot ${options.root} ttkmdctl bootstrap`,
      EXIT.usage,
    );
  }
  insistOnValues(options);
  const context = openContext(options);
  if (options.export !== undefined) return writeExport(context, options.export);
  const { signal, exitStatus } = interruptible();
  const hands = realHands(signal, () => {});
  const bench = await openBench(context, options, hands);
  try {
    if (options.list) {
      const { selected, versions } = await withLatest(bench, options, hands);
      listSteps(context.terminal, selected, versions);
      return EXIT.ok;
    }
    if (action === 'fetch') {
      const { fetchMirror } = await import('./bootstrap-fetch.ts');
      return await fetchMirror(context, await withLatest(bench, options, hands), dir);
    }
    return await work(context, options, bench, hands, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    const { message, hint } = interrupted();
    context.terminal.raw(`ttkmdctl: ${message}\n  → ${hint}\n`);
    return exitStatus();
  }
}

async function openBench(
  { host, config }: Context,
  options: BootstrapOptions,
  hands: RealHands,
): Promise<Bench> {
  const versions = chosenVersions(options);
  const facts = await observeFacts(host, config.devices.extra);
  const folder = packageFolderOf(dirname(fileURLToPath(import.meta.url)));
  const choices = choicesFrom(options, versions, ownPackage(), folder);
  return { host, facts, choices, versions, hands, selected: selectSteps(choices, facts) };
}

/** What the publishers, or a mirror, have now, where that was asked for. */
async function withLatest(bench: Bench, { versions }: BootstrapOptions, hands: RealHands): Promise<Bench> {
  if (versions !== LATEST) return bench;
  const { latestVersions } = await import('../bootstrap/latest.ts');
  const { choices, selected, host } = bench;
  const wanted = {
    steps: selected,
    kmdSource: choices.kmdSource,
    arch: host.machine.arch,
    mirror: choices.mirror,
  };
  return { ...bench, versions: await latestVersions(bench.versions, wanted, hands.read) };
}

async function work(
  context: Context,
  options: BootstrapOptions,
  first: Bench,
  hands: RealHands,
  signal: AbortSignal,
): Promise<number> {
  const { terminal } = context;
  const dryRun = options.dryRun ?? false;
  showMachine(terminal, first.facts);
  if (!dryRun && first.facts.root) rememberBrought(first);
  const asks = !dryRun && !options.yes && first.versions.machine === undefined && canAsk();
  const chosen = asks ? await askForMore(first, options, signal) : first;
  const bench = await withLatest(chosen, options, hands);
  const findings = await findingsOf(bench, hands, context.configWarnings);
  showFindings(terminal, findings);
  const stops = findings.filter(({ severity }) => severity === 'stop');
  if (stops.length > 0 && !dryRun) throw stopped(stops);
  const steps = bench.selected.map((name) => STEPS[name]);
  if (asks && !(await confirmed(context, bench, steps, signal))) {
    terminal.line('nothing was done');
    return EXIT.ok;
  }

  const lock = dryRun ? undefined : await takeBootstrapLock(context.host);
  const log = dryRun ? undefined : openLog(context);
  const progress = bootstrapProgress(terminal, (line) => log?.write(line), dryRun);
  try {
    const report = await runBootstrap(bench, steps, { dryRun, signal, onHappening: progress.onHappening });
    progress.stop();
    return await conclude(context, options, bench, report, log?.path, signal);
  } catch (error) {
    tellFailure(error, progress, log);
    throw error;
  } finally {
    lock?.release();
  }
}

/** Packages that bootstrap.sh had to bring for the program to be built; they are taken back with the others. */
function rememberBrought({ host, facts }: Bench): void {
  const names = (host.fs.readText(BROUGHT) ?? '').split('\n').filter((name) => name !== '');
  if (names.length > 0 && facts.manager !== undefined) {
    const journal = begun(readJournal(host.fs), 'packages');
    writeJournal(
      host.fs,
      withUndo(journal, 'packages', [{ kind: 'packages', manager: facts.manager, names }]),
    );
  }
  host.fs.remove(BROUGHT);
}

async function askForMore(bench: Bench, options: BootstrapOptions, signal: AbortSignal): Promise<Bench> {
  if (options.with !== undefined || options.only !== undefined) return bench;
  const more: StepName[] = [];
  if (
    bench.facts.devices.length > 1 &&
    (await askYesNo('Install tt-topology, for meshes of Wormhole cards?', false, signal))
  ) {
    more.push('tt-topology');
  }
  if (
    await askYesNo('Install podman and the command tt-metalium, to run upstream’s containers?', false, signal)
  ) {
    more.push('tt-metalium');
  }
  const choices: Choices = { ...bench.choices, with: more };
  return { ...bench, choices, selected: selectSteps(choices, bench.facts) };
}

async function confirmed(
  { terminal }: Context,
  bench: Bench,
  steps: readonly BootstrapStep[],
  signal: AbortSignal,
): Promise<boolean> {
  const left: string[] = [];
  for (const step of steps) {
    const { done, why } = await step.check(bench);
    if (!done) left.push(`  ${step.name.padEnd(14)} ${step.title} (${why})`);
  }
  if (left.length === 0) return true;
  terminal.raw(`to do:\n${left.join('\n')}\n`);
  return askYesNo('Go on? (--dry-run shows each command)', true, signal);
}

function stopped(stops: readonly Finding[]): TtkmdError {
  const status = stops.some(({ code }) => code === 'not-root') ? EXIT.rights : EXIT.stepFailed;
  const count = stops.length === 1 ? 'What is' : `The ${stops.length} things that are`;
  return new TtkmdError(
    'bootstrap-stopped',
    `Nothing was done. ${count} marked ✗ above must be mended first.`,
    'Then run the same command again.',
    status,
  );
}

function writeExport({ host, terminal }: Context, file: string): number {
  const versions = exportedVersions(host.fs);
  const text = `${JSON.stringify(versions, undefined, 2)}\n`;
  if (file === '-') terminal.line(text.trimEnd());
  else writeOutput(outputFile('--export', file), text);
  return EXIT.ok;
}
