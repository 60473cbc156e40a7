// Does the work of steps, writes down first how it is taken back, and says of it the very words that a dry run prints.
import { dirname } from 'node:path';
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { HostFs } from '../host/fs.ts';
import { fileHash, sha256 } from '../host/hash.ts';
import { quoted } from '../host/shell-word.ts';
import { isCommand } from './facts.ts';
import { mirrored } from './mirror.ts';
import type { Bench, Undo, Work } from './step.ts';

/** The lines that show a piece of work: commands as they are run, files with what is written. */
export function describeWork(work: Work, mirror: string | undefined): string[] {
  switch (work.kind) {
    case 'run':
      return [
        [
          ...Object.entries(work.env ?? {}).map(([name, value]) => `${name}=${quoted(value)}`),
          ...work.argv.map(quoted),
        ].join(' '),
      ];
    case 'ttkmdctl':
      return [['ttkmdctl', ...work.args.map(quoted)].join(' ')];
    case 'write':
      return [
        `write ${work.path}:`,
        ...work.text
          .trimEnd()
          .split('\n')
          .map((line) => `    ${line}`),
      ];
    case 'link':
      return [`ln -s ${quoted(work.target)} ${quoted(work.path)}`];
    case 'download': {
      const { sha256: sum } = work.download;
      const known = sum === undefined ? 'whose SHA-256 nobody has told us' : `with the SHA-256 ${sum}`;
      return [`download ${mirrored(work.download.url, mirror)} to ${work.to}, ${known}`];
    }
    case 'rename':
      return [`mv -T ${quoted(work.from)} ${quoted(work.to)}`];
    case 'remove':
      return [`rm -rf ${quoted(work.path)}`];
    case 'insist':
      return [`make sure: ${work.text}`];
  }
}

export interface Doing {
  readonly bench: Bench;
  /** Writes down how something is taken back; called before it is done. */
  readonly willUndo: (undo: readonly Undo[]) => void;
  readonly onLine: (line: string, shown: boolean) => void;
  /** A thing that people should know and that ends nothing. */
  readonly onWarning: (text: string) => void;
}

/** @throws TtkmdError where it could not be done */
export async function doWork(work: Work, { bench, willUndo, onLine, onWarning }: Doing): Promise<void> {
  const { fs } = bench.host;
  switch (work.kind) {
    case 'run': {
      willUndo((await work.undo?.()) ?? []);
      const tail: string[] = [];
      const { code, timedOut, cancelled } = await bench.hands.run(work, (line) => {
        keepLast(tail, line);
        onLine(line, work.shown ?? false);
      });
      if (cancelled) throw interrupted();
      const [command = ''] = work.argv;
      if (code === 127 && !command.includes('/') && !isCommand(bench.host, command)) throw noCommand(command);
      const tolerated = work.tolerated?.[code ?? -1];
      if (tolerated !== undefined) onWarning(tolerated);
      else if (code !== 0)
        throw commandFailed(
          work,
          timedOut ? `did not end in ${work.timeLimit / 60_000} minutes` : `ended with ${code}`,
          tail,
        );
      return;
    }
    case 'ttkmdctl': {
      willUndo(work.undo ?? []);
      const tail: string[] = [];
      const { code, cancelled } = await bench.hands.ttkmdctl(work.args, (line) => {
        keepLast(tail, line);
        onLine(line, false);
      });
      if (cancelled) throw interrupted();
      const tolerated = work.tolerated?.[code ?? -1];
      if (tolerated !== undefined) onWarning(tolerated);
      else if (code !== 0)
        throw commandFailed({ argv: ['ttkmdctl', ...work.args] }, `ended with ${code}`, tail);
      return;
    }
    case 'write':
      if (fs.readText(work.path) === work.text) return;
      willUndo([
        ...missingFolders(fs, dirname(work.path)),
        { kind: 'file', path: work.path, sha256: hashOf(work.text) },
      ]);
      fs.write(work.path, work.text, work.mode ?? 0o644);
      return;
    case 'link':
      willUndo([
        ...missingFolders(fs, dirname(work.path)),
        { kind: 'link', path: work.path, target: work.target },
      ]);
      fs.link(work.target, work.path);
      return;
    case 'download': {
      const { url, sha256: sum } = work.download;
      // What an earlier call has brought is not brought again.
      if (sum !== undefined && fileHash(fs, work.to) === sum) return;
      willUndo([...missingFolders(fs, dirname(work.to)), { kind: 'tree', path: work.to }]);
      const found = await bench.hands.download(mirrored(url, bench.choices.mirror), fs.outer(work.to), sum);
      if (sum === undefined) onWarning(`nobody has told us the SHA-256 of ${url}; what came has ${found}`);
      return;
    }
    case 'rename':
      willUndo(work.undo);
      fs.rename(work.from, work.to);
      return;
    case 'remove':
      fs.removeTree(work.path);
      return;
    case 'insist': {
      const wrong = await work.wrong();
      if (wrong !== undefined)
        throw new TtkmdError('bootstrap-insist', wrong.message, wrong.hint, EXIT.stepFailed);
    }
  }
}

/** The folders that a path lacks, the outer one first, each to go again when nothing is in it. */
export function missingFolders(fs: HostFs, path: string): Undo[] {
  if (path === '/' || fs.exists(path)) return [];
  return [...missingFolders(fs, dirname(path)), { kind: 'folder', path }];
}

export function interrupted(): TtkmdError {
  return new TtkmdError(
    'bootstrap-interrupted',
    'Interrupted.',
    'The same command goes on where this one stopped; ttkmdctl uninstall takes back what was done.',
    EXIT.stepFailed,
  );
}

function hashOf(text: string): string {
  return sha256().update(text).digest('hex');
}

/** Lines of output that are shown where a command fails. */
const MOST_LINES = 12;

function keepLast(lines: string[], line: string): void {
  if (line.trim() === '') return;
  lines.push(line);
  if (lines.length > MOST_LINES) lines.shift();
}

function noCommand(command: string): TtkmdError {
  return new TtkmdError(
    'bootstrap-no-command',
    `There is no command ${command} here.`,
    `Install what brings ${command}, then run the same command again: it goes on where it stopped.`,
    EXIT.stepFailed,
  );
}

function commandFailed(
  { argv, hint }: { readonly argv: readonly string[]; readonly hint?: string },
  what: string,
  tail: readonly string[],
): TtkmdError {
  const said =
    tail.length === 0 ? '' : `, after these words:\n${tail.map((line) => `    ${line}`).join('\n')}`;
  return new TtkmdError(
    'bootstrap-command',
    `${argv.map(quoted).join(' ')} ${what}${said}`,
    hint ?? 'Mend that and run the same command again: it goes on where it stopped.',
    EXIT.stepFailed,
  );
}
