// What of a dkms.conf gives the module to dkms, found as bash would find it, and nothing else.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { dkmsVariable, ownershipLines, withoutOwnershipLines } from '../../../src/driver/dkms-conf.ts';

/** The text, what is found in it, and what is left. */
const GIVING: readonly (readonly [string, string, readonly string[], string])[] = [
  ['plain', 'A=1\nAUTOINSTALL=yes\nB=2\n', ['AUTOINSTALL=yes'], 'A=1\nB=2\n'],
  ['quoted', 'AUTOINSTALL="yes"\nB=2\n', ['AUTOINSTALL="yes"'], 'B=2\n'],
  ['the last line without its end', 'A=1\nAUTOINSTALL=yes', ['AUTOINSTALL=yes'], 'A=1'],
  ['with a comment', 'AUTOINSTALL=yes # so\nB=2\n', ['AUTOINSTALL=yes'], 'B=2\n'],
  ['with a semicolon', 'AUTOINSTALL=yes;\nB=2\n', ['AUTOINSTALL=yes'], 'B=2\n'],
  ['indented', '  AUTOINSTALL=yes\nB=2\n', ['AUTOINSTALL=yes'], 'B=2\n'],
  [
    'lines that end as on DOS',
    'A=1\r\nAUTOINSTALL="yes"\r\nB=2\r\n',
    ['AUTOINSTALL="yes"'],
    'A=1\r\nB=2\r\n',
  ],
  ['exported', 'export AUTOINSTALL=yes\n', ['export AUTOINSTALL=yes'], ''],
  ['declared', 'declare AUTOINSTALL=yes\n', ['declare AUTOINSTALL=yes'], ''],
  ['declared with options', 'declare -g -x AUTOINSTALL=yes\n', ['declare -g -x AUTOINSTALL=yes'], ''],
  ['declared as one quoted word', 'export "AUTOINSTALL=yes"\n', ['export "AUTOINSTALL=yes"'], ''],
  ['declared with others', 'declare A=1 AUTOINSTALL=yes B=2\n', ['AUTOINSTALL=yes'], 'declare A=1 B=2\n'],
  ['typeset', 'typeset POST_INSTALL=x\n', ['typeset POST_INSTALL=x'], ''],
  ['read-only', 'readonly AUTOINSTALL=yes\n', ['readonly AUTOINSTALL=yes'], ''],
  ['appended', 'AUTOINSTALL+=yes\n', ['AUTOINSTALL+=yes'], ''],
  ['an array', 'AUTOINSTALL=(yes no)\nB=2\n', ['AUTOINSTALL=(yes no)'], 'B=2\n'],
  ['an element', 'AUTOINSTALL[0]=yes\nB=2\n', ['AUTOINSTALL[0]=yes'], 'B=2\n'],
  ['after a semicolon', 'A=1; AUTOINSTALL=yes\n', ['AUTOINSTALL=yes'], 'A=1; :\n'],
  ['before one', 'AUTOINSTALL=yes; B=2\n', ['AUTOINSTALL=yes'], ':; B=2\n'],
  ['beside another', 'A=1 AUTOINSTALL=yes B=2\n', ['AUTOINSTALL=yes'], 'A=1 B=2\n'],
  ['over several lines', 'POST_INSTALL="one\n  two"\nB=2\n', ['POST_INSTALL="one\n  two"'], 'B=2\n'],
  ['over a continued line', 'POST_INSTALL=one\\\ntwo\nB=2\n', ['POST_INSTALL=one\\\ntwo'], 'B=2\n'],
  [
    'in a condition',
    'if true; then\n  AUTOINSTALL=yes\nfi\n',
    ['AUTOINSTALL=yes'],
    'if true; then\n  :\nfi\n',
  ],
  ['on a condition', 'true && AUTOINSTALL=yes\n', ['AUTOINSTALL=yes'], 'true && :\n'],
  ['on a condition before', 'true &&\n\nAUTOINSTALL=yes\nB=2\n', ['AUTOINSTALL=yes'], 'true &&\n\n:\nB=2\n'],
  [
    'in a case',
    'case x in\nx) AUTOINSTALL=yes;;\nesac\nB=2\n',
    ['AUTOINSTALL=yes'],
    'case x in\nx) :;;\nesac\nB=2\n',
  ],
  ['from a command', 'AUTOINSTALL="$(echo "y)es")"\nB=2\n', ['AUTOINSTALL="$(echo "y)es")"'], 'B=2\n'],
  [
    'several',
    'AUTOINSTALL=yes\nA=1\nPOST_INSTALL=./x\nB=2\n',
    ['AUTOINSTALL=yes', 'POST_INSTALL=./x'],
    'A=1\nB=2\n',
  ],
];

const NOT_GIVING: readonly (readonly [string, string])[] = [
  ['a comment', '# AUTOINSTALL=yes\nA=1 # AUTOINSTALL=yes\n'],
  ['a longer name', 'MY_AUTOINSTALL=yes\nAUTOINSTALL_TOO=yes\nPOST_INSTALLED=x\n'],
  ['a command of that name', 'AUTOINSTALL = yes\n'],
  ['a text', 'echo "\nAUTOINSTALL=yes\n"\nA=\'\nAUTOINSTALL=yes\n\'\n'],
  ['an argument', 'echo AUTOINSTALL=yes\n'],
  ["another command's environment", 'AUTOINSTALL=yes true\n'],
  ['a here-document', 'cat <<END > /dev/null\nAUTOINSTALL=yes\nEND\nA=1\n'],
  ['a comparison', '[ "$AUTOINSTALL" = yes ] && A=1\n'],
  ['an expansion', `A="\${AUTOINSTALL:-yes}" B="$(echo AUTOINSTALL=yes)"\n`],
];

/** What bash makes of a text, for a check of the tables themselves. */
function bash(conf: string): string {
  const script = `${conf}\nprintf '%s|%s|%s' "\${AUTOINSTALL[*]}" "\${POST_INSTALL[*]}" "$A$B"`;
  return execFileSync('bash', ['-c', script], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

describe('what gives the module to dkms', () => {
  it.each(GIVING)('%s', (_, conf, lines, left) => {
    expect(ownershipLines(conf)).toEqual(lines);
    expect(withoutOwnershipLines(conf)).toBe(left);
    expect(ownershipLines(left)).toEqual([]);
    expect(withoutOwnershipLines(left)).toBe(left);
    const [auto, post, others] = bash(conf).split('|');
    expect(`${auto}${post}`).not.toBe('');
    expect(bash(left)).toBe(`||${others}`);
  });

  it.each(NOT_GIVING)('is not %s', (_, conf) => {
    expect(ownershipLines(conf)).toEqual([]);
    expect(withoutOwnershipLines(conf)).toBe(conf);
    expect(bash(conf)).toMatch(/(?:^|\n)\|\|[^|]*$/);
  });

  it.each([
    'A="unended\nAUTOINSTALL=yes',
    '$(',
    '<<',
    'a <<END',
    '${',
    "$'\\",
    '((',
    'x=(',
    '`',
    '&&',
    ')))',
    '\\',
  ])('ends for broken bash too: %s', (conf) => {
    expect(withoutOwnershipLines(withoutOwnershipLines(conf))).toBe(withoutOwnershipLines(conf));
  });
});

describe('a variable', () => {
  it('is read without being run', () => {
    expect(dkmsVariable('A=1\nPACKAGE_VERSION = "2.9.0"  # the version\n', 'PACKAGE_VERSION')).toBe('2.9.0');
  });
});
