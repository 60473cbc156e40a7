// The plain part of bash: assignments of words with quotes, escapes and variables. Everything else is left to bash.

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
  let value = '';
  let rest = text;
  let quoted = false;
  if (rest.startsWith('~')) return undefined;
  while (rest !== '') {
    if (!quoted && /^[ \t;]/.test(rest)) break;
    const piece = nextPiece(rest, quoted, variables);
    if (piece === undefined) return undefined;
    value += piece.value;
    rest = rest.slice(piece.length);
    if (piece.turnsQuotes) quoted = !quoted;
  }
  return quoted ? undefined : { value, rest };
}

interface Piece {
  readonly value: string;
  readonly length: number;
  readonly turnsQuotes?: boolean;
}

function nextPiece(text: string, quoted: boolean, variables: Variables): Piece | undefined {
  if (text.startsWith('"')) return { value: '', length: 1, turnsQuotes: true };
  if (text.startsWith('$')) return expansion(text, variables);
  const escaped = text.match(quoted ? /^\\([$"\\])/ : /^\\(.)/)?.[1];
  if (escaped !== undefined) return { value: escaped, length: 2 };
  const single = quoted ? undefined : text.match(/^'([^']*)'/)?.[1];
  if (single !== undefined) return { value: single, length: single.length + 2 };
  const plain = text.match(quoted ? /^[^$"\\`]+/ : /^[^$"'\\`\s;&|<>()]+/)?.[0];
  return plain === undefined ? undefined : { value: plain, length: plain.length };
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
