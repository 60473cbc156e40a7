// Parsers for the values of settings: a word as it is written to the thing that it means.

/** How one kind of value is read. */
export interface Parser<T> {
  /** What is expected, to follow the word "expected", e.g. `yes or no`. */
  readonly expected: string;
  /** The value, or undefined where the text is not one. The text is trimmed and may be empty. */
  parse(text: string): { readonly value: T } | undefined;
}

/** A PCI device that the driver is to be taken for although its own table does not name it. */
export interface ExtraDevice {
  /** Four lower-case hexadecimal digits, as is `device`. */
  readonly vendor: string;
  readonly device: string;
  readonly family: string;
}

/** Milliseconds, written as `500ms`, `90s`, `15m`, `6h` or `1d`. */
export function duration(least: string, most: string): Parser<number> {
  const [from, to] = [milliseconds(least) ?? 0, milliseconds(most) ?? 0];
  return {
    expected: `a duration from ${least} to ${most}, such as 90s, 15m or 6h`,
    parse: (text) => within(milliseconds(text), from, to),
  };
}

/** Bytes, written as `4G`, `512M` or a plain number; the units are powers of 1024. */
export function size(): Parser<number> {
  return {
    expected: 'a size such as 4G, 512M or a number of bytes',
    parse: (text) => within(bytes(text), 0, Number.MAX_SAFE_INTEGER),
  };
}

export function integer(least: number, most: number): Parser<number> {
  return {
    expected: `a whole number from ${least} to ${most}`,
    parse: (text) => within(/^\d{1,15}$/.test(text) ? Number(text) : undefined, least, most),
  };
}

export function boolean(): Parser<boolean> {
  return {
    expected: 'yes or no',
    parse(text) {
      const word = text.toLowerCase();
      if (['yes', 'true', 'on'].includes(word)) return { value: true };
      return ['no', 'false', 'off'].includes(word) ? { value: false } : undefined;
    },
  };
}

export function oneOf<const T extends string>(words: readonly T[]): Parser<T> {
  return {
    expected: alternatives(words),
    parse(text) {
      const value = words.find((word) => word === text);
      return value === undefined ? undefined : { value };
    },
  };
}

/** A word that stands for itself, or else what the other parser reads. */
export function wordOr<const W extends string, T>(word: W, other: Parser<T>): Parser<W | T> {
  return {
    expected: `${word} or ${other.expected}`,
    parse: (text) => (text === word ? { value: word } : other.parse(text)),
  };
}

/** Nothing, or what the other parser reads. */
export function optional<T>(other: Parser<T>): Parser<T | undefined> {
  return {
    expected: `${other.expected}, or nothing`,
    parse: (text) => (text === '' ? { value: undefined } : other.parse(text)),
  };
}

/** Permission bits, written in octal. */
export function mode(): Parser<number> {
  return {
    expected: 'a file mode in octal, such as 0777 or 1770',
    parse: (text) => (/^0?[0-7]{3,4}$/.test(text) ? { value: Number.parseInt(text, 8) } : undefined),
  };
}

/** Patterns for kernel releases, with spaces or commas between them; a comma inside `{a,b}` belongs to the pattern. */
export function globs(): Parser<readonly string[]> {
  return {
    expected:
      'patterns for kernel releases with spaces or commas between them, such as 5.* *-rt*, or nothing',
    parse(text) {
      const value = text.match(/(?:\{[^{}]*\}|[^\s,])+/g) ?? [];
      return value.every((glob) => !glob.includes('/')) ? { value } : undefined;
    },
  };
}

/** A driver version: a part of a folder's name, so it holds no slash. */
export function version(): Parser<string> {
  return matching(/^\d[\w.+~-]*$/, 'a version such as 2.9.0');
}

export function absolutePath(): Parser<string> {
  return matching(/^\/[^\0]*$/, 'an absolute path');
}

/** A private key for modules: sign-file takes a file or a token's URI. */
export function signingKey(): Parser<string> {
  return matching(/^(\/|pkcs11:)[^\0]*$/, 'an absolute path or a pkcs11: URI');
}

export function groupName(): Parser<string> {
  return matching(/^([A-Za-z_][\w.-]{0,30}\$?|\d{1,9})$/, 'the name of a group');
}

/** PCI devices as `vendor:device=family`, hexadecimal, with commas or spaces between them. */
export function deviceList(): Parser<readonly ExtraDevice[]> {
  return {
    expected:
      'devices as vendor:device=family with commas between them, such as 1e52:b140=blackhole, or nothing',
    parse(text) {
      const value: ExtraDevice[] = [];
      for (const item of text.split(/[\s,]+/).filter((part) => part !== '')) {
        const match = /^(?:0x)?([0-9a-f]{4}):(?:0x)?([0-9a-f]{4})=([a-z][\w-]*)$/i.exec(item);
        const [, vendor, device, family] = match ?? [];
        if (vendor === undefined || device === undefined || family === undefined) return undefined;
        value.push({
          vendor: vendor.toLowerCase(),
          device: device.toLowerCase(),
          family: family.toLowerCase(),
        });
      }
      return { value };
    },
  };
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function milliseconds(text: string): number | undefined {
  if (text === '0') return 0;
  const [, digits, unit] = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text) ?? [];
  const factor = MILLISECONDS[unit ?? ''];
  return factor === undefined ? undefined : Number(digits) * factor;
}

function bytes(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,16})(?:([KMGT])(?:iB)?)?$/i.exec(text) ?? [];
  return digits === undefined
    ? undefined
    : Number(digits) * 1024 ** ' KMGT'.indexOf(unit.toUpperCase() || ' ');
}

function within(value: number | undefined, least: number, most: number): { value: number } | undefined {
  return value === undefined || value < least || value > most ? undefined : { value };
}

function matching(pattern: RegExp, expected: string): Parser<string> {
  return { expected, parse: (text) => (pattern.test(text) ? { value: text } : undefined) };
}

function alternatives(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length > 1 ? `${words.slice(0, -1).join(', ')} or ${last}` : last;
}
