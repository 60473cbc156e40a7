// Measures ttkmd against dkms, in the same run on the same trees. Started by run.sh.

import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { ensureParts } from '../test/system/support/parts.ts';
import { FEWEST_ROUNDS, measure, SUBJECTS, type Subject } from './cases.ts';
import { measureDaemon } from './daemon.ts';
import { judge, render } from './table.ts';
import { measureVerification } from './verification.ts';

/** What has no peer to be measured against. */
const DAEMON = 'daemon';
const VERIFICATION = 'verification';
const ALONE = [DAEMON, VERIFICATION];

const USAGE = `usage: npm run bench -- [--rounds N] [--dkms VERSION] [--kmd-source DIR] [SUBJECT…]
  N         how often each command is timed, at least and by default ${FEWEST_ROUNDS}; builds twice, short ones thrice as often
  VERSION   3.0 or 3.2; both unless told
  DIR       tt-kmd's source, to be built instead of the sample driver
  SUBJECT   ${[...SUBJECTS, ...ALONE].join(', ')}; all unless told`;

// Short commands are cheap to repeat, and suffer most from what else the machine does.
const SHORT_FACTOR = 3;

interface Wishes {
  rounds: number;
  dkms: string;
  driver: string | undefined;
  subjects: ReadonlySet<Subject>;
  daemon: boolean;
  verification: boolean;
}

async function main(): Promise<number> {
  const wishes = parse(process.argv.slice(2));
  if (wishes === undefined) {
    console.error(USAGE);
    return 2;
  }
  const started = performance.now();
  const { kernels, dkms } = await ensureParts(progress);
  const processors = availableParallelism();
  const load = loadavg()[0] ?? 0;
  console.log(
    `${processors} processors, Linux ${kernels.v612.version} trees, Node.js ${process.versions.node}`,
  );
  if (load > processors / 4) {
    console.log(`The machine has other work (load ${load.toFixed(1)}): trust the ratios, not the times.`);
  }

  if (wishes.daemon) {
    const log = (line: string): void => progress(line);
    const lines = await measureDaemon({ dkms: dkms.v32, kernel: kernels.v612, rounds: wishes.rounds, log });
    console.log(`\nthe daemon\n${lines.join('\n')}`);
  }

  if (wishes.verification) {
    const log = (line: string): void => progress(line);
    const plan = { dkms: dkms.v32, kernel: kernels.v612, rounds: wishes.rounds, log };
    const lines = await measureVerification(plan);
    console.log(`\nverification\n${lines.join('\n')}`);
  }

  let missed = 0;
  for (const part of [dkms.v30, dkms.v32]) {
    if (!part.version.startsWith(wishes.dkms) || wishes.subjects.size === 0) continue;
    const rows = await measure({
      dkms: part,
      kernels,
      driver: wishes.driver,
      subjects: wishes.subjects,
      rounds: wishes.rounds,
      shortRounds: wishes.rounds * SHORT_FACTOR,
      log: (line) => progress(`dkms ${part.version}: ${line}`),
    });
    console.log(`\ndkms ${part.version}`);
    for (const line of render(rows)) console.log(line);
    missed += rows.filter((row) => row.target?.aim !== true && judge(row).reached === false).length;
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  const verdict = missed === 0 ? 'every target reached' : `${missed} targets missed`;
  console.log(`\n${verdict}; medians of ${wishes.rounds} or more rounds; ${seconds} s`);
  return 0;
}

function parse(argv: readonly string[]): Wishes | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { rounds: { type: 'string' }, dkms: { type: 'string' }, 'kmd-source': { type: 'string' } },
      allowPositionals: true,
    });
    const rounds = Number(values.rounds ?? FEWEST_ROUNDS);
    const subjects = SUBJECTS.filter((one) => positionals.length === 0 || positionals.includes(one));
    const known: readonly string[] = [...SUBJECTS, ...ALONE];
    const unknown = positionals.some((one) => !known.includes(one));
    if (!Number.isInteger(rounds) || rounds < FEWEST_ROUNDS || unknown) return undefined;
    const wanted = (one: string): boolean => positionals.length === 0 || positionals.includes(one);
    const others = { daemon: wanted(DAEMON), verification: wanted(VERIFICATION) };
    const driver = values['kmd-source'];
    return { rounds, dkms: values.dkms ?? '', driver, subjects: new Set(subjects), ...others };
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

/** Not on standard output, which is the table. */
function progress(line: string): void {
  console.error(`bench: ${line}`);
}

process.exitCode = await main();
