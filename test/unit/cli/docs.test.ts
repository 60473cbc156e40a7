// Man pages and completions say what the command line and the settings say, because they are made from them.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bashCompletion } from '../../../scripts/docs/bash-completion.ts';
import { documentedProgram } from '../../../scripts/docs/commands.ts';
import { CALLS, EXAMPLES, FILES, SOURCE_COMMANDS, STATES } from '../../../scripts/docs/facts.ts';
import { fishCompletion } from '../../../scripts/docs/fish-completion.ts';
import { commandPage, settingsPage } from '../../../scripts/docs/man.ts';
import { zshCompletion } from '../../../scripts/docs/zsh-completion.ts';
import { EXIT_STATUSES } from '../../../src/cli/exit-statuses.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { SETTINGS } from '../../../src/config/schema.ts';
import { ordersApi, readingApi } from '../../../src/daemon/api.ts';
import { EMPTY_FOLDERS, HOOKS, LAUNCHER_PATH } from '../../../src/deploy/manifest.ts';
import { RULE_PATH } from '../../../src/driver/rule.ts';
import { memoryHost } from '../support/memory-host.ts';

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

  it('name every setting with its default and what it may be', () => {
    const settings = settingsPage(program).replaceAll('\\-', '-');
    for (const { key, written, parser } of SETTINGS) {
      expect(settings).toContain(`.B ${key}`);
      if (written !== '') expect(settings).toContain(`Default: ${written}.`);
      expect(settings).toContain(`Expected: ${parser.expected}.`);
    }
    expect(settings).toContain('Expected: debug, info, warn or error.');
  });

  it.each(EXAMPLES)('have an example of settings that are right: %s', (what, lines) => {
    const files = { '/etc/ttkmd/ttkmd.conf': lines.join('\n') };
    const { problems, values } = loadConfig(memoryHost({ files }).fs);
    expect(problems).toEqual([]);
    expect(values.some(({ source }) => source !== 'default')).toBe(true);
    const settings = settingsPage(program).replaceAll('\\-', '-');
    expect(settings).toContain(what);
    for (const line of lines) expect(settings).toContain(`\n${line}\n`);
  });

  it('name every call that the sockets know, and no other', async () => {
    const ask = { method: 'GET', path: '/', query: new URLSearchParams(), body: '' };
    const readings = { status: async () => '', history: () => [], follow() {} };
    const orders = {
      request: () => 'taken' as const,
      cancel: () => true,
      reload() {},
      kernels: async () => [],
      note() {},
    };
    for (const [path, answer] of [
      ['/run/ttkmd/status.sock', readingApi(readings)],
      ['/run/ttkmd/control.sock', ordersApi(orders)],
    ] as const) {
      const { calls } = JSON.parse((await answer(ask)).body as string) as { calls: string[] };
      const told = CALLS.filter(({ socket }) => socket === path).map(({ call }) =>
        call.split(/[?, ]/, 2).join(' '),
      );
      expect(told).toEqual(calls);
    }
    for (const { call } of CALLS) expect(page).toContain(`.B ${call}\n`);
  });

  it('tell of the services and the login message', () => {
    expect(page).toContain('.SH SERVICES');
    for (const name of ['ttkmd.service', 'ttkmd-boot', 'tenstorrent.target', 'ttkmd-health.service']) {
      expect(page).toContain(name);
    }
    expect(page).toContain('.SH A LINE AT LOGIN');
    expect(page).toContain('ln -s /usr/share/ttkmd/login-message.sh /etc/profile.d/ttkmd.sh');
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
  const folder = mkdtempSync(join(tmpdir(), 'ttkmd-'));
  const path = (shell: string): string => join(folder, `ttkmdctl.${shell}`);
  const shells = [
    ['bash', bashCompletion],
    ['zsh', zshCompletion],
    ['fish', fishCompletion],
  ] as const;
  for (const [shell, completion] of shells) writeFileSync(path(shell), completion(program));

  /** What a shell offers for the last of some words. */
  const OFFERED: Readonly<Record<string, (words: readonly string[]) => string>> = {
    bash: (words) => {
      const ask = `source ${path('bash')}; COMP_WORDS=(ttkmdctl "$@"); COMP_CWORD=$#; _ttkmdctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return execFileSync('bash', ['-c', ask, 'bash', ...words], { encoding: 'utf8' });
    },
    fish: (words) => {
      const ask = `source ${path('fish')}; complete -C "ttkmdctl $argv"`;
      return execFileSync('fish', ['--no-config', '-c', ask, '--', ...words], { encoding: 'utf8' });
    },
    // Its own completion system needs a terminal: what it is handed is looked at instead.
    zsh: (words) => {
      const last = words.at(-1) ?? '';
      const ask = `words=(ttkmdctl "$@"); CURRENT=$#words
        _describe() { print -l -- "\${(@)commands%%:*}" }
        _arguments() { print -l -- "\${(@)\${(@)@%%\\[*}:#\\**}" }
        source ${path('zsh')}`;
      const all = execFileSync('zsh', ['-f', '-c', ask, 'zsh', ...words], { encoding: 'utf8' });
      const isOption = last.startsWith('-');
      return all
        .split('\n')
        .filter((line) => line.startsWith(last) && line.startsWith('-') === isOption)
        .join('\n');
    },
  };

  function offered(shell: string, words: readonly string[]): string[] {
    return (OFFERED[shell]?.(words) ?? '')
      .trim()
      .split('\n')
      .map((line) => line.replace(/\t.*/, ''))
      .sort();
  }

  const tables: [string[], string[]][] = [
    [['stat'], ['status']],
    [
      ['config', ''],
      ['show', 'check'],
    ],
    [['hooks', 'in'], ['install']],
    [['hel'], ['help']],
    [['help', 'rec'], ['reconcile']],
    [['bootstrap', 'fe'], ['fetch']],
    [['bootstrap', '--with', 'sfpi', 'fe'], ['fetch']],
    [['bootstrap', 'fetch', '/srv', '--mir'], ['--mirror']],
    [
      ['help', 'config', ''],
      ['show', 'check'],
    ],
    [
      ['service', ''],
      ['status', 'enable', 'disable'],
    ],
    [['reconcile', '--tr'], ['--trigger']],
    [['--root', '/mnt', 'hist'], ['history']],
    [['--root', '/mnt', 'kernels', 'ch'], ['check']],
    [['kernels', '--js'], ['--json']],
    [['logs', '6.12.60-gentoo-dist', '--li'], ['--list']],
    [['status', '--explain', '6.12.60-gentoo-dist', '--js'], ['--json']],
    [
      ['service', 'status', '--'],
      ['--json', '--root', '--version'],
    ],
  ];

  for (const [shell] of shells) {
    it.skipIf(!has(shell)).each(tables)(`in ${shell} for %j`, (words, expected) => {
      const found = offered(shell, words).filter((one) => one !== '--help');
      expect(found).toEqual([...expected].sort());
    });
  }

  it.each(['bash', 'fish'].filter(has))('in %s for what stands behind an option', (shell) => {
    expect(offered(shell, ['reconcile', '--trigger', 'b'])).toEqual(['boot', 'bootstrap']);
    expect(offered(shell, ['bootstrap', '--with', 'sf'])).toEqual(['sfpi']);
    expect(offered(shell, ['doctor', '--bundle', `${PROJECT}/READ`])).toEqual([`${PROJECT}/README.md`]);
    const unit = [expect.stringMatching(/\/test\/unit\/?$/)];
    expect(offered(shell, ['--root', `${PROJECT}/test/uni`])).toEqual(unit);
    expect(offered(shell, ['bootstrap', 'fetch', `${PROJECT}/test/uni`])).toEqual(unit);
    expect(offered(shell, ['bootstrap', 'fetch', '--mirror', 'x', `${PROJECT}/test/uni`])).toEqual(unit);
  });

  it('offer releases where a release is asked for', () => {
    const releases = 'command ls /lib/modules 2>/dev/null';
    const fish = fishCompletion(program).split('\n');
    for (const option of ['kernel', 'explain']) {
      const lines = fish.filter((line) => line.includes(`-l ${option}`));
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) expect(line).toContain(`-x -a '(${releases})'`);
    }
    expect(zshCompletion(program)).toContain(`:release:(\${(f)"$(${releases})"})`);
    expect(bashCompletion(program)).toMatch(/ --kernel\) .*command ls \/lib\/modules/);
  });

  it('name every command in all shells', () => {
    for (const { name } of program.commands) {
      const last = name.split(' ').at(-1) ?? '';
      expect(zshCompletion(program)).toContain(last);
      expect(fishCompletion(program)).toContain(`-a ${last} `);
    }
  });

  it.each(shells)('are what %s can read', (shell) => {
    if (!has(shell)) return;
    const { status, stderr } = spawnSync(shell, ['-n', path(shell)], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });
});
