// The configuration files of a host, as text, in the order in which they count.
import type { HostFs } from '../host/fs.ts';

const CONFIG_FILE = '/etc/ttkmd/ttkmd.conf';
const CONFIG_FOLDER = '/etc/ttkmd/ttkmd.conf.d';

/** Bytes; nobody writes that much by hand. */
const LARGEST_FILE = 1024 * 1024;

export type ConfigFile =
  | { readonly path: string; readonly text: string }
  | { readonly path: string; readonly expected: string; readonly hint: string };

/** The main file and then the drop-ins by name; what cannot be read says why. A missing file is none. */
export function configFiles(fs: HostFs): ConfigFile[] {
  const folder = fs.stat(CONFIG_FOLDER);
  const names = fs.list(CONFIG_FOLDER).filter(isDropIn);
  const files = [CONFIG_FILE, ...names.map((name) => `${CONFIG_FOLDER}/${name}`)].flatMap((path) => {
    const file = configFile(fs, path);
    return file === undefined ? [] : [file];
  });
  if (fs.denied.has(CONFIG_FOLDER)) files.push(unreadable(CONFIG_FOLDER, 755));
  else if (folder !== undefined && folder.kind !== 'folder') {
    files.push({ path: CONFIG_FOLDER, expected: 'a folder', hint: `Make it a folder, or remove it.` });
  }
  return files;
}

/** Hidden files and what editors and package managers leave (`x.conf~`, `._cfg0000_x.conf`) do not count. */
function isDropIn(name: string): boolean {
  return /^[^.#].*\.conf$/.test(name);
}

function configFile(fs: HostFs, path: string): ConfigFile | undefined {
  const info = fs.stat(path);
  if (info === undefined) return absentFile(fs, path);
  // The usual way to switch a drop-in off.
  if (info.kind === 'other' && fs.realPath(path) === '/dev/null') return undefined;
  // Reading a pipe would wait for ever.
  if (info.kind !== 'file') {
    return {
      path,
      expected: `a file, found a ${kindOf(info.kind)}`,
      hint: `Remove ${path} or put a file there.`,
    };
  }
  if (info.size > LARGEST_FILE) {
    return {
      path,
      expected: `no more than 1 MiB, found ${info.size} bytes`,
      hint: `See what ${path} really is.`,
    };
  }
  const text = fs.readText(path);
  if (text === undefined) return unreadable(path, 644);
  if (text.includes('\0')) {
    return { path, expected: 'text, found a binary file', hint: `See what ${path} really is.` };
  }
  return { path, text };
}

function absentFile(fs: HostFs, path: string): ConfigFile | undefined {
  if (fs.denied.has(path)) return unreadable(path, 644);
  const target = fs.readLink(path);
  if (target === undefined || target === '/dev/null') return undefined;
  return {
    path,
    expected: `a file, found a link to ${target}, where there is none`,
    hint: `Remove ${path} or mend the link.`,
  };
}

function kindOf(kind: string): string {
  return kind === 'other' ? 'pipe, socket or device' : kind;
}

function unreadable(path: string, mode: number): ConfigFile {
  return {
    path,
    expected: 'a file that may be read',
    hint: `Run this as root, or allow it with chmod ${mode} ${path}.`,
  };
}
