// What a person sees of a run and can do to it: a live line, plain lines in a pipe, Ctrl-C, cancel.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import {
  expectSettled,
  history,
  identity,
  insist,
  installedVersion,
  intercept,
  letGo,
  modulePath,
  prepared,
  printed,
  SAMPLE,
  settled,
  statusOf,
  until,
} from './support/machine.ts';
import { parts } from './support/parts.ts';
import { noBuildAlive, type Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

const MACHINE = { dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] } as const;
const RELEASE = kernels.v61.gentooRelease;
const SOURCE = `/usr/src/tenstorrent-${SAMPLE}`;

// Within which an interrupted run and all that it had started must have ended: far less than the build would take.
const PATIENCE_MS = 10_000;

const CTRL_C = '\x03';
const ESCAPE = '\x1b';
const ERASE = `\r${ESCAPE}[2K`;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal is steered by
const COLOUR = /\x1b\[[\d;]*m/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal is steered by
const STEERING = /\x1b\[[\d;?]*[A-Za-z]/g;

/** A command at a terminal of its own, which util-linux's script makes; what is typed goes to `stdin`. */
class TerminalSession {
  output = '';
  readonly child: ChildProcess;
  readonly #ended: Promise<unknown[]>;

  constructor(sandbox: Sandbox, command: string, columns = 80, env: Record<string, string> = {}) {
    const shell = `stty rows 24 cols ${columns}; exec ${command}`;
    this.child = sandbox.spawn(['script', '-qefc', shell, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { TERM: 'xterm-256color', ...env },
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
    this.#ended = once(this.child, 'close');
  }

  type(keys: string): void {
    this.child.stdin?.write(keys);
  }

  async exitStatus(): Promise<number | null> {
    const [code] = await this.#ended;
    return code as number | null;
  }

  /** The lines as they stood on the screen, each drawing of a live line as a line of its own. */
  lines(): string[] {
    return this.output.split(/[\r\n]+/).map((line) => line.replace(STEERING, ''));
  }
}

async function building(sandbox: Sandbox): Promise<void> {
  await until('the build waits', () => sandbox.processes().some(({ command }) => command === 'sleep 100'));
}

async function withinPatience(what: string, ending: Promise<unknown>): Promise<void> {
  const start = performance.now();
  await ending;
  expect(performance.now() - start, what).toBeLessThan(PATIENCE_MS);
}

/** Nothing half-built, half-installed or remembered as a failure, and a lock that is free. */
async function expectNothingLeft(sandbox: Sandbox): Promise<void> {
  await noBuildAlive(sandbox, PATIENCE_MS);
  expect(await sandbox.list('/var/lib/ttkmd/staging')).toEqual([]);
  expect(await sandbox.list(`/var/lib/dkms/tenstorrent/${SAMPLE}/${RELEASE}`)).toEqual([]);
  expect(await sandbox.list('/run/ttkmd')).not.toContain('run.json');
  expect(JSON.parse(await sandbox.read('/var/lib/ttkmd/state.json'))).toMatchObject({ failures: {} });
  expect((await history(sandbox)).at(-1)).toMatchObject({ step: 'build', outcome: 'cancelled' });
  const { problems } = await statusOf(sandbox);
  expect(problems.map(({ code }) => code)).not.toContain('build-failed');
}

test('on a terminal a live line is drawn again and again, in colour, and no wider than the terminal', async () => {
  await using sandbox = await prepared(MACHINE);
  await sandbox.write(`${SOURCE}/switches.mk`, 'slow = 1\n');
  const session = new TerminalSession(sandbox, 'ttkmdctl reconcile', 100);
  expect(await session.exitStatus(), session.output).toBe(0);
  const drawn = session.output.split(ERASE).filter((line) => line.includes(`build tenstorrent ${SAMPLE}`));
  expect(drawn.length).toBeGreaterThan(5);
  expect(session.output).toMatch(/\(1 s\)/);
  expect(session.lines().some((line) => /\(\d+ s\) {2}(CC|LD|MODPOST) /.test(line))).toBe(true);
  expect(session.output).toContain(`✓ build tenstorrent ${SAMPLE} for ${RELEASE}`);
  // The live line is gone in the end: what stays are whole lines.
  expect(session.lines().findLast((line) => line !== '')).toMatch(/^done: 1 /);
  expect(session.output.lastIndexOf('⠋')).toBeLessThan(session.output.lastIndexOf(ERASE));

  const coloured = new TerminalSession(sandbox, 'ttkmdctl status', 100);
  expect(await coloured.exitStatus()).toBe(0);
  expect(coloured.output).toMatch(COLOUR);

  // NO_COLOR takes the colour away, and leaves the life.
  await sandbox.write(`${SOURCE}/switches.mk`, 'slow = 0.5\n');
  const plain = new TerminalSession(sandbox, 'ttkmdctl reconcile', 100, { NO_COLOR: '1' });
  expect(await plain.exitStatus(), plain.output).toBe(0);
  expect(plain.output).not.toMatch(COLOUR);
  expect(plain.output.split(ERASE).length).toBeGreaterThan(5);
  const grey = new TerminalSession(sandbox, 'ttkmdctl status', 100, { NO_COLOR: '1' });
  await grey.exitStatus();
  expect(grey.output).not.toContain(ESCAPE);
  // A terminal that cannot move its cursor gets plain lines.
  const dumb = new TerminalSession(sandbox, 'ttkmdctl reconcile --force', 100, { TERM: 'dumb' });
  expect(await dumb.exitStatus(), dumb.output).toBe(0);
  expect(dumb.output).not.toContain(ESCAPE);
  expect(dumb.output).toContain('✓   built');
});

test('on a narrow terminal no line is wider than it', async () => {
  await using sandbox = await prepared(MACHINE);
  await sandbox.addKernel(kernels.cloud);
  await sandbox.addDriver({ broken: 'hwmon', slowSeconds: 0.3 });
  const failing = new TerminalSession(sandbox, 'ttkmdctl reconcile', 50);
  expect(await failing.exitStatus(), failing.output).toBe(6);
  expect(failing.output).toContain('CONFIG_HWMON');
  // Paths and commands stay whole, so that they can be copied: they may be all that stands on a line.
  const tooWide = (session: TerminalSession): string[] =>
    session.lines().filter(
      (line) =>
        line.length > 50 &&
        line
          .trim()
          .replace(/^[→✗✓·] /, '')
          .includes(' '),
    );
  expect(tooWide(failing)).toEqual([]);
  for (const command of ['status', 'history', 'kernels', 'reconcile', 'reconcile --dry-run --force']) {
    const session = new TerminalSession(sandbox, `ttkmdctl ${command}`, 50);
    await session.exitStatus();
    expect(tooWide(session), command).toEqual([]);
  }
});

test('in a pipe there are plain lines, and results are told from progress', async () => {
  await using sandbox = await prepared(MACHINE);
  const run = await insist(sandbox, ['reconcile'], 0, { env: { TERM: 'xterm-256color' } });
  for (const text of [run.stdout, run.stderr]) {
    expect(text).not.toContain(ESCAPE);
    expect(text).not.toContain('\r');
  }
  expect(run.stdout).toMatch(/^done: 1 [^\n]*\n$/);
  const told = run.stderr.trimEnd().split('\n');
  expect(told.filter((line) => line.startsWith(`build tenstorrent ${SAMPLE} for ${RELEASE}`))).toHaveLength(
    1,
  );
  expect(told.at(-1)).toMatch(/^✓ +installed, verified \(\d+\.\d s\)$/);
  expect((await insist(sandbox, ['status'], 0, { env: { TERM: 'xterm-256color' } })).stdout).not.toContain(
    ESCAPE,
  );
});

test('Ctrl-C ends a build with all that it started, and leaves nothing behind', async () => {
  await using sandbox = await prepared(MACHINE);
  await sandbox.write(`${SOURCE}/switches.mk`, 'slow = 100\n');
  const session = new TerminalSession(sandbox, 'ttkmdctl reconcile');
  await building(sandbox);
  session.type(CTRL_C);
  await withinPatience('the end after Ctrl-C', session.exitStatus());
  expect(await session.exitStatus(), session.output).toBe(130);
  expect(session.output).toContain('cancelled');
  expect((await insist(sandbox, ['history'], 0)).stdout).toContain(
    'cancelled: stopped, and nothing half-built',
  );
  expect(session.output).not.toMatch(/\.js:\d+/);
  await expectNothingLeft(sandbox);

  // The terminal's window is closed.
  const closed = new TerminalSession(sandbox, 'ttkmdctl reconcile');
  await building(sandbox);
  closed.child.kill('SIGKILL');
  await until(
    'ttkmdctl has ended',
    () => sandbox.processes().every(({ command }) => !command.includes('ttkmd')),
    PATIENCE_MS,
  );
  await expectNothingLeft(sandbox);

  // Who waits is let go as well.
  const worker = sandbox.spawn(['/usr/bin/ttkmdctl', 'reconcile'], { stdio: 'ignore' });
  await building(sandbox);
  const waiter = new TerminalSession(sandbox, 'ttkmdctl reconcile');
  await until('the other one waits', () => waiter.output.includes('waiting for pid'));
  waiter.type(CTRL_C);
  await withinPatience('the end of the waiter', waiter.exitStatus());
  expect(await waiter.exitStatus()).toBe(130);
  expect((await statusOf(sandbox)).run?.pid).toBe(worker.pid);

  // From elsewhere: not without root, and then at once.
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const refused = await sandbox.run([...nobody, '/usr/bin/ttkmdctl', 'cancel'], { allowFailure: true });
  expect(refused.code, printed(refused)).toBe(4);
  expect(worker.exitCode).toBeNull();
  const ended = once(worker, 'exit');
  const cancelled = insist(sandbox, ['cancel'], 0);
  await withinPatience('the end after cancel', ended);
  expect((await ended)[0]).toBe(143);
  expect((await cancelled).stdout).toContain(`cancelled the run of pid ${worker.pid} (trigger cli)`);
  await expectNothingLeft(sandbox);
  expect((await insist(sandbox, ['cancel'], 0)).stdout).toBe('nothing to cancel: no run is under way\n');

  await sandbox.remove(`${SOURCE}/switches.mk`);
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [RELEASE]);
});

test('Ctrl-C while a built module is looked at is no failure of the build', async () => {
  await using sandbox = await prepared(MACHINE);
  await intercept(
    sandbox,
    'modinfo',
    'case "$*" in *staging*) touch /tmp/looking; sleep 1; rm /tmp/looking ;; esac',
  );
  const session = new TerminalSession(sandbox, 'ttkmdctl reconcile');
  await until('the module is looked at', () => sandbox.exists('/tmp/looking'));
  session.type(CTRL_C);
  expect(await session.exitStatus(), session.output).toBe(130);
  expect(JSON.parse(await sandbox.read('/var/lib/ttkmd/state.json'))).toMatchObject({ failures: {} });
  await letGo(sandbox, 'modinfo');
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [RELEASE]);
});

test('Ctrl-C while dkms replaces a working module costs no module', async () => {
  await using sandbox = await settled(MACHINE);
  const old = await identity(sandbox, await modulePath(sandbox, RELEASE));
  // dkms runs this after it has taken the old module away and before it puts the new one there.
  await sandbox.write(`${SOURCE}/pause`, '#!/bin/sh\ntouch /tmp/paused; sleep 1\n', 0o755);
  await sandbox.write(
    `${SOURCE}/dkms.conf`,
    `${await sandbox.read(`${SOURCE}/dkms.conf`)}PRE_INSTALL="pause"\n`,
  );
  const session = new TerminalSession(sandbox, 'ttkmdctl reconcile');
  await until('dkms pauses', () => sandbox.exists('/tmp/paused'));
  session.type(CTRL_C);
  await session.exitStatus();
  await noBuildAlive(sandbox, PATIENCE_MS);
  expect(await installedVersion(sandbox, RELEASE), session.output).toBe(SAMPLE);
  expect(await identity(sandbox, await modulePath(sandbox, RELEASE))).not.toBe(old);
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [RELEASE]);
});
