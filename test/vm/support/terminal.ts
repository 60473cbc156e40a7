// Somebody at a terminal in a guest, who answers what a command asks.

import type { Answer } from './channel.ts';
import type { Guest } from './guest.ts';

/** @param answers what is typed when the command has shown a text, one after another */
export async function atTerminal(
  guest: Guest,
  command: string,
  answers: readonly (readonly [shown: string, typed: string])[],
): Promise<Answer> {
  const steps = answers.flatMap(([shown, typed]) => [
    `until grep -qF '${shown}' "$d/out"; do kill -0 $! || break; sleep 0.3; done`,
    // Who asks for a password throws away what was typed before it had switched the echo off.
    'sleep 1',
    `echo '${typed}' >&3`,
  ]);
  const script = [
    'd=$(mktemp -d) && mkfifo "$d/in" && : >"$d/out"',
    `script -qefc '${command}' "$d/out" <"$d/in" >/dev/null &`,
    'exec 3>"$d/in"',
    ...steps,
    'wait $!; status=$?',
    'tr -d "\\r" <"$d/out"; rm -r "$d"; exit $status',
  ];
  return await guest.run(script.join('\n'), { allowFailure: true });
}
