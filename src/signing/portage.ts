// The key that Portage signs modules with: what make.conf says, which is a file or a folder, read without running it.
import { plainAssignments } from '../host/bash-assignments.ts';
import { wordEnd } from '../host/bash-scan.ts';
import type { HostFs } from '../host/fs.ts';

export interface NamedKey {
  readonly key: string;
  readonly certificate: string | undefined;
  /** File and line that name the key. */
  readonly place: string;
}

/** Where make.conf is; the later one counts more (make.conf(5)). */
const PLACES = ['/etc/make.conf', '/etc/portage/make.conf'];

/** Files that source each other go no deeper. */
const MOST_DEPTH = 8;

interface Settings {
  readonly values: Map<string, string>;
  readonly places: Map<string, string>;
}

export interface PortageSigning {
  /** MODULES_SIGN_KEY and MODULES_SIGN_CERT; undefined where no key is named. */
  readonly key: NamedKey | undefined;
  /** KBUILD_SIGN_PIN: what opens that key, or where none is named the kernel's own. */
  readonly pin: string | undefined;
}

export function portageSigning(fs: HostFs): PortageSigning {
  const settings: Settings = { values: new Map(), places: new Map() };
  for (const place of PLACES) readPlace(fs, place, settings, 0);
  return { key: namedKey(settings), pin: settings.values.get('KBUILD_SIGN_PIN') || undefined };
}

function namedKey({ values, places }: Settings): NamedKey | undefined {
  const key = values.get('MODULES_SIGN_KEY');
  if (key === undefined || key === '') return undefined;
  return {
    key,
    certificate: values.get('MODULES_SIGN_CERT') || undefined,
    place: places.get('MODULES_SIGN_KEY') ?? '/etc/portage/make.conf',
  };
}

/** Portage reads all files of a folder and of those in it, by name, but hidden ones and copies of editors. */
function readPlace(fs: HostFs, path: string, settings: Settings, depth: number): void {
  const kind = depth > MOST_DEPTH ? undefined : fs.stat(path)?.kind;
  if (kind === 'file') readScript(fs, path, settings, depth);
  if (kind !== 'folder') return;
  for (const name of fs.list(path)) {
    if (!/^\.|~$/.test(name)) readPlace(fs, `${path}/${name}`, settings, depth + 1);
  }
}

function readScript(fs: HostFs, path: string, settings: Settings, depth: number): void {
  const text = fs.readText(path) ?? '';
  let sources = false;
  for (const { word, at } of words(text)) {
    if (sources) readPlace(fs, absolute(unquoted(word, settings), path), settings, depth + 1);
    sources = word === 'source' || word === '.';
    for (const { name, value } of plainAssignments(word, settings.values) ?? []) {
      settings.values.set(name, value);
      settings.places.set(name, `${path}:${text.slice(0, at).split('\n').length}`);
    }
  }
}

function* words(text: string): Generator<{ word: string; at: number }> {
  const blank = /(?:[\s;]|\\\n|#[^\n]*)*/y;
  for (let at = 0; ; ) {
    blank.lastIndex = at;
    at += blank.exec(text)?.[0].length ?? 0;
    if (at >= text.length) return;
    const end = Math.max(wordEnd(text, at), at + 1);
    yield { word: text.slice(at, end), at };
    at = end;
  }
}

function unquoted(word: string, { values }: Settings): string {
  return plainAssignments(`FILE=${word}`, values)?.[0]?.value ?? '';
}

function absolute(path: string, from: string): string {
  return path.startsWith('/') ? path : `${from.slice(0, from.lastIndexOf('/'))}/${path}`;
}
