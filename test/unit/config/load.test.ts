// From files to settings: order, sources, and a problem for each thing that is wrong.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadConfig, requireConfig } from '../../../src/config/load.ts';
import { defaultConfig } from '../../../src/config/schema.ts';
import { EXIT, TtkmdError } from '../../../src/host/errors.ts';
import { type FileSpec, memoryHost } from '../support/memory-host.ts';

const MAIN = '/etc/ttkmd/ttkmd.conf';
const DROP_INS = '/etc/ttkmd/ttkmd.conf.d';

function load(files: Readonly<Record<string, FileSpec>>) {
  return loadConfig(memoryHost({ files }).fs);
}

function sourceOf(loaded: ReturnType<typeof load>, section: string, key: string) {
  return loaded.values.find((value) => value.section === section && value.key === key);
}

describe('files', () => {
  test('none at all: defaults and no problem', () => {
    const loaded = load({});
    expect(loaded.config).toEqual(defaultConfig());
    expect(loaded.problems).toEqual([]);
    expect(loaded.values.every((value) => value.source === 'default')).toBe(true);
    expect(requireConfig(loaded)).toBe(loaded.config);
  });

  test('drop-ins win over the main file, the later name over the earlier, the later line over the earlier', () => {
    const loaded = load({
      [MAIN]: '[build]\njobs = 1\nnice = 1\nnice = 2\n[hook]\non_failure = fail\n[build]\nlogs_kept = 7\n',
      [`${DROP_INS}/20-b.conf`]: '[build]\njobs = 3\n',
      [`${DROP_INS}/10-a.conf`]: '[build]\njobs = 2\nnice = 3\n',
    });
    expect(loaded.problems).toEqual([]);
    expect(loaded.config.build).toMatchObject({ jobs: 3, nice: 3, logsKept: 7 });
    expect(loaded.config.hook.onFailure).toBe('fail');
    expect(sourceOf(loaded, 'build', 'jobs')).toMatchObject({
      value: '3',
      source: `${DROP_INS}/20-b.conf:2`,
    });
    expect(sourceOf(loaded, 'build', 'logs_kept')?.source).toBe(`${MAIN}:8`);
  });

  test('backups, hidden files and other endings are left alone', () => {
    const bad = 'garbage\n';
    const loaded = load(
      Object.fromEntries(
        ['x.conf~', '.x.conf', '._cfg0000_x.conf', '#x.conf#', 'x.conf.bak', 'x', 'README', '.conf'].map(
          (name) => [`${DROP_INS}/${name}`, bad],
        ),
      ),
    );
    expect(loaded.problems).toEqual([]);
  });

  test('a link to /dev/null switches a drop-in off', () => {
    expect(load({ [`${DROP_INS}/x.conf`]: { link: '/dev/null' } }).problems).toEqual([]);
  });

  test.each<[string, Record<string, FileSpec>, RegExp, RegExp]>([
    ['unreadable', { [MAIN]: { text: '', mode: 0 } }, /may be read/, /chmod 644 \/etc\/ttkmd\/ttkmd\.conf/],
    ['a folder', { [MAIN]: { folder: true } }, /a file, found a folder/, /Remove/],
    ['a drop-in folder', { [`${DROP_INS}/x.conf`]: { folder: true } }, /found a folder/, /x\.conf/],
    ['a dangling link', { [MAIN]: { link: '/srv/gone' } }, /link to \/srv\/gone/, /mend the link/],
    ['huge', { [MAIN]: `#${'x'.repeat(2 * 1024 * 1024)}` }, /no more than 1 MiB/, /really is/],
    ['binary', { [MAIN]: '\u007fELF\0\0' }, /binary/, /really is/],
    ['a file for the folder', { [DROP_INS]: 'x' }, /a folder/, /Make it a folder/],
  ])('%s: a problem of the whole file, and the rest counts', (_name, files, message, hint) => {
    const loaded = load({
      ...files,
      ...(DROP_INS in files ? {} : { [`${DROP_INS}/ok.conf`]: '[build]\nnice=4' }),
    });
    expect(loaded.problems).toHaveLength(1);
    expect(loaded.problems[0]).toMatchObject({ line: undefined, key: undefined });
    expect(loaded.problems[0]?.message).toMatch(message);
    expect(loaded.problems[0]?.hint).toMatch(hint);
    expect(loaded.config.build.nice).toBe(DROP_INS in files ? 10 : 4);
  });
});

describe('lines that are right', () => {
  test.each<[string, string, string]>([
    ['spaces', '  [signing]\n\tcertificate  =  /a b \n', '/a b'],
    ['no spaces', '[signing]\ncertificate=/a\n', '/a'],
    ['comments', '; x\n# y\n  # z\n[signing] ; why\ncertificate = /a ; what\n', '/a'],
    ['CRLF', '[signing]\r\ncertificate = /a\r\n', '/a'],
    ['a byte order mark', '\uFEFF[signing]\ncertificate = /a', '/a'],
    ['double quotes', '[signing]\ncertificate = "/a;b#c" # why', '/a;b#c'],
    ['single quotes', "[signing]\ncertificate = '/a;b'", '/a;b'],
    ['escapes', '[signing]\ncertificate = /a\\;b\\#c', '/a;b#c'],
    ['an equals sign', '[signing]\ncertificate = /a=b', '/a=b'],
    ['a quote inside', "[signing]\ncertificate = /a'b", "/a'b"],
  ])('%s', (_name, text, value) => {
    const loaded = load({ [MAIN]: text });
    expect(loaded.problems).toEqual([]);
    expect(loaded.config.signing.certificate).toBe(value);
  });

  test('numbers, words and lists arrive as what they mean', () => {
    const loaded = load({
      [MAIN]: [
        "[build]\njobs = '5'\ntime_limit = 90s",
        '[hugepages]\nmount_mode = 0770\nkeep_free = 8G\ntotal = 12\nmount_group = ',
        '[kernels]\nexclude = [45].*, *-rt\narchive = true',
        '[devices]\nextra = 1234:11e8=blackhole',
        '[signing]\nkey = "pkcs11:token=x;object=y"',
      ].join('\n'),
    });
    expect(loaded.problems).toEqual([]);
    expect(loaded.config).toMatchObject({
      build: { jobs: 5, timeLimit: 90_000 },
      hugepages: { mountMode: 0o770, keepFree: 8 * 1024 ** 3, total: 12, mountGroup: undefined },
      kernels: { exclude: ['[45].*', '*-rt'], archive: true },
      devices: { extra: [{ vendor: '1234', device: '11e8', family: 'blackhole' }] },
      signing: { key: 'pkcs11:token=x;object=y' },
    });
  });
});

describe('lines that are wrong', () => {
  test.each<[string, string, number, string | undefined, RegExp, RegExp]>([
    [
      'a bad value',
      '[build]\nnice = fast',
      2,
      'nice',
      /^expected a whole number from 0 to 19, found "fast"$/,
      /nice = 10/,
    ],
    ['no value', '[build]\nnice =', 2, 'nice', /found nothing$/, /nice = 10/],
    [
      'a bad word',
      '[hook]\non_failure = ignore',
      2,
      'on_failure',
      /expected warn or fail, found "ignore"/,
      /warn/,
    ],
    ['a bare key', '[kernels]\narchive', 2, undefined, /expected key = value, found "archive"/, /#/],
    ['garbage', '[build]\n\n<<<<<<< HEAD', 3, undefined, /found "<<<<<<< HEAD"/, /#/],
    ['no key', '[build]\n= 5', 2, undefined, /expected key = value/, /#/],
    ['a typing error', '[build]\nnicee = 5', 2, 'nicee', /a key of \[build\]/, /Did you mean nice\?/],
    [
      'another spelling',
      '[driver]\nkeepOld = 5',
      2,
      'keepOld',
      /a key of \[driver\]/,
      /Did you mean keep_old\?/,
    ],
    ['swapped letters', '[driver]\nverison = 5', 2, 'verison', /a key of/, /Did you mean version\?/],
    [
      'an unknown key',
      '[driver]\ncolour = red',
      2,
      'colour',
      /a key of \[driver\]/,
      /are version, keep_old, reload/,
    ],
    [
      'a key of another section',
      '[driver]\non_failure = warn',
      2,
      'on_failure',
      /a key of/,
      /belongs below \[hook\]/,
    ],
    [
      'a key of many',
      '[log]\ntime_limit = 5m',
      2,
      'time_limit',
      /a key of/,
      /below \[build\] or \[hook\] or \[boot\]/,
    ],
    [
      'an unknown section',
      '[drivers]\nversion = 1',
      1,
      undefined,
      /found "\[drivers\]"/,
      /Did you mean \[driver\]\?/,
    ],
    [
      'a section in capitals',
      '[Build]\nnice = 1',
      1,
      undefined,
      /found "\[Build\]"/,
      /Did you mean \[build\]\?/,
    ],
    ['a strange section', '[zebra]', 1, undefined, /found "\[zebra\]"/, /The sections are \[driver\]/],
    [
      'a nested section',
      '[build.x]\nnice = 1',
      1,
      undefined,
      /found "\[build\.x\]"/,
      /Did you mean \[build\]\?/,
    ],
    ['a prototype section', '[__proto__]\nnice = 1', 1, undefined, /__proto__/, /sections are/],
    ['a prototype key', '[build]\n__proto__ = 1', 2, '__proto__', /__proto__/, /keys of \[build\]/],
    ['a constructor', '[constructor]\nname = 1', 1, undefined, /constructor/, /./],
    ['a list', '[kernels]\nexclude[] = 5.*', 2, 'exclude[]', /a key of/, /one exclude =/],
    ['no section', 'nice = 5', 1, 'nice', /expected a section/, /nice below \[build\]/],
    ['no section, a dot', 'build.nice = 5', 1, 'build.nice', /expected a section/, /nice below \[build\]/],
    ['no section, no sense', 'zebra = 5', 1, 'zebra', /expected a section/, /\[driver\] above/],
    ['an open bracket', '[build\nnice = 5', 1, undefined, /a section such as/, /bracket/],
    ['text behind a bracket', '[build] x', 1, undefined, /a section such as/, /nothing behind/],
    ['an open quote', '[signing]\nkey = "/a', 2, 'key', /the quote it begins with/, /Close/],
    ['one quote', '[signing]\nkey = "', 2, 'key', /the quote it begins with/, /Close/],
    ['one single quote', "[signing]\nkey = '", 2, 'key', /the quote it begins with/, /Close/],
    ['text behind quotes', '[signing]\nkey = "/a" b', 2, 'key', /the quote it begins with/, /Close/],
    ['a bad escape', '[signing]\nkey = "/a\\q"', 2, 'key', /the quote it begins with/, /\\\\/],
    ['a cut value', '[signing]\nkey = pkcs11:a;b', 2, 'key', /quotes around/, /space before the remark/],
    ['CRLF and numbers', '[build]\r\n\r\nnice = x', 3, 'nice', /found "x"/, /./],
  ])('%s', (_name, text, line, key, message, hint) => {
    const loaded = load({ [MAIN]: text });
    expect(loaded.problems.map((problem) => problem.line).slice(0, 1)).toEqual([line]);
    expect(loaded.problems[0]).toMatchObject({ file: MAIN, key });
    expect(loaded.problems[0]?.message).toMatch(message);
    expect(loaded.problems[0]?.hint).toMatch(hint);
    expect(loaded.config).toEqual(defaultConfig());
  });

  test('a wrong line is left out: what stood before it holds', () => {
    const loaded = load({
      [MAIN]: '[build]\nnice = 5\n',
      [`${DROP_INS}/a.conf`]: '[build]\nnice = fast\njobs = 2\n',
    });
    expect(loaded.config.build).toMatchObject({ nice: 5, jobs: 2 });
    expect(sourceOf(loaded, 'build', 'nice')?.source).toBe(`${MAIN}:2`);
    expect(loaded.problems).toHaveLength(1);
  });

  test('an unknown section is one problem, whatever is in it', () => {
    expect(load({ [MAIN]: '[zebra]\na = 1\nb = 2\n[build]\nnice = 3' }).problems).toHaveLength(1);
  });

  test('a file that is something else does not fill the screen', () => {
    const { problems } = load({ [MAIN]: 'lorem ipsum\n'.repeat(5000) });
    expect(problems).toHaveLength(21);
    expect(problems.at(-1)?.message).toContain('4980 more');
  });

  test('long and unprintable values are shortened', () => {
    const { problems } = load({ [MAIN]: `[build]\nnice = \u001b[31m${'x'.repeat(500)}` });
    expect(problems[0]?.message.length).toBeLessThan(120);
    expect(problems[0]?.message).not.toContain('\u001b');
  });

  test('no text whatever makes it throw', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '[build]',
        'nice',
        ' = ',
        '\n',
        '"',
        "'",
        '[',
        ']',
        ';',
        '#',
        '\\',
        '__proto__',
        '5',
        '\r\n',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const loaded = load({ [MAIN]: pieces.join('') });
        expect(loaded.values).toHaveLength(sizeOfDefaults);
        for (const problem of loaded.problems) expect(problem.hint).not.toBe('');
      }),
    );
  });
});

const sizeOfDefaults = Object.values(defaultConfig()).flatMap((section) => Object.keys(section)).length;

test('requireConfig names every problem with its place and what was expected', () => {
  const loaded = load({
    [MAIN]: '[build]\nnice = fast\n[hok]\n',
    [`${DROP_INS}/a.conf`]: '[driver]\nversoin = 1\n',
  });
  let thrown: unknown;
  try {
    requireConfig(loaded);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(TtkmdError);
  const error = thrown as TtkmdError;
  expect(error.exitStatus).toBe(EXIT.configuration);
  expect(error.hint).toContain('ttkmdctl config check');
  expect(error.message).toBe(
    [
      'The configuration has 3 problems:',
      `  ${MAIN}:2: [build] nice: expected a whole number from 0 to 19, found "fast"`,
      '  → The default is nice = 10',
      `  ${MAIN}:3: expected a known section, found "[hok]"`,
      '  → Did you mean [hook]?',
      `  ${DROP_INS}/a.conf:2: [driver] versoin: expected a key of [driver], found "versoin"`,
      '  → Did you mean version?',
    ].join('\n'),
  );
});
