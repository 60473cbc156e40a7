// What the definitions of commands share.
import { InvalidArgumentError, Option } from 'commander';

export type Options = Record<string, unknown> & { readonly root: string };

/** Makes of a command's work what commander calls; the work gives the exit status. */
export type Run = (
  command: (args: string[], options: Options) => Promise<number>,
) => (...given: unknown[]) => Promise<void>;

/** What the command line reaches and that does not belong to it. */
export interface Parts {
  readonly kernelEvent: {
    readonly ways: readonly string[];
    readonly run: (way: string, args: readonly string[]) => Promise<number>;
  };
  readonly daemon: { readonly run: (root: string) => Promise<number> };
}

/** For the daemon, which starts these commands. */
export function publishOption(): Option {
  return new Option('--publish', 'write the status file and print a digest').hideHelp();
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}
