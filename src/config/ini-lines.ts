// An ini file line by line: what each line is, with its number, and what is wrong with it.
import { unsafe } from 'ini';

export type IniLine =
  | { readonly kind: 'section'; readonly line: number; readonly name: string }
  | { readonly kind: 'value'; readonly line: number; readonly key: string; readonly value: string }
  | {
      readonly kind: 'bad';
      readonly line: number;
      /** The key, where the line has one. */
      readonly key: string | undefined;
      readonly text: string;
      readonly expected: string;
      readonly hint: string;
    };

/**
 * The lines of an ini file that say something, in their order. Line by line, because the ini library gives no
 * line numbers, takes a garbage line for a key that is `true`, nests sections at their dots and makes numbers
 * and lists of some values; how a value is unquoted and where its comment begins is the library's word.
 */
export function iniLines(text: string): IniLine[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  return lines.flatMap((raw, index) => {
    const trimmed = raw.trim();
    return trimmed === '' || /^[;#]/.test(trimmed) ? [] : [iniLine(trimmed, index + 1)];
  });
}

function iniLine(text: string, line: number): IniLine {
  if (text.startsWith('[')) {
    const [, name] = /^\[([^\]]*)\]\s*(?:[;#].*)?$/.exec(text) ?? [];
    if (name !== undefined) return { kind: 'section', line, name: name.trim() };
    const hint = 'Close the bracket, and put nothing behind it.';
    return { kind: 'bad', line, key: undefined, text, expected: 'a section such as [driver]', hint };
  }
  const [, key = '', raw = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const name = key.trim();
  if (name === '') {
    const hint = 'Begin the line with # if it is a remark.';
    return { kind: 'bad', line, key: undefined, text, expected: 'key = value', hint };
  }
  const value = iniValue(raw.trim());
  return typeof value === 'string'
    ? { kind: 'value', line, key: name, value }
    : { kind: 'bad', line, key: name, text: raw.trim(), ...value };
}

function iniValue(raw: string): string | { expected: string; hint: string } {
  if (/^["']/.test(raw)) return quotedValue(raw);
  // The library would cut `a;b` to `a` without a word.
  if (/[^\s\\][;#]/.test(raw.replace(/\s[;#].*$/, ''))) {
    return {
      expected: 'quotes around a value that has ; or # in it, or a space before the remark',
      hint: 'Put a space before the remark, or the value between double quotes.',
    };
  }
  return String(unsafe(raw));
}

function quotedValue(raw: string): string | { expected: string; hint: string } {
  const [, single] = /^'([^']*)'\s*(?:[;#].*)?$/.exec(raw) ?? [];
  // Not the library's: it would make a number of '5'.
  if (single !== undefined) return single;
  const [, double] = /^("(?:[^"\\]|\\.)*")\s*(?:[;#].*)?$/.exec(raw) ?? [];
  const value = double === undefined ? undefined : String(unsafe(double));
  // What it cannot unquote the library gives back with its quotes.
  if (value !== undefined && value !== double) return value;
  return {
    expected: 'a value that ends with the quote it begins with',
    hint: 'Close the quotes, or leave them out; inside them write \\ as \\\\.',
  };
}
