// The main job on real parts, in a sandbox: a kernel arrives through the real kernel-install, and the driver
// is built for it by the real dkms. Started by demo.sh, which has installed what it needs.

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { styleText } from 'node:util';
import { command } from '../test/system/support/command.ts';
import { ensureParts } from '../test/system/support/parts.ts';
import { Sandbox } from '../test/system/support/sandbox.ts';

/** What the demo must leave as it was on the machine itself. */
const MACHINE_FOLDERS = [
  '/lib/modules',
  '/usr/src',
  '/etc/kernel',
  '/usr/lib/kernel',
  '/var/lib/dkms',
  '/boot',
];

/** What shows a terminal's abilities to the commands; nothing else of our environment reaches them. */
const TERMINAL_VARIABLES = ['TERM', 'COLORTERM', 'NO_COLOR', 'FORCE_COLOR'];

interface Kernel {
  release: string;
  module: { state: string; version: string | null; path: string | null };
}

class Disappointment extends Error {}

async function main(): Promise<void> {
  const before = await listMachine();
  const { kernels, dkms } = await ensureParts((line) => console.log(`${line} …`));
  const started = performance.now();

  {
    await using sandbox = await Sandbox.create({
      dkms: dkms.v32,
      tree: 'gentoo',
      dkmsHooks: 'gentoo',
      kernels: [kernels.v61],
    });
    await show(sandbox, kernels.v61.gentooRelease, async () => {
      const { release } = await sandbox.addKernel(kernels.v612);
      return release;
    });
  }

  say('And this machine itself? Its own files, compared with a listing from before the demo:');
  const changed = differences(before, await listMachine());
  if (changed.length > 0) throw new Disappointment(`the machine was changed:\n  ${changed.join('\n  ')}`);
  console.log(`unchanged: ${MACHINE_FOLDERS.join(', ')}`);
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(`\n${paint('green', '✓')} The demo went as it should (${seconds} s).`);
}

/** @param arrive puts the files of a second kernel where a package manager would */
async function show(sandbox: Sandbox, old: string, arrive: () => Promise<string>): Promise<void> {
  await sandbox.addDriver();
  await sandbox.installProgram();

  say(
    'A machine like a Gentoo one, with one kernel, dkms, the source of a sample driver, and ttkmd installed.',
    'It is a sandbox: only the running kernel (▸) is this machine’s own, and it is left alone.',
  );
  await run(sandbox, ['ttkmdctl', 'reconcile']);
  await run(sandbox, ['ttkmdctl', 'status']);
  await expectModules(sandbox, { [old]: 'current' });

  const fresh = await arrive();
  say(`A system update unpacks a second kernel, ${fresh}. Would the card be there after a reboot into it?`);
  await run(sandbox, ['ttkmdctl', 'ready', fresh], 1);
  await expectModules(sandbox, { [old]: 'current', [fresh]: 'missing' });

  say('The update goes on to install the kernel, with systemd’s real kernel-install, which runs our hook.');
  await sandbox.write('/etc/kernel/install.conf', 'layout=other\n');
  await run(sandbox, ['kernel-install', 'add', fresh, `/boot/vmlinuz-${fresh}`]);

  say('That was all. The driver is built, installed and verified for the new kernel:');
  await run(sandbox, ['ttkmdctl', 'status']);
  await expectModules(sandbox, { [old]: 'current', [fresh]: 'current' });
  await run(sandbox, ['ttkmdctl', 'ready', fresh]);

  say('What modprobe would load, by kmod’s own word, and what dkms says:');
  await run(sandbox, ['modinfo', '-k', fresh, '-F', 'vermagic', 'tenstorrent']);
  await run(sandbox, ['dkms', 'status']);

  say('What was done, when, and who asked for it:');
  await run(sandbox, ['ttkmdctl', 'history']);
}

/** Runs a command where everybody sees it, on our own terminal if we have one. */
async function run(sandbox: Sandbox, argv: readonly string[], expected = 0): Promise<void> {
  console.log(paint('bold', `$ ${argv.join(' ')}`));
  const child = sandbox.spawn(argv, { stdio: ['ignore', 'inherit', 'inherit'], env: terminalEnvironment() });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (code === expected) return;
  throw new Disappointment(`${argv.join(' ')} ended with ${signal ?? code}, and ${expected} was expected`);
}

function terminalEnvironment(): Record<string, string> {
  return Object.fromEntries(
    TERMINAL_VARIABLES.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Looks behind the screen: the kernels are in these states, and each current module's file is there. */
async function expectModules(sandbox: Sandbox, states: Record<string, string>): Promise<void> {
  const { stdout } = await sandbox.ttkmdctl(['status', '--json']);
  const { kernels } = JSON.parse(stdout) as { kernels: Kernel[] };
  for (const [release, state] of Object.entries(states)) {
    const found = kernels.find((kernel) => kernel.release === release)?.module;
    if (found?.state !== state) {
      throw new Disappointment(`the driver for ${release} is ${found?.state ?? 'not listed'}, not ${state}`);
    }
    if (state === 'current' && !(found.path !== null && (await sandbox.exists(found.path)))) {
      throw new Disappointment(`the driver for ${release} is said to be in ${found.path}, and is not there`);
    }
  }
}

/** Every path in the folders that matter, with what would change if somebody wrote there. */
async function listMachine(): Promise<string[]> {
  const there = MACHINE_FOLDERS.filter((folder) => existsSync(folder));
  const listed = await command(['find', ...there, '-printf', '%p %y %s %T@ %C@\n']);
  return [`there are ${there.join(' ')}`, ...listed.trim().split('\n').sort()];
}

function differences(before: readonly string[], after: readonly string[]): string[] {
  const [old, fresh] = [new Set(before), new Set(after)];
  return [
    ...before.filter((line) => !fresh.has(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !old.has(line)).map((line) => `+ ${line}`),
  ];
}

function say(...sentences: readonly string[]): void {
  console.log(`\n${sentences.map((sentence) => paint('cyan', sentence)).join('\n')}`);
}

function paint(style: 'bold' | 'cyan' | 'green' | 'red', text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

try {
  await main();
} catch (error) {
  const text = error instanceof Disappointment ? error.message : error instanceof Error ? error.stack : error;
  console.error(`\n${paint('red', '✗')} The demo did not go as it should: ${text}`);
  process.exitCode = 1;
}
