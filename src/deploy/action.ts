// What an installation or removal did to one path, or would do.

export interface Action {
  /**
   * `adopt`: the very file was there before and counts as ours from now on. `keep`: it was to be replaced
   * or removed, and stays for the reason that is given.
   */
  readonly kind: 'add' | 'replace' | 'mode' | 'adopt' | 'remove' | 'keep' | 'add-folder' | 'remove-folder';
  readonly path: string;
  readonly reason?: string;
}
