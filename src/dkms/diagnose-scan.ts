// One pass over a build's log: the first line that speaks for each kind of failure.

export interface Clue {
  readonly line: string;
  /** What the pattern caught; empty strings for groups that took no part. */
  readonly caught: readonly string[];
}

export interface Findings {
  readonly clues: ReadonlyMap<ClueName, Clue>;
  /** The symbols that modpost did not find, each once, in its order. */
  readonly symbols: readonly string[];
  /** Whether make printed anything. */
  readonly makeRan: boolean;
}

/** The kinds of failure that a line can speak for, with the pattern that shows it; the earlier one counts. */
const PATTERNS = {
  'no-space': /No space left on device|Disk quota exceeded/,
  'read-only': /Read-only file system/,
  'out-of-memory':
    /Cannot allocate memory|virtual memory exhausted|out of memory allocating|memory exhausted|Killed signal terminated program|internal compiler error: Killed|\*\*\* \[.*\] (?:Killed|Error 137)\b|^Killed$/,
  interrupted:
    /(\w+) signal terminated program|\*\*\* \[.*\] (?:Terminated|Interrupt|Hangup|Error 143|Error 130)\b/,
  unsupported: /includes (?:a )?BUILD_EXCLUSIVE directives?/,
  // A build folder, or what a build had just made in it, goes away only by somebody else's hand.
  overlap:
    /\/tenstorrent\/[^/\s]+\/build(?:\/[^\s:'‘’]*)?['’]?: No such file or directory|make\.log: No such file or directory|can't cd to \/\S*\/tenstorrent\/\S*\/build|cannot access parent directories|cannot remove .*\/build.*: Directory not empty|final mv failed|already been built on|DKMS tree already contains|already installed for kernel|(?:file truncated|file format not recognized)$|gelf_getehdr: invalid/,
  'permission-denied': /Permission denied|Operation not permitted/,
  // A carriage return ends a line of the log, in the middle of dkms's own message too.
  'carriage-returns': /\$'\\r': command not found|\^M: bad interpreter|^Error! +Build of [^\s.]+$/,
  'library-missing': /error while loading shared libraries: (\S+): cannot open/,
  'tool-missing':
    /(?:^|: )(?:line )?\d+: (?!\$'\\r')(\S+): (?:command )?not found|^make(?:\[\d+\])?: ([^\s*]+): (?:No such file or directory|Command not found)|cannot execute ['‘](\w+)['’]|error trying to exec '?(\w+)|cannot find ['‘](ld)['’]|failed to execute (\w+): No such file|gcc-config.*could not run\/locate ["'](\S+)["']|^env: ['‘](\S+)['’]: No such file/,
  'compiler-mismatch':
    /unrecognized command[- ]line option|error: unknown argument|error: unsupported option|incompatible gcc\/plugin versions|fail(?:ed)? to initialize plugin|cannot load plugin|inaccessible plugin file|plugin needed to handle lto/,
  'headers-not-ready':
    /Kernel configuration is invalid|kernel headers for kernel \S+ cannot be found|No targets specified and no makefile found|\*\*\* (\/[^\s:]+): No such file or directory|No rule to make target ['‘`](?!\S*\/tenstorrent\/)(\S*(?:scripts|include|arch|tools)\/[^\s'’]+)['’]|fatal error: ((?:generated|asm|uapi|config)\/\S+|linux\/(?:kconfig|compiler-version|version)\.h): No such file|^(?!\S*\/tenstorrent\/)\S*Makefile\S*:\d+: (\S+): No such file|Exec format error|version [`']GLIBC_\S+' not found/i,
  'no-symvers': /Module\.symvers is missing|Symbol version dump .* is missing/,
  'gpl-only': /uses GPL-only symbol ['‘](\S+)['’]|missing MODULE_LICENSE\(\)/,
  'missing-symbol': /^ERROR: (?:modpost: )?"([^"]+)" \[.*\] undefined!/,
  namespace: /uses symbol (\S+) from namespace (\S+), but does not import it/,
  'compiler-crash': /internal compiler error: /,
  'compile-error': /^(?:\S.*?:\d+(?::\d+)?: |cc1: )(?:fatal )?error: (.+)/,
  'makefile-error': /^(\S+):\d+: \*\*\* (.+)|No rule to make target ['‘`](\S+?)['’]/,
  'toolchain-error':
    /^\S*ld(?:\.\w+)?: (?!warning)|^(?:\S*gcc\S*|\S*clang\S*|collect2): (?:fatal )?error: |Fatal error: |^\S+\.[sS]:\d+: Error: |error: objtool: |: error: objtool|^FAILED: /,
  'bad-dkms-conf':
    /Bad conf file|^dkms\.conf: Error! (.+)|Malformed dkms\.conf|does not appear to have module source/,
  'no-source':
    /Could not find module source directory|Could not locate dkms\.conf file|Missing the (?:module )?source directory/,
  'broken-module': /^Error! .* is broken!/,
  'not-registered': /is not located in the DKMS tree/,
  'patch-failed': /Application of patch (\S+) failed|Patch (\S+) as specified in dkms\.conf/,
  'script-failed': /Running the (\w+) script\.*\(bad exit status|(pre_install) failed, aborting/,
  'module-not-built': /Build of (\S+) failed for|Missing module '?([^\s']+)'? in|(\S+) has disappeared/,
  'kernel-gone': /You cannot install a module onto a non-exist[ae]nt kernel/,
  depmod: /Problems with depmod detected|^depmod: (?:ERROR|FATAL): (.+)/,
  'version-refused': /is not newer than what is already found|already installed at version/,
  'build-depends': /due to missing BUILD_DEPENDS: ?([^.]*)/,
  'not-root': /You must be root to use this command|No write access to DKMS tree/,
  'signing-failed': /Failed to sign module|SSL error:|^sign-file: (.+)/,
  'make-error': /^make(?:\[\d+\])?: \*\*\* (.+)/,
  'dkms-error': /^Error! +(.+)/,
} satisfies Record<string, RegExp>;

export type ClueName = keyof typeof PATTERNS;

/** The kinds of failure in the order in which they count. */
export const CLUE_NAMES = Object.keys(PATTERNS) as ClueName[];

/** Lines without one of these words are not looked at further. */
const WORTH_A_LOOK =
  /error|\*\*\*|\bno\b|not|cannot|can't|denied|permitted|killed|terminated|memory|quota|read-only|fail|missing|truncated|BUILD_EXCLUSIVE|broken|root|already|make\.log|^make|invalid|disappeared|exit status/i;

/** Source lines that the compiler quotes (`  320 | MODULE_VERSION(…)`), and what is no error. */
const NOISE = /^\s*\d*\s*\||: (?:warning|note): (?!objtool)/;

/** Characters of a line that are looked at; longer ones are command lines. */
const LONGEST_LINE = 1000;
const MOST_SYMBOLS = 50;

/**
 * Reads a log once, without taking it apart into lines first.
 * @param release the kernel release that was built for
 */
export function scanLog(log: string, release: string): Findings {
  const clues = new Map<ClueName, Clue>();
  const symbols = new Set<string>();
  let pending = [...CLUE_NAMES];
  let makeRan = false;
  for (let start = 0; start < log.length; ) {
    const found = log.indexOf('\n', start);
    const end = found < 0 ? log.length : found;
    const line = log.slice(start, Math.min(end, start + LONGEST_LINE)).trimEnd();
    start = end + 1;
    if (!WORTH_A_LOOK.test(line) || NOISE.test(line)) continue;

    makeRan ||= /^make(?:\[\d+\])?: /.test(line);
    const symbol = PATTERNS['missing-symbol'].exec(line)?.[1];
    if (symbol !== undefined && symbols.size < MOST_SYMBOLS) symbols.add(symbol);
    const fresh = pending.filter((name) => {
      const caught = PATTERNS[name].exec(line);
      if (caught !== null) clues.set(name, { line, caught: caught.slice(1).map((text) => text ?? '') });
      return caught !== null;
    });
    if (fresh.length > 0) pending = pending.filter((name) => !fresh.includes(name));
    // Both builds write to one make.log, and its first line names the kernel of the last one to begin.
    const other = /^DKMS .*make\.log for \S+ for kernel (\S+) /.exec(line)?.[1];
    if (other !== undefined && other !== release && !clues.has('overlap'))
      clues.set('overlap', { line, caught: [other] });
  }
  return { clues, symbols: [...symbols], makeRan };
}
