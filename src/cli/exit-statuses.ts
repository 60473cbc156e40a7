// What each exit status says, for the help and the man page.

/** In their order; 77 is never used, since kernel-install reads it as "success, stop here". */
export const EXIT_STATUSES: readonly (readonly [status: string, meaning: string])[] = [
  ['0', 'Done, or healthy.'],
  ['1', 'Not healthy, not ready, not in service, or nothing found.'],
  ['2', 'Bad usage.'],
  ['3', 'Bad configuration.'],
  ['4', 'Missing rights: run it as root.'],
  ['5', 'Another run was at work for too long to wait; nothing was done.'],
  ['6', 'A step failed, or standard output could not be written.'],
  ['127', 'Could not start: no Node.js that will do, or a missing file.'],
  ['129, 130, 143', 'Ended: the terminal went away, Ctrl-C, a request to end.'],
];

/** The list for the help, its meanings in one column. */
export function exitStatusHelp(): string {
  const width = Math.max(...EXIT_STATUSES.map(([status]) => status.length)) + 2;
  return ['Exit status:', ...EXIT_STATUSES.map(([status, text]) => `  ${status.padEnd(width)}${text}`)].join(
    '\n',
  );
}
