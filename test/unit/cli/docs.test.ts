// Man pages and completions say what the command line and the settings say, because they are made from them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documentedProgram } from '../../../scripts/docs/commands.ts';
import { bashCompletion, fishCompletion, zshCompletion } from '../../../scripts/docs/completions.ts';
import { commandPage, settingsPage } from '../../../scripts/docs/man.ts';
import { SETTINGS } from '../../../src/config/schema.ts';

const program = documentedProgram();

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

  it('name every setting with its default', () => {
    const settings = settingsPage(program);
    for (const { key, written } of SETTINGS) {
      expect(settings).toContain(`.B ${key}`);
      if (written !== '') expect(settings).toContain(`Default: ${written}.`);
    }
  });
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
    [['reconcile', '--tr'], ['--trigger']],
    [
      ['reconcile', '--trigger', 'b'],
      ['boot', 'bootstrap'],
    ],
    [['--root', '/mnt', 'hist'], ['history']],
    [
      ['status', '--'],
      ['--json', '--quiet', '--root', '--version', '--help'],
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
});
