// The words of a bash script, found without running it: as far as a dkms.conf needs it, and no further.
import { wordEnd } from '../host/bash-scan.ts';

/** A word as it is written, quotes and all. */
export interface Word {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface SimpleCommand {
  /** Its words without reserved ones and redirections; at least one. */
  readonly words: readonly Word[];
  /** It stands in an `if`, a loop, a function or brackets, or depends on the command before it. */
  readonly nested: boolean;
}

const OPENING = new Set(['if', 'while', 'until', '{', 'for', 'case', 'select', 'function']);
const CLOSING = new Set(['fi', 'done', 'esac', '}']);
/** Reserved words that another command follows at once. */
const BEFORE_COMMAND = new Set(['if', 'then', 'else', 'elif', 'while', 'until', 'do', '{', '!', 'time']);

/** The simple commands of a script, in their order. */
export function simpleCommands(text: string): SimpleCommand[] {
  const commands: SimpleCommand[] = [];
  const open: string[] = [];
  const documents: { readonly end: string; readonly tabs: boolean }[] = [];
  let words: Word[] = [];
  let joined = false;
  let redirected = false;
  let at = 0;

  const endCommand = (operator: string): void => {
    while (words[0] !== undefined) {
      const first = words[0].text;
      if (CLOSING.has(first) && open.at(-1) !== '(') open.pop();
      if (OPENING.has(first)) open.push(first);
      if (!BEFORE_COMMAND.has(first)) break;
      words.shift();
    }
    if (words.length > 0) commands.push({ words, nested: joined || open.length > 0 });
    // A line that ends in an operator goes on in the next one.
    joined =
      ['&&', '||', '|', '|&'].includes(operator) || (joined && words.length === 0 && operator === '\n');
    words = [];
  };

  while (at < text.length) {
    const rest = text.slice(at, at + 3);
    const operator = rest.match(/^(?:&&|\|\||\|&|[;&|\n()])/)?.[0];
    const redirection = rest.match(/^(?:<<<|<<-?|[<>]+[&|]?)/)?.[0];
    if (rest.startsWith('\\\n')) at += 2;
    else if (rest[0] === ' ' || rest[0] === '\t') at += 1;
    else if (rest[0] === '#') at = lineEnd(text, at);
    else if (operator !== undefined) {
      endCommand(operator);
      if (operator === '(') open.push('(');
      if (operator === ')' && open.at(-1) === '(') open.pop();
      at += operator.length;
      if (operator === '\n') for (const one of documents.splice(0)) at = documentEnd(text, at, one);
    } else if (redirection?.startsWith('<<') && redirection !== '<<<') {
      const start = at + redirection.length;
      const from = start + (text.slice(start).match(/^[ \t]*/)?.[0].length ?? 0);
      at = wordEnd(text, from);
      documents.push({
        end: text.slice(from, at).replace(/["'\\]/g, ''),
        tabs: redirection === '<<-',
      });
    } else if (redirection !== undefined) {
      redirected = true;
      at += redirection.length;
    } else {
      const end = Math.max(wordEnd(text, at), at + 1);
      if (!redirected) words.push({ start: at, end, text: text.slice(at, end) });
      redirected = false;
      at = end;
    }
  }
  endCommand('\n');
  return commands;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

/** Behind a here-document, whose body begins at `from`. */
function documentEnd(text: string, from: number, document: { end: string; tabs: boolean }): number {
  for (let at = from; at < text.length; ) {
    const end = lineEnd(text, at);
    const line = text.slice(at, end);
    at = Math.min(end + 1, text.length);
    if ((document.tabs ? line.replace(/^\t+/, '') : line) === document.end) return at;
  }
  return text.length;
}
