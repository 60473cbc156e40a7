// The folder that ttkmd is installed from: an unpacked release, a built checkout, or what is installed already.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { HostFs } from '../host/fs.ts';
import { openFolder } from '../host/local-host.ts';

/** Where the parts of ttkmd are in a package folder. Paths are as seen from inside the folder. */
export interface PackageFolder {
  readonly fs: HostFs;
  readonly kind: 'release' | 'checkout' | 'installed';
  /** The bundled program: `main.js` and its chunks. */
  readonly program: string;
  /** A Node.js to bring along; its binary is `bin/node` in it. */
  readonly node: string;
  /** Man pages, completions and the settings file. */
  readonly share: string;
}

/** From the most to the least telling: a release may hold a `dist` some day, an installed program has neither. */
const LAYOUTS: readonly Omit<PackageFolder, 'fs'>[] = [
  { kind: 'release', program: '/lib', node: '/node', share: '/share' },
  { kind: 'checkout', program: '/dist', node: '/node_modules/node', share: '/dist/share' },
  { kind: 'installed', program: '/', node: '/node', share: '/share' },
];

/**
 * Opens a package folder of this machine; it may lie outside the root that is installed to.
 * @throws TtkmdError where the folder holds no ttkmd
 */
export function openPackage(folder: string, fs: HostFs = openFolder(folder)): PackageFolder {
  const layout = LAYOUTS.find(({ program }) => fs.exists(`${program}/main.js`) && fs.exists('/hooks'));
  if (layout === undefined) {
    throw new TtkmdError(
      'package-missing',
      `There is no ttkmd to install in ${folder}: neither lib/main.js (a release) nor dist/main.js (a checkout), or no hooks.`,
      'Name the folder that the release was unpacked to; in a checkout run `npm run build` first.',
      EXIT.usage,
    );
  }
  return { fs, ...layout };
}

/** The package folder that the running program belongs to, given the folder that the asking file is in. */
export function packageFolderOf(programFolder: string): string {
  return programFolder.replace(/\/(lib|dist|src|src\/[^/]+)$/, '');
}
