// `ttkmdctl history`: what was done when, by which trigger, how long it took, how it ended.
import { EXIT } from '../host/errors.ts';
import { localTime } from '../host/local-time.ts';
import type { Step } from '../reconcile/step.ts';
import { type HistoryEntry, publicEntry, readHistory } from '../state/history.ts';
import { type GlobalOptions, openContext } from './context.ts';
import { type Column, table } from './terminal.ts';

const COLUMNS: readonly Column[] = [
  { title: 'WHEN', expendable: 0 },
  { title: 'TRIGGER', expendable: 2 },
  { title: 'STEP', expendable: 0 },
  { title: 'KERNEL', expendable: 0 },
  { title: 'DRIVER', expendable: 3 },
  { title: 'TOOK', expendable: 1 },
  { title: 'HOW IT ENDED', expendable: 0 },
];

/** Steps that change what a kernel or an admin has; the others keep records in order. */
const TELLING = new Set([
  ...['takeOver', 'build', 'install', 'forget', 'removeSource'],
  ...['unload', 'reload', 'endReload', 'allocateHugepages', 'returnHugepages'],
]);

/** The steps in words for people; programs get the kinds themselves. */
const STEP_WORDS: Readonly<Record<Exclude<Step['kind'], 'wait'>, string>> = {
  clean: 'clean up',
  takeOver: 'take over',
  register: 'register',
  placeRule: 'udev rule',
  build: 'build',
  install: 'install',
  record: 'record',
  load: 'load',
  forget: 'forget',
  unregister: 'unregister',
  removeSource: 'remove source',
  archive: 'archive',
  dropArchive: 'drop archive',
  unload: 'unload',
  reload: 'reload',
  endReload: 'end reload',
  allocateHugepages: 'allocate',
  returnHugepages: 'give back',
  mountHugepages: 'mount',
};

/** What a step is called for people; one of a later version by its own name. */
export function stepWord(kind: string): string {
  if (kind.endsWith('-hook')) return 'your hook';
  return Object.hasOwn(STEP_WORDS, kind) ? STEP_WORDS[kind as keyof typeof STEP_WORDS] : kind;
}

/** The newest entries: those that matter to a person, or all of them. */
export function chosenEntries(
  entries: readonly HistoryEntry[],
  lines: number,
  everything: boolean,
): HistoryEntry[] {
  const chosen = entries.filter(({ step, outcome }) => everything || outcome !== 'done' || TELLING.has(step));
  return chosen.slice(Math.max(0, chosen.length - lines));
}

export async function history(
  options: GlobalOptions & { readonly json?: boolean; readonly all?: boolean; readonly lines: number },
): Promise<number> {
  const { host, terminal } = openContext(options);
  const kept = readHistory(host.fs);
  // Programs choose for themselves.
  const entries = chosenEntries(kept, options.lines, options.all === true || options.json === true);
  if (options.json) {
    terminal.line(JSON.stringify({ schema: 1, entries: entries.map(publicEntry) }, undefined, 2));
    return EXIT.ok;
  }
  if (kept.length === 0) terminal.line('nothing has been done yet');
  if (entries.length === 0) return EXIT.ok;
  const rows = entries.map((entry) => [
    localTime(entry.at),
    entry.trigger,
    stepWord(entry.step),
    entry.release ?? '–',
    entry.version ?? '–',
    `${entry.seconds.toFixed(1)} s`,
    entry.outcome === 'done' ? entry.detail : `${entry.outcome}: ${entry.detail}`,
  ]);
  const { head, lines } = table(COLUMNS, rows, terminal.width);
  terminal.line(terminal.style('dim', head));
  for (const line of lines) terminal.line(line);
  return EXIT.ok;
}
