// The line of a running build that is shown while it runs.
import { tidyLine } from './diagnose-text.ts';

/** What kbuild prints for a step: `  CC [M]  /long/path/chardev.o`. */
const KBUILD_STEP = /^ {2}([A-Z][A-Z0-9_]*)\s+(\[[MU]\]\s+)?(\S+)$/;

/** What dkms prints for its own steps, and how it is shown. */
const DKMS_STEPS: readonly (readonly [RegExp, string])[] = [
  [/^Building module/, 'starting make'],
  [/^Cleaning build area/, 'cleaning'],
  [/^Signing module/, 'signing'],
  [/^(?:Running )?depmod\.\.\./, 'depmod'],
  [/^Installing |^\s+- Installing to /, 'installing'],
  [/^Running the (\w+) script/, 'running a script of the driver'],
  [/^applying patch/i, 'patching'],
  [/waiting for (?:that one|another dkms)/, 'waiting for another dkms to end'],
];

/**
 * A raw line of make or dkms as a short text for live progress.
 * @returns undefined for noise, where the text before it stays
 */
export function lastMakeLine(line: string): string | undefined {
  const [, verb, kind = '', path] = KBUILD_STEP.exec(line) ?? [];
  if (verb !== undefined && path !== undefined)
    return `${verb} ${kind.trim()} ${shortPath(path)}`.replace(/ +/g, ' ');
  if (/(?:^|: )(?:fatal )?error: |^ERROR: |^Error! /i.test(line)) return tidyLine(line);
  return DKMS_STEPS.find(([pattern]) => pattern.test(line))?.[1];
}

/** A file of the driver by its place in the source, another by its name. */
function shortPath(path: string): string {
  const tidy = tidyLine(path);
  return tidy.startsWith('/') ? tidy.slice(tidy.lastIndexOf('/') + 1) : tidy;
}
