// A bench for steps that is nothing but memory: what would be run and downloaded is recorded.
import type { Choices } from '../../../src/bootstrap/choices.ts';
import { type Facts, observeFacts } from '../../../src/bootstrap/facts.ts';
import type { Bench, Hands, StepName, Work } from '../../../src/bootstrap/step.ts';
import { releasedVersions, type Versions } from '../../../src/bootstrap/versions.ts';
import { describeWork } from '../../../src/bootstrap/work.ts';
import { type MemoryHost, type MemoryHostOptions, memoryHost } from '../support/memory-host.ts';

export const NO_CHOICES: Choices = {
  with: [],
  without: [],
  only: [],
  kmdSource: undefined,
  python: 'pipx',
  activeEnvironment: undefined,
  mirror: undefined,
  updateFirmware: false,
  getBinaryPackages: false,
  user: undefined,
  package: undefined,
};

export const DEBIAN = {
  '/etc/os-release': 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  '/usr/bin/apt-get': { text: '', mode: 0o755 },
} as const;

export const GENTOO = {
  '/etc/os-release': 'ID=gentoo\nNAME=Gentoo\n',
  '/usr/bin/emerge': { text: '', mode: 0o755 },
} as const;

/** How emerge is called for what is not there yet. */
export const EMERGE = 'emerge --ask=n --quiet-build=y --nospinner --color=n --noreplace';

export interface BenchOptions extends MemoryHostOptions {
  readonly choices?: Partial<Choices>;
  readonly selected?: readonly StepName[];
  readonly versions?: Versions;
  readonly hands?: Partial<Hands>;
  readonly facts?: Partial<Facts>;
}

export interface MemoryBench extends Bench {
  readonly host: MemoryHost;
  /** Each command that was run, as a line. */
  readonly ran: string[];
}

export async function memoryBench(options: BenchOptions = {}): Promise<MemoryBench> {
  const script = options.exec;
  const host = memoryHost({
    ...options,
    exec: (call, on) => {
      if (typeof script === 'function') {
        const found = script(call, on);
        if (found !== undefined) return found;
      }
      return { code: 1 };
    },
  });
  const ran: string[] = [];
  const done = { code: 0, signal: undefined, timedOut: false, cancelled: false };
  const hands: Hands = {
    async run(work) {
      ran.push(work.argv.join(' '));
      return done;
    },
    async ttkmdctl(args) {
      ran.push(`ttkmdctl ${args.join(' ')}`);
      return done;
    },
    ask: async () => ({ code: 1, stdout: '', stderr: '' }),
    async download(from, to) {
      ran.push(`download ${from} ${to}`);
      return '';
    },
    ...options.hands,
  };
  return {
    host,
    ran,
    hands,
    facts: { ...(await observeFacts(host)), ...options.facts },
    choices: { ...NO_CHOICES, ...options.choices },
    selected: options.selected ?? [],
    versions: options.versions ?? releasedVersions(),
  };
}

/** What a dry run would print. */
export function lines(works: readonly Work[], mirror?: string): string[] {
  return works.flatMap((work) => describeWork(work, mirror));
}
