// Man pages and completions say what the command line and the settings say, because they are made from them.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documentedProgram } from '../../../scripts/docs/commands.ts';
import { bashCompletion, fishCompletion, zshCompletion } from '../../../scripts/docs/completions.ts';
import { FILES, SOURCE_COMMANDS, STATES } from '../../../scripts/docs/facts.ts';
import { commandPage, settingsPage } from '../../../scripts/docs/man.ts';
import { EXIT_STATUSES } from '../../../src/cli/exit-statuses.ts';
import { SETTINGS } from '../../../src/config/schema.ts';
import { EMPTY_FOLDERS, HOOKS, LAUNCHER_PATH } from '../../../src/deploy/manifest.ts';
import { RULE_PATH } from '../../../src/driver/rule.ts';

const PROJECT = join(import.meta.dirname, '../../..');

const program = documentedProgram();

function has(tool: string): boolean {
  return spawnSync(tool, ['--version']).error === undefined;
}

describe('the man pages', () => {
  const page = commandPage(program).replaceAll('\\-', '-');

  it.each(program.commands.map((command) => [command.name, command] as const))(
    'name %s and its options',
    (name, command) => {
      expect(page).toContain(`.B ${name}`);
      for (const option of command.options) expect(page).toContain(option.long);
    },
  );

  it('leave out what only hooks call', () => {
    expect(page).not.toContain('.B kernel-event');
  });

  it.skipIf(!has('groff')).each([
    ['ttkmdctl(8)', commandPage(program)],
    ['ttkmd.conf(5)', settingsPage(program)],
  ])('are clean to groff: %s', (_, text) => {
    const { status, stderr } = spawnSync('groff', ['-man', '-ww', '-rCHECKSTYLE=2', '-Tutf8', '-z'], {
      input: text,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });

  it('name every setting with its default', () => {
    const settings = settingsPage(program);
    for (const { key, written } of SETTINGS) {
      expect(settings).toContain(`.B ${key}`);
      if (written !== '') expect(settings).toContain(`Default: ${written}.`);
    }
  });
});

describe('README.md', () => {
  const readme = readFileSync(join(PROJECT, 'README.md'), 'utf8');
  const page = commandPage(program).replaceAll('\\-', '-').replaceAll('\\&', '');
  const paths = FILES.map(([path]) => path);

  it.each(paths)('lists %s, as the man page does', (path) => {
    const start = path.endsWith('/') ? path : `${path}\``;
    const rows = readme.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.some((line) => line.includes(`\`${start}`))).toBe(true);
    expect(page).toContain(`.B ${path}`);
  });

  it('and the man page name every file that is installed, and no other', () => {
    const installed = [...HOOKS.map((hook) => hook.path), LAUNCHER_PATH, RULE_PATH];
    for (const path of installed) {
      const known = paths.some((one) => expand(one).includes(path));
      expect(known, path).toBe(true);
    }
    for (const folder of EMPTY_FOLDERS) {
      expect(
        paths.some((one) => one.startsWith(`${folder.path}/`)),
        folder.path,
      ).toBe(true);
    }
  });

  it.each(STATES)('says what %s means, as the man page does', (state, meaning) => {
    expect(readme).toContain(`| \`${state}\` | ${meaning} |`);
    expect(page).toContain(`.B ${state}\n${meaning}`);
  });

  it('and the man page have the same commands for the driver source', () => {
    const commands = SOURCE_COMMANDS.map((line) => `       ${line}\n`).join('');
    expect(readme).toContain(commands);
    expect(page).toContain(`.EX\n${SOURCE_COMMANDS.join('\n')}\n.EE`);
  });

  it('and the man page name every exit status', () => {
    for (const [status] of EXIT_STATUSES) {
      expect(page).toContain(`.B ${status}\n`);
      for (const number of status.split(', '))
        expect(readme).toMatch(new RegExp(`Exit statuses:[^|]*\\b${number}\\b`));
    }
  });

  /** `/a/{b,c}/d` stands for two paths. */
  function expand(path: string): string[] {
    const [, before = '', names = '', after = ''] = path.match(/^(.*)\{(.*)\}(.*)$/) ?? [];
    return names === '' ? [path] : names.split(',').map((name) => `${before}${name}${after}`);
  }
});

describe('completions', () => {
  const script = join(mkdtempSync(join(tmpdir(), 'ttkmd-')), 'ttkmdctl.bash');
  writeFileSync(script, bashCompletion(program));

  /** What bash offers for the last of some words. */
  function offered(...words: string[]): string[] {
    const ask = `source ${script}; COMP_WORDS=(ttkmdctl "$@"); COMP_CWORD=$#; _ttkmdctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', ask, 'bash', ...words], { encoding: 'utf8' })
      .trim()
      .split('\n');
  }

  it.each<[string[], string[]]>([
    [['stat'], ['status']],
    [
      ['config', ''],
      ['show', 'check'],
    ],
    [['hooks', 'in'], ['install']],
    [['hel'], ['help']],
    [['help', 'rec'], ['reconcile']],
    [
      ['help', 'config', ''],
      ['show', 'check'],
    ],
    [['reconcile', '--tr'], ['--trigger']],
    [
      ['reconcile', '--trigger', 'b'],
      ['boot', 'bootstrap'],
    ],
    [['--root', '/mnt', 'hist'], ['history']],
    [
      ['status', '--'],
      ['--json', '--quiet', '--watch', '--root', '--version', '--help'],
    ],
  ])('in bash for %j', (words, expected) => {
    expect(offered(...words).sort()).toEqual([...expected].sort());
  });

  it('name every command for the other shells too', () => {
    for (const { name } of program.commands) {
      const last = name.split(' ').at(-1) ?? '';
      expect(zshCompletion(program)).toContain(last);
      expect(fishCompletion(program)).toContain(`-a ${last} `);
    }
  });

  it.each([
    ['bash', bashCompletion],
    ['zsh', zshCompletion],
    ['fish', fishCompletion],
  ] as const)('are what %s can read', (shell, completion) => {
    if (!has(shell)) return;
    const file = join(mkdtempSync(join(tmpdir(), 'ttkmd-')), `ttkmdctl.${shell}`);
    writeFileSync(file, completion(program));
    const { status, stderr } = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });
});
