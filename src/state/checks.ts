// What was found out about installed modules by reading them and their build trees, kept until one of these changes.
import type { HostFs } from '../host/fs.ts';
import { STATE_FOLDER } from './state.ts';

/** Beside the state, not in it: it is written by whoever has looked, without the lock, and losing it costs time only. */
export const CHECKS_PATH = `${STATE_FOLDER}/checks.json`;
const SCHEMA = 1;

/** An imported symbol of which module and kernel have different versions. */
export interface DifferingSymbol {
  readonly name: string;
  readonly module: string;
  /** Undefined where the kernel exports no such symbol. */
  readonly kernel: string | undefined;
}

export interface SymbolCheck {
  readonly compared: number;
  readonly differing: number;
  /** The first few of them. */
  readonly first: readonly DifferingSymbol[];
}

/** One module against the build tree of its kernel. */
export interface ModuleCheck {
  /** A word for the module files that were read; what was found in them is good as long as it is the same. */
  readonly identity: string;
  /** What modinfo says of the module, with a word for the file; absent in records of earlier versions. */
  readonly read?: { readonly identity: string; readonly info: object };
  /** The same for the build tree; empty where there is none of this release. */
  readonly tree: string;
  /** SHA-256 of the module file. */
  readonly file: string | undefined;
  /** When it was built, or at least put there, by its file's time; in milliseconds since 1970. */
  readonly modified: number;
  /** SHA-256 of the kernel's configuration as make reads it; undefined where there is no tree of this release. */
  readonly configuration: string | undefined;
  /** The kernel's options that decide about code alone; undefined where there is no such tree. */
  readonly codeOptions: string | undefined;
  /** SHA-256 of Module.symvers; undefined where it was not read. */
  readonly symbolVersions: string | undefined;
  /** The versions of all imported symbols; undefined where module or kernel have none. */
  readonly symbols: SymbolCheck | undefined;
  /** What dkms has built of that version: the very same file, a module of that srcversion, or unknown. */
  readonly built: { readonly same: boolean; readonly sourceVersion: string | undefined } | undefined;
}

export type Checks = Readonly<Record<string, ModuleCheck>>;

/** By release. What cannot be read as such is found out again. */
export function loadChecks(fs: HostFs): Checks {
  const text = fs.readText(CHECKS_PATH);
  if (text === undefined) return {};
  try {
    const data = JSON.parse(text) as { readonly schema?: number; readonly checks?: Checks } | null;
    return data?.schema === SCHEMA ? (data.checks ?? {}) : {};
  } catch {
    return {};
  }
}

export function saveChecks(fs: HostFs, checks: ReadonlyMap<string, ModuleCheck>): void {
  fs.write(CHECKS_PATH, `${JSON.stringify({ schema: SCHEMA, checks: Object.fromEntries(checks) })}\n`);
}
