// What an installation or a removal did to files: one line, what somebody should know, and all of it on demand.
import type { Terminal } from './terminal.ts';

/** What happened to a path, or would. */
export interface FileAction {
  readonly kind:
    | 'add'
    | 'replace'
    | 'mode'
    | 'adopt'
    | 'remove'
    | 'keep'
    | 'add-folder'
    | 'remove-folder'
    | 'give-back';
  readonly path: string;
  readonly reason?: string;
}

/** What is done, in the words for it: `installed ttkmd`, `would install ttkmd`, `nothing to do: …`. */
export interface Deed {
  readonly done: string;
  readonly would: string;
  readonly nothing: string;
}

export interface FilesShown {
  readonly dryRun: boolean;
  readonly verbose: boolean;
}

const COUNTED: readonly (readonly [FileAction['kind'], string])[] = [
  ['add', 'new'],
  ['replace', 'replaced'],
  ['mode', 'with another mode'],
  ['adopt', 'adopted'],
  ['remove', 'removed'],
  ['give-back', 'given back'],
  ['keep', 'kept'],
];

/** The lines: what was done, each path where that was asked for, else what differs from the usual. */
export function fileLines(
  deed: Deed,
  actions: readonly FileAction[],
  { dryRun, verbose }: FilesShown,
): string[] {
  const kept = actions.filter(({ kind }) => kind === 'keep' || kind === 'give-back');
  const work = actions.filter(({ kind }) => kind !== 'keep');
  const shown = verbose ? actions : kept;
  const idle = kept.length === 0 ? `nothing to do: ${deed.nothing}` : 'nothing done: what differs is kept';
  return [
    work.length === 0 ? idle : `${dryRun ? deed.would : deed.done}: ${counts(actions)}`,
    ...shown.map((action) => `  ${dryRun ? 'would ' : ''}${fileLine(action)}`),
  ];
}

function fileLine({ kind, path, reason }: FileAction): string {
  return `${kind.replace('-', ' ').padEnd(13)} ${path}${reason === undefined ? '' : `: ${reason}`}`;
}

/** `38 files new, 2 replaced`; folders are counted only where nothing else was done. */
function counts(actions: readonly FileAction[]): string {
  const parts = COUNTED.flatMap(([kind, word]) => {
    const count = actions.filter((action) => action.kind === kind).length;
    return count === 0 ? [] : [{ count, word }];
  });
  const [first, ...rest] = parts;
  if (first === undefined) return actions.length === 1 ? '1 folder' : `${actions.length} folders`;
  const files = first.count === 1 ? 'file' : 'files';
  return [`${first.count} ${files} ${first.word}`, ...rest.map(({ count, word }) => `${count} ${word}`)].join(
    ', ',
  );
}

/** What to do next, a line each, behind an arrow. */
export function nextSteps(terminal: Terminal, steps: readonly string[]): void {
  for (const step of steps) terminal.line(`  ${terminal.style('cyan', '→')} ${step}`);
}
