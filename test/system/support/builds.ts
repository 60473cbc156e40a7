// Whether anything of a build is still alive in a sandbox.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sandbox } from './sandbox.ts';
import type { AliveProcess } from './sandbox-options.ts';

// What a build of a module consists of, and the sample's delay.
const BUILD_PROCESSES = new Set([
  'dkms',
  'make',
  'cc1',
  'as',
  'ld',
  'modpost',
  'sign-file',
  'objtool',
  'pahole',
  'sleep',
]);

/** The processes of a build that are still alive inside. */
export function buildsAlive(sandbox: Sandbox): AliveProcess[] {
  return sandbox.processes().filter(({ name }) => BUILD_PROCESSES.has(name) || name.startsWith('gcc'));
}

/** Throws, naming them, when processes of a build are still alive `withinMs` from now. */
export async function noBuildAlive(sandbox: Sandbox, withinMs = 0): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const alive = buildsAlive(sandbox);
    if (alive.length === 0) return;
    if (Date.now() >= deadline) {
      throw new Error(
        `still alive: ${alive.map((one) => `${one.pid} ${one.command || one.name}`).join('; ')}`,
      );
    }
    await sleep(20);
  }
}
