// A file that somebody names for what is to be written: a plain one, replaced in one step, and never anything else.
import { dirname, resolve } from 'node:path';
import { EXIT, TtkmdError } from '../host/errors.ts';
import { openFolder } from '../host/local-host.ts';

/**
 * Where it will be, told before the work for it is done.
 * @param option as it was given, for the message
 * @throws TtkmdError where a folder, a terminal or a device would be replaced
 */
export function outputFile(option: string, given: string): string {
  const fs = openFolder('/');
  // Who has a link there means what it leads to.
  const path = fs.realPath(resolve(given)) ?? resolve(given);
  const there = fs.stat(path)?.kind;
  const folder = dirname(path);
  const known = fs.stat(folder)?.kind === 'folder';
  if (given !== '' && known && (there === undefined || there === 'file')) return path;
  const what =
    given === ''
      ? 'names nothing'
      : `names ${given}, ${known ? 'which is no file' : `and there is no folder ${folder}`}`;
  throw new TtkmdError(
    'output-no-file',
    `${option} ${what}.`,
    `Give ${option} a file that is to be written.`,
    EXIT.usage,
  );
}

/** @throws TtkmdError that names the file and the reason */
export function writeOutput(path: string, text: string, mode?: number): void {
  try {
    openFolder('/').write(path, text, mode);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new TtkmdError(
      'output-unwritable',
      `${path} could not be written: ${message}`,
      'Name a file in a folder that you may write to and that has room.',
      code === 'EACCES' || code === 'EPERM' ? EXIT.rights : EXIT.stepFailed,
      error,
    );
  }
}
