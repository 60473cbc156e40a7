// Man pages and completions say what the command line and the settings say, because they are made from them.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documentedProgram } from '../../../scripts/docs/commands.ts';
import { bashCompletion, fishCompletion, zshCompletion } from '../../../scripts/docs/completions.ts';
import { CALLS, EXAMPLES, FILES, SOURCE_COMMANDS, STATES } from '../../../scripts/docs/facts.ts';
import { commandPage, settingsPage } from '../../../scripts/docs/man.ts';
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
      ['--json', '--quiet', '--explain', '--watch', '--root', '--version', '--help'],
    ],
  ])('in bash for %j', (words, expected) => {
    expect(offered(...words).sort()).toEqual([...expected].sort());
  });

  it('in fish and zsh offer releases where a release is asked for', () => {
    const fish = fishCompletion(program).split('\n');
    const kernel = fish.filter((line) => line.includes('-l kernel'));
    expect(kernel).toHaveLength(1);
    expect(kernel[0]).toMatch(/-x -a '\(cd \/lib\/modules/);
    expect(zshCompletion(program)).toMatch(/'--kernel\[[^\]]*\]:release:\(\$\{\(f\)/);
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
