// Removes the packages that a bootstrap brought, but for what others have come to need since.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Undo } from './step.ts';
import type { UndoBench, UndoReport } from './undo.ts';

type Packages = Extract<Undo, { kind: 'packages' }>;

export async function removePackages(
  bench: UndoBench,
  undo: Packages,
  timeLimit: number,
): Promise<UndoReport> {
  return undo.manager === 'apt'
    ? removeByApt(bench, undo.names, timeLimit)
    : removeByPortage(bench, undo.names, timeLimit);
}

/** dpkg refuses each one that an installed package of others depends on, and removes the rest. */
async function removeByApt(
  bench: UndoBench,
  names: readonly string[],
  timeLimit: number,
): Promise<UndoReport> {
  const there = await installed(bench, names);
  if (there.length === 0) return { kind: 'keep', text: 'packages: all are gone already' };
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  let locked: string | undefined;
  const listen = (line: string): void => {
    if (/\block was locked by another process\b/.test(line)) locked = line;
    bench.onLine(line);
  };
  await bench.hands.run({ kind: 'run', argv: ['dpkg', '--purge', ...there], env, timeLimit }, listen);
  if (locked !== undefined) throw busy(locked);
  const left = await installed(bench, there);
  return outcome(there, left);
}

/** What was to be removed is known only as long as we are there. */
function busy(said: string): TtkmdError {
  return new TtkmdError(
    'packages-locked',
    `The packages of the bootstrap could not be removed: ${said.replace(/^dpkg: error: /, '')}.`,
    'When that has ended, run ttkmdctl uninstall again: it goes on where it stopped.',
    EXIT.stepFailed,
  );
}

async function installed({ host }: UndoBench, names: readonly string[]): Promise<string[]> {
  const { stdout } = await host.exec.query('dpkg-query', [
    '-W',
    '-f',
    '$' + '{db:Status-Abbrev} $' + '{Package}\n',
    ...names,
  ]);
  return stdout.split('\n').flatMap((line) => {
    const [status, name] = line.trim().split(/\s+/);
    return name === undefined || status === undefined || /^[ur]n$/.test(status) ? [] : [name];
  });
}

/** Takes them out of the world file, then lets Portage remove what nothing needs. */
async function removeByPortage(
  bench: UndoBench,
  names: readonly string[],
  timeLimit: number,
): Promise<UndoReport> {
  const run = (...argv: string[]) => bench.hands.run({ kind: 'run', argv, timeLimit }, bench.onLine);
  await run('emerge', '--ask=n', '--deselect', ...names);
  const { code } = await run('emerge', '--ask=n', '--depclean', ...names);
  return code === 0
    ? { kind: 'remove', text: `packages that nothing else needs, of ${names.join(' ')}` }
    : { kind: 'keep', text: `packages: emerge --depclean ended with ${code} (${names.join(' ')})` };
}

function outcome(before: readonly string[], left: readonly string[]): UndoReport {
  const gone = before.filter((name) => !left.includes(name));
  if (gone.length === 0) return { kind: 'keep', text: `packages: ${left.join(' ')}: others need them` };
  const rest = left.length === 0 ? '' : `; others need ${left.join(' ')}, which stay`;
  return { kind: 'remove', text: `packages: ${gone.join(' ')}${rest}` };
}
