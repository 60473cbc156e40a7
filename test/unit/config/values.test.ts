// Every kind of value: what is taken, and what it means.
import { describe, expect, test } from 'vitest';
import * as values from '../../../src/config/values.ts';

const GIB = 1024 ** 3;

const taken: readonly [string, values.Parser<unknown>, string, unknown][] = [
  ['duration', values.duration('0s', '30d'), '500ms', 500],
  ['duration', values.duration('0s', '30d'), '90s', 90_000],
  ['duration', values.duration('0s', '30d'), '15m', 900_000],
  ['duration', values.duration('0s', '30d'), '6h', 21_600_000],
  ['duration', values.duration('0s', '30d'), '1d', 86_400_000],
  ['duration', values.duration('0s', '30d'), '0', 0],
  ['size', values.size(), '4G', 4 * GIB],
  ['size', values.size(), '4GiB', 4 * GIB],
  ['size', values.size(), '512m', 512 * 1024 ** 2],
  ['size', values.size(), '2T', 2048 * GIB],
  ['size', values.size(), '16K', 16_384],
  ['size', values.size(), '4096', 4096],
  ['integer', values.integer(0, 19), '0', 0],
  ['integer', values.integer(0, 19), '19', 19],
  ['integer', values.integer(0, 19), '007', 7],
  ['boolean', values.boolean(), 'yes', true],
  ['boolean', values.boolean(), 'TRUE', true],
  ['boolean', values.boolean(), 'on', true],
  ['boolean', values.boolean(), 'no', false],
  ['boolean', values.boolean(), 'False', false],
  ['boolean', values.boolean(), 'off', false],
  ['oneOf', values.oneOf(['warn', 'fail']), 'fail', 'fail'],
  ['wordOr', values.wordOr('auto', values.integer(1, 8)), 'auto', 'auto'],
  ['wordOr', values.wordOr('auto', values.integer(1, 8)), '3', 3],
  ['optional', values.optional(values.integer(0, 8)), '', undefined],
  ['optional', values.optional(values.integer(0, 8)), '8', 8],
  ['mode', values.mode(), '0777', 0o777],
  ['mode', values.mode(), '770', 0o770],
  ['mode', values.mode(), '1777', 0o1777],
  ['globs', values.globs(), '', []],
  ['globs', values.globs(), '5.* *-rt*, 6.1.[0-9]', ['5.*', '*-rt*', '6.1.[0-9]']],
  ['globs', values.globs(), '6.{1,6}.*,x', ['6.{1,6}.*', 'x']],
  ['version', values.version(), '2.9.0', '2.9.0'],
  ['version', values.version(), '2.10.0-rc1+local', '2.10.0-rc1+local'],
  ['absolutePath', values.absolutePath(), '/dev/hugepages-1G', '/dev/hugepages-1G'],
  ['signingKey', values.signingKey(), '/root/mok.key', '/root/mok.key'],
  ['signingKey', values.signingKey(), 'pkcs11:token=x;object=y', 'pkcs11:token=x;object=y'],
  ['groupName', values.groupName(), 'ttkmd', 'ttkmd'],
  ['groupName', values.groupName(), '1000', '1000'],
  ['deviceList', values.deviceList(), '', []],
  [
    'deviceList',
    values.deviceList(),
    '1E52:0xFACA=grayskull, 1234:11e8=Edu',
    [
      { vendor: '1e52', device: 'faca', family: 'grayskull' },
      { vendor: '1234', device: '11e8', family: 'edu' },
    ],
  ],
];

const refused: readonly [string, values.Parser<unknown>, readonly string[]][] = [
  [
    'duration',
    values.duration('1s', '1d'),
    ['', '0', '500ms', '2d', '90', '5 m', '-1s', '1.5h', '1h30m', 'soon', '9'.repeat(400)],
  ],
  ['size', values.size(), ['', '4GB', '-1', '4 G', '1.5G', 'G', '9007199254740993', '9999999T']],
  ['integer', values.integer(0, 19), ['', '20', '-1', '1.0', '0x10', 'ten', '1e1', '9'.repeat(30)]],
  ['boolean', values.boolean(), ['', '1', '0', 'y', 'maybe']],
  ['oneOf', values.oneOf(['warn', 'fail']), ['', 'Warn', 'ignore']],
  ['wordOr', values.wordOr('auto', values.integer(1, 8)), ['', 'AUTO', '0', '9']],
  ['mode', values.mode(), ['', '77', '0888', '0o777', '77777', '99999', 'rwxr-xr-x']],
  ['globs', values.globs(), ['/lib/modules/6.1', '6.1 /x']],
  ['version', values.version(), ['', 'v2.9.0', '2.9/0', '../2', 'latest', '2.9 0']],
  ['absolutePath', values.absolutePath(), ['', 'dev/x', './x', '~/x', '/x\0y']],
  ['signingKey', values.signingKey(), ['', 'certs/signing_key.pem']],
  ['groupName', values.groupName(), ['', 'two words', 'a:b', '-x']],
  [
    'deviceList',
    values.deviceList(),
    ['1e52:b140', '1e52=x', '1e5:b140=x', '1e52:b140=', '1e52:b14g=x', '1e52:b140=4x'],
  ],
];

describe('taken', () => {
  test.each(taken)('%s %#: %o', (_name, parser, text, value) => {
    expect(parser.parse(text)).toEqual({ value });
  });
});

describe('refused', () => {
  test.each(refused)('%s', (_name, parser, texts) => {
    expect(texts.filter((text) => parser.parse(text) !== undefined)).toEqual([]);
    expect(parser.expected).toMatch(/^\S.*[^.\s]$/);
  });
});

test('what is expected is said in words', () => {
  expect(values.oneOf(['a', 'b', 'c']).expected).toBe('a, b or c');
  expect(values.duration('1s', '1d').expected).toBe('a duration from 1s to 1d, such as 90s, 15m or 6h');
  expect(values.optional(values.integer(1, 2)).expected).toBe('a whole number from 1 to 2, or nothing');
});
