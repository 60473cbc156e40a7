// Words for a shell that somebody types into.

/** A path as one may paste it into a shell, whoever gave it its name. */
export function quoted(path: string): string {
  return /^[\w@%+=:,./~-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
