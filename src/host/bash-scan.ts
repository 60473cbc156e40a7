// Where words, quotes and expansions of bash end: the one scanner for the scripts that dkms reads. Pure.

/** Where a word that begins at `from` ends. */
export function wordEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    // The list of an array belongs to the word: NAME=(one two).
    const list = text[at] === '(' && /^\w+\+?=$/.test(text.slice(from, at));
    if (list) at = bracketEnd(text, at + 1, ')');
    else if (/[ \t\n;&|()<>]/.test(text[at] ?? '')) return at;
    else at = pieceEnd(text, at);
  }
  return Math.min(at, text.length);
}

/** Behind one character, or behind the quotes or the expansion that begin there. */
export function pieceEnd(text: string, at: number): number {
  if (text[at] === '\\') return at + 2;
  if (text[at] === "'") return behind(text, text.indexOf("'", at + 1));
  if (text.startsWith("$'", at)) return quoteEnd(text, at + 2, "'");
  if (text[at] === '"') return quoteEnd(text, at + 1, '"');
  if (text[at] === '`') return quoteEnd(text, at + 1, '`');
  if (text.startsWith('$(', at)) return bracketEnd(text, at + 2, ')');
  if (text.startsWith('${', at)) return bracketEnd(text, at + 2, '}');
  return at + 1;
}

function behind(text: string, found: number): number {
  return found < 0 ? text.length : found + 1;
}

function quoteEnd(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; ) {
    if (text[at] === quote) return at + 1;
    const expansion = quote === '"' && /^(?:\$[({]|`)/.test(text.slice(at, at + 2));
    at = expansion ? pieceEnd(text, at) : at + (text[at] === '\\' ? 2 : 1);
  }
  return text.length;
}

function bracketEnd(text: string, from: number, bracket: ')' | '}'): number {
  const opening = bracket === ')' ? '(' : '{';
  for (let at = from; at < text.length; ) {
    if (text[at] === bracket) return at + 1;
    at = text[at] === opening ? bracketEnd(text, at + 1, bracket) : pieceEnd(text, at);
  }
  return text.length;
}
