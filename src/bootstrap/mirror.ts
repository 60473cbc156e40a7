// A mirror is a folder, here or behind an address, with each download under its own file name. Pure.

/** The name under which a mirror keeps what an address leads to. */
export function fileName(url: string): string {
  const path = new URL(url).pathname;
  const name = path.slice(path.lastIndexOf('/') + 1);
  // A tag's archive is called after the tag alone.
  const repository = /^\/[^/]+\/([^/]+)\/archive\//.exec(path)?.[1];
  return repository === undefined || name.startsWith(repository) ? name : `${repository}-${name}`;
}

/** Where something is downloaded from. */
export function mirrored(url: string, mirror: string | undefined): string {
  return mirror === undefined ? url : `${mirror.replace(/\/+$/, '')}/${fileName(url)}`;
}

/** Where a mirror keeps Python packages, as pip's --find-links takes it. */
export function pythonMirror(mirror: string): string {
  return `${mirror.replace(/\/+$/, '')}/python${/^https?:/.test(mirror) ? '/' : ''}`;
}
