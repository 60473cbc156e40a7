// The plain part of bash: assignments of words with quotes, escapes and variables. Everything else is left to bash.
import { pieceEnd, wordEnd } from './bash-scan.ts';

export interface Assignment {
  readonly name: string;
  readonly value: string;
}

type Variables = ReadonlyMap<string, string>;

/** Variables that bash or its caller sets, whose value here says nothing of theirs. */
const OF_THE_SHELL =
  /^(?:BASH.*|EUID|GROUPS|HOME|HOST.*|IFS|LANG|LC_.*|LINENO|LOGNAME|MACHTYPE|OLDPWD|OPT.*|OSTYPE|PATH|PPID|PWD|RANDOM|SECONDS|SHELL.*|SHLVL|TERM|TMPDIR|UID|USER)$/;

/**
 * The assignments in a line that is nothing but assignments, in their order; undefined where it is anything else.
 * @param variables what is set before the line
 */
export function plainAssignments(line: string, variables: Variables): Assignment[] | undefined {
  const known = new Map(variables);
  const found: Assignment[] = [];
  let rest = line.trimStart();
  while (rest !== '' && !rest.startsWith('#')) {
    const start = rest.match(/^(?:export[ \t]+)?([A-Za-z_]\w*)(\+?)=/);
    const word = start === null ? undefined : plainWord(rest.slice(start[0].length), known);
    if (start === null || word === undefined) return undefined;
    const [, name = '', adds] = start;
    const value = `${adds ? (known.get(name) ?? '') : ''}${word.value}`;
    known.set(name, value);
    found.push({ name, value });
    rest = word.rest.replace(/^[ \t]*;?[ \t]*/, '');
  }
  return found;
}

/** One word with its quotes taken off and its variables filled in; undefined where it takes bash to tell. */
function plainWord(text: string, variables: Variables): { value: string; rest: string } | undefined {
  const end = wordEnd(text, 0);
  const value = text.startsWith('~') ? undefined : plainValue(text.slice(0, end), variables, false);
  return value === undefined ? undefined : { value, rest: text.slice(end) };
}

/** @param quoted it stands in double quotes */
function plainValue(text: string, variables: Variables, quoted: boolean): string | undefined {
  let value = '';
  for (let at = 0; at < text.length; ) {
    const piece = nextPiece(text, at, variables, quoted);
    if (piece === undefined) return undefined;
    value += piece.value;
    at += piece.length;
  }
  return value;
}

interface Piece {
  readonly value: string;
  readonly length: number;
}

function nextPiece(text: string, at: number, variables: Variables, quoted: boolean): Piece | undefined {
  if (text[at] === '$') return expansion(text.slice(at), variables);
  if (text[at] === '`') return undefined;
  // In double quotes a single one is a character like others.
  const end = quoted && text[at] !== '\\' ? at + 1 : pieceEnd(text, at);
  const piece = text.slice(at, end);
  const value = pieceValue(piece, variables, quoted);
  return value === undefined ? undefined : { value, length: piece.length };
}

function pieceValue(piece: string, variables: Variables, quoted: boolean): string | undefined {
  if (piece.startsWith('\\')) return piece.match(quoted ? /^\\([$"\\])$/ : /^\\(.)$/)?.[1];
  if (quoted) return piece;
  // A list, as an array has it.
  if (/^[\s;&|<>()]/.test(piece)) return undefined;
  if (!/^["']/.test(piece)) return piece;
  // One that nothing closes ends with the text.
  const inner = piece.match(/^(["'])([\s\S]*)\1$/)?.[2];
  return inner === undefined || piece.startsWith("'") ? inner : plainValue(inner, variables, true);
}

/** `$name`, `${name}`, `${name-default}` and `${name:-default}`, the default being plain text. */
function expansion(text: string, variables: Variables): Piece | undefined {
  const match = text.match(/^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?)-([^{}$`"'\\]*))?\})/);
  if (match === null) return undefined;
  const [{ length }, bare, braced, colon, fallback] = match;
  const name = bare ?? braced ?? '';
  const set = variables.get(name);
  if (set === undefined && (fallback === undefined || OF_THE_SHELL.test(name))) return undefined;
  const value = set === undefined || (colon && set === '') ? (fallback ?? set) : set;
  return { value: value ?? '', length };
}
