// The kernel's list of what is mounted where.

export interface MountLine {
  /** As it is named, whatever signs are in it. */
  readonly point: string;
  readonly type: string;
  /** Of this mount, and of the file system. */
  readonly options: readonly string[];
  readonly systemOptions: readonly string[];
}

/**
 * In the order in which they were made: of several on one point, the last is the one on top.
 * @param table the text of `/proc/self/mountinfo`, see proc_pid_mountinfo(5)
 */
export function mountsIn(table: string): MountLine[] {
  return table.split('\n').flatMap((line) => {
    const [own = '', ofSystem = ''] = line.split(' - ');
    const [, , , , point, options = ''] = own.split(' ');
    if (point === undefined) return [];
    const [type = '', , systemOptions = ''] = ofSystem.split(' ');
    return [
      { point: unescaped(point), type, options: options.split(','), systemOptions: systemOptions.split(',') },
    ];
  });
}

/** Blanks and backslashes are octal there. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
