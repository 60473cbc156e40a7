// Runs the tiers one after another and ends with the counts: `N passed, N failed`.
// Started by run.sh, which has installed what they need.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

const PROJECT = join(import.meta.dirname, '..');
const REPORTS = join(PROJECT, '.cache/reports');

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
  /** What failed, each with its reason: told again at the end, where it is found. */
  failures?: readonly string[];
}

interface Tier {
  name: string;
  /** Why it cannot run here; undefined when it can. */
  obstacle?: () => string | undefined;
  run: (vitestArguments: readonly string[]) => Promise<Counts>;
  /** Seconds that it should take on two cores; one that takes longer is told of. */
  limit?: number;
  /** It takes too long to be part of every run. */
  onlyWhenNamed?: true;
}

// In this order: what is quick and what others build on comes first.
const TIERS: readonly Tier[] = [
  { name: 'lint', run: () => check(['npm', 'run', '--silent', 'lint']) },
  { name: 'types', run: () => check(['npm', 'run', '--silent', 'types']) },
  { name: 'shell', obstacle: withoutShellcheck, run: async () => check(['shellcheck', ...shellFiles()]) },
  { name: 'build', run: () => check(['npm', 'run', '--silent', 'build']) },
  { name: 'unit', run: (rest) => vitest('unit', rest), limit: 60 },
  { name: 'system', obstacle: withoutNamespacesOrApt, run: (rest) => vitest('system', rest), limit: 600 },
  { name: 'debian', obstacle: withoutNamespacesOrApt, run: (rest) => vitest('debian', rest), limit: 300 },
  { name: 'gentoo', obstacle: withoutPortage, run: (rest) => vitest('gentoo', rest), limit: 300 },
  { name: 'vm', obstacle: withoutVirtualMachines, run: (rest) => vitest('vm', rest), limit: 900 },
  {
    name: 'kernel',
    obstacle: withoutVirtualMachines,
    run: (rest) => vitest('kernel', rest),
    onlyWhenNamed: true,
  },
];

const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0 };

async function main(): Promise<number> {
  const { names, rest } = parse(process.argv.slice(2));
  const unknown = names.filter((name) => !TIERS.some((tier) => tier.name === name));
  if (unknown.length > 0) {
    console.error(
      `no such tier: ${unknown.join(', ')}. There are: ${TIERS.map(({ name }) => name).join(', ')}`,
    );
    return 2;
  }
  const chosen = TIERS.filter(({ name, onlyWhenNamed }) =>
    names.length === 0 ? onlyWhenNamed === undefined : names.includes(name),
  );

  const lines: string[] = [];
  let total = NOTHING;
  for (const tier of chosen) {
    console.log(`\n== ${tier.name}`);
    const { counts, line } = await runTier(tier, rest);
    console.log(line);
    lines.push(line);
    total = add(total, counts);
  }
  for (const failure of total.failures ?? []) console.log(`\nFAILED: ${failure}`);
  console.log(`\n${lines.join('\n')}`);
  console.log(summary(total));
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

async function runTier(tier: Tier, rest: readonly string[]): Promise<{ counts: Counts; line: string }> {
  const label = tier.name.padEnd(8);
  const obstacle = tier.obstacle?.();
  if (obstacle !== undefined) {
    // Where nobody looks at the output, a tier that is silently left out would pass for ever.
    if (process.env.CI === 'true') {
      return { counts: { ...NOTHING, failed: 1 }, line: `${label} FAILED: it cannot run here: ${obstacle}` };
    }
    return { counts: { ...NOTHING, skipped: 1 }, line: `${label} SKIPPED: ${obstacle}` };
  }
  const start = performance.now();
  const counts = await tier.run(rest).catch((error: unknown): Counts => {
    console.error(error);
    return { ...NOTHING, failed: 1 };
  });
  const seconds = (performance.now() - start) / 1000;
  const slow =
    tier.limit !== undefined && seconds > tier.limit ? `, SLOW: ${tier.limit} s are its limit` : '';
  return {
    counts,
    line: `${label} ${counts.failed > 0 ? 'FAILED' : 'ok'}: ${summary(counts)} (${seconds.toFixed(1)} s${slow})`,
  };
}

function parse(argv: readonly string[]): { names: string[]; rest: string[] } {
  const end = argv.indexOf('--');
  return end < 0 ? { names: [...argv], rest: [] } : { names: argv.slice(0, end), rest: argv.slice(end + 1) };
}

function add(one: Counts, other: Counts): Counts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
    failures: [...(one.failures ?? []), ...(other.failures ?? [])],
  };
}

function summary({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** A tier that is one command counts as one test. */
async function check(argv: readonly string[]): Promise<Counts> {
  return (await run(argv)) === 0 ? { ...NOTHING, passed: 1 } : { ...NOTHING, failed: 1 };
}

/** The exit code; -1 when a signal ended it or it could not start. */
async function run([program = '', ...rest]: readonly string[]): Promise<number> {
  const child = spawn(program, rest, { cwd: PROJECT, stdio: ['ignore', 'inherit', 'inherit'] });
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? -1;
  } catch (error) {
    console.error(`${program}: ${error instanceof Error ? error.message : String(error)}`);
    return -1;
  }
}

// What vitest's JSON reporter writes, as far as it is used here.
interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: {
    name: string;
    status: string;
    message: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] | null }[];
  }[];
}

async function vitest(project: string, rest: readonly string[]): Promise<Counts> {
  mkdirSync(REPORTS, { recursive: true });
  const file = join(REPORTS, `${project}.json`);
  rmSync(file, { force: true });
  const code = await run([
    'vitest',
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...rest,
  ]);
  const counts = existsSync(file)
    ? countTests(JSON.parse(readFileSync(file, 'utf8')) as VitestReport)
    : NOTHING;
  // A crash, an error outside any test or a failed set-up leaves no failed test behind.
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

function countTests(report: VitestReport): Counts {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
    failures: [
      ...brokenFiles.map(({ name, message }) => `${relative(PROJECT, name)}\n${message}`),
      ...report.testResults.flatMap(failedTests),
    ],
  };
}

function failedTests({ name, assertionResults }: VitestReport['testResults'][number]): string[] {
  return assertionResults
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) =>
      [`${relative(PROJECT, name)} > ${fullName}`, ...(failureMessages ?? []).map(withoutRunner)].join('\n'),
    );
}

/** A failure's message without the lines of its stack that are the test runner's own. */
function withoutRunner(message: string): string {
  return message.replaceAll(/\n {4}at .*\/node_modules\/.*|\n {4}at new Promise .*/g, '');
}

function withoutShellcheck(): string | undefined {
  return succeeds('shellcheck', ['--version']) ? undefined : 'shellcheck is not installed';
}

function withoutNamespacesOrApt(): string | undefined {
  if (process.getuid?.() !== 0) return 'it needs root, for mount namespaces';
  if (!existsSync('/etc/debian_version')) return "it needs Debian, for its archive's kernels and dkms";
  if (!succeeds('unshare', ['-m', 'true'])) return 'mount namespaces are refused here';
  return undefined;
}

function withoutPortage(): string | undefined {
  const venv = succeeds('/usr/bin/python3', ['-c', 'import ensurepip, venv']);
  return (
    withoutNamespacesOrApt() ?? (venv ? undefined : 'python3-venv, for Portage from PyPI, is not installed')
  );
}

const VM_TOOLS = ['qemu-system-x86_64', 'mmdebstrap', 'mke2fs'];

function withoutVirtualMachines(): string | undefined {
  if (process.arch !== 'x64') return 'its virtual machines are made of packages for amd64';
  const missing = VM_TOOLS.filter((tool) => !succeeds(tool, [tool === 'mke2fs' ? '-V' : '--version']));
  return (
    withoutNamespacesOrApt() ?? (missing.length > 0 ? `${missing.join(', ')} cannot be run here` : undefined)
  );
}

function succeeds(program: string, rest: readonly string[]): boolean {
  try {
    execFileSync(program, rest, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** All tracked files, and new ones that git does not ignore, that a shell would run. */
function shellFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: PROJECT,
    encoding: 'utf8',
  });
  return listed.split('\0').filter((path) => path !== '' && existsSync(join(PROJECT, path)) && isShell(path));
}

// "#!/usr/bin/env -S …" and the longest interpreters fit; nothing more of the file is read.
const SHEBANG_BYTES = 80;

function isShell(path: string): boolean {
  const first = Buffer.alloc(SHEBANG_BYTES);
  const file = openSync(join(PROJECT, path), 'r');
  try {
    readSync(file, first, 0, SHEBANG_BYTES, 0);
  } catch {
    // A folder (a submodule or a link to one) is no shell file.
    return false;
  } finally {
    closeSync(file);
  }
  const interpreter = /^#!\s*\S*(?:\/|env\s+)(?:sh|bash|dash|openrc-run)\b/;
  return interpreter.test(first.toString('latin1'));
}

process.exitCode = await main();
