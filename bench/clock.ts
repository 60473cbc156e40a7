// Takes the time of commands inside a sandbox, one contender after the other, again and again: what else
// happens on the machine meanwhile meets all of them alike.

import type { Sandbox } from '../test/system/support/sandbox.ts';

export interface Contender {
  name: string;
  argv: readonly string[];
  cwd?: string;
  /** Exit statuses that are as they should be; 0 unless told. */
  expected?: readonly number[];
  /** Puts the machine into the state that a run starts from; its time does not count. */
  before?: () => Promise<unknown>;
  /** Sees that the run did what it is measured for. */
  after?: () => Promise<unknown>;
}

export interface Times {
  median: number;
  least: number;
  most: number;
  /** Milliseconds, in the order of the rounds. */
  all: readonly number[];
}

const OUTPUT = '/tmp/bench-output';

// From just before the command is started to just after it has ended, by the shell that starts it: neither
// the way into the sandbox nor the benchmark's own Node.js counts.
const STOPWATCH = `
  start=$EPOCHREALTIME
  "$@" >${OUTPUT} 2>&1 </dev/null
  status=$?
  end=$EPOCHREALTIME
  echo "$status $start $end"
`;

const RUN_LIMIT_MS = 300_000;

/** The times of each contender, in their order. The first round only warms up and is not counted. */
export async function race(
  sandbox: Sandbox,
  contenders: readonly Contender[],
  rounds: number,
): Promise<Times[]> {
  const times = contenders.map((): number[] => []);
  for (let round = -1; round < rounds; round += 1) {
    const order = contenders.map((_, index) => index);
    // ABAB would let each meet what the other leaves behind; turned round every second time, both do.
    if (round % 2 !== 0) order.reverse();
    for (const index of order) {
      const contender = contenders[index];
      if (contender === undefined) continue;
      const ms = await once(sandbox, contender);
      if (round >= 0) times[index]?.push(ms);
    }
  }
  return times.map(summarise);
}

async function once(sandbox: Sandbox, contender: Contender): Promise<number> {
  await contender.before?.();
  const { stdout } = await sandbox.run(['bash', '-c', STOPWATCH, 'bash', ...contender.argv], {
    timeoutMs: RUN_LIMIT_MS,
    ...(contender.cwd === undefined ? {} : { cwd: contender.cwd }),
  });
  const [status, start, end] = stdout.trim().split(' ').map(Number);
  if (status === undefined || start === undefined || end === undefined) {
    throw new Error(`${contender.name}: the stopwatch printed ${JSON.stringify(stdout)}`);
  }
  if (!(contender.expected ?? [0]).includes(status)) {
    throw new Error(
      `${contender.argv.join(' ')}: ended with ${status}\n${await sandbox.read(OUTPUT).catch(() => '')}`,
    );
  }
  await contender.after?.();
  return (end - start) * 1000;
}

function summarise(all: readonly number[]): Times {
  const sorted = all.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  const lower = sorted[sorted.length - 1 - middle] ?? Number.NaN;
  return {
    median: (upper + lower) / 2,
    least: sorted[0] ?? Number.NaN,
    most: sorted.at(-1) ?? Number.NaN,
    all,
  };
}
