// What a bootstrap has done, written down before each piece of work: what resuming and taking back go by.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { HostFs } from '../host/fs.ts';
import { JOURNAL_PATH } from '../state/bootstrapped.ts';
import type { PythonWay } from './choices.ts';
import { STEP_NAMES } from './choices.ts';
import type { Bench, StepName, Undo } from './step.ts';
import { TOOL_NAMES, type Versions } from './versions.ts';

export { JOURNAL_PATH };

export interface JournalStep {
  readonly name: StepName;
  readonly done: boolean;
  /** In the order of the work; taken back from the end. */
  readonly undo: readonly Undo[];
}

export interface Journal {
  readonly schema: 1;
  /** In the order in which they were begun. */
  readonly steps: readonly JournalStep[];
  /** What they were done with. */
  readonly versions?: Versions;
  readonly python?: PythonWay;
  /** Where tt-kmd came from, as `--kmd-source` names it. */
  readonly kmdSource?: string;
}

export const EMPTY_JOURNAL: Journal = { schema: 1, steps: [] };

/** @throws TtkmdError where it is there and cannot be understood: what it undoes would stay for good */
export function readJournal(fs: HostFs): Journal {
  const text = fs.readText(JOURNAL_PATH);
  if (text === undefined) return EMPTY_JOURNAL;
  try {
    const found = JSON.parse(text) as Journal;
    const known = found.steps.every(({ name, undo }) => STEP_NAMES.includes(name) && Array.isArray(undo));
    if (found.schema === 1 && known) return found;
  } catch {
    // It is told of below.
  }
  throw new TtkmdError(
    'journal-broken',
    `${JOURNAL_PATH}, by which a bootstrap is resumed and taken back, is broken or of another ttkmd.`,
    `Move it away to begin anew; what is in it is then to be taken back by hand.`,
    EXIT.stepFailed,
  );
}

export function writeJournal(fs: HostFs, journal: Journal): void {
  fs.write(JOURNAL_PATH, `${JSON.stringify(journal, undefined, 2)}\n`, 0o644);
}

/** A step begins, or is gone on with: what it has to undo already stays. */
export function begun(journal: Journal, name: StepName): Journal {
  const before = journal.steps.find((step) => step.name === name);
  if (before !== undefined) return replaced(journal, { ...before, done: false });
  return { ...journal, steps: [...journal.steps, { name, done: false, undo: [] }] };
}

/** What a step is done with; what other steps were done with stays. */
export function withChoices(
  journal: Journal,
  name: StepName,
  { versions, choices }: Pick<Bench, 'versions' | 'choices'>,
): Journal {
  const { kmdSource, ...rest } = journal;
  const from = name === 'source' ? choices.kmdSource : kmdSource;
  const own = {
    ...(rest.versions ?? versions),
    ...versionsOf(name, versions, rest.versions?.tools ?? versions.tools),
  };
  const isTool = TOOL_NAMES.some((tool) => tool === name);
  return {
    ...rest,
    versions: own,
    python: isTool ? choices.python : (rest.python ?? choices.python),
    ...(from === undefined ? {} : { kmdSource: from }),
  };
}

function versionsOf(
  name: StepName,
  { driver, tools, firmware, sfpi, metalium, inference }: Versions,
  before: Versions['tools'],
): Partial<Versions> {
  switch (name) {
    case 'source':
      return { driver };
    case 'tt-smi':
    case 'tt-flash':
    case 'tt-topology':
      return { tools: { ...before, ...(tools[name] === undefined ? {} : { [name]: tools[name] }) } };
    case 'firmware':
      return firmware === undefined ? {} : { firmware };
    case 'sfpi':
      return sfpi === undefined ? {} : { sfpi };
    case 'tt-metalium':
      return metalium === undefined ? {} : { metalium };
    case 'tt-inference-server':
      return inference === undefined ? {} : { inference };
    default:
      return {};
  }
}

export function withUndo(journal: Journal, name: StepName, undo: readonly Undo[]): Journal {
  const step = journal.steps.find((one) => one.name === name);
  if (step === undefined) return journal;
  const known = new Set(step.undo.map((one) => JSON.stringify(one)));
  const added = undo.filter((one) => !known.has(JSON.stringify(one)));
  return added.length === 0 ? journal : replaced(journal, { ...step, undo: [...step.undo, ...added] });
}

export function finished(journal: Journal, name: StepName): Journal {
  const step = journal.steps.find((one) => one.name === name);
  return step === undefined ? journal : replaced(journal, { ...step, done: true });
}

function replaced(journal: Journal, step: JournalStep): Journal {
  return { ...journal, steps: journal.steps.map((one) => (one.name === step.name ? step : one)) };
}
