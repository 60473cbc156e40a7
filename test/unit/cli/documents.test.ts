// What documents and messages tell people to type, set or look at is there: commands with their options, settings,
// files, units, npm's scripts.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { documentedProgram } from '../../../scripts/docs/commands.ts';
import { FILES, HOOK_NAMES, HOOK_VARIABLES } from '../../../scripts/docs/facts.ts';
import { commandPage, settingsPage } from '../../../scripts/docs/man.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { namedCommand } from '../../../src/cli/usage.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { SECTIONS, SETTINGS, settingName } from '../../../src/config/schema.ts';
import { WAYS } from '../../../src/kernel-events/way.ts';
import { memoryHost } from '../support/memory-host.ts';

const PROJECT = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(PROJECT, path), 'utf8');

const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'overlay/README.md', 'bench/README.md'];
const README = read('README.md');

/** What is laid on a machine, and the program itself. */
const PARTS = ['src', 'scripts', 'hooks', 'units', 'openrc'].flatMap(filesIn);
const PARTS_TEXT = PARTS.map(read).join('\n');

function filesIn(folder: string): string[] {
  return readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`)
    .filter((path) => statSync(join(PROJECT, path)).isFile());
}

/** The lines of a document's indented blocks, and what stands in backticks elsewhere. */
function codesOf(text: string): { lines: string[]; words: string[] } {
  const all = text.split('\n');
  const isBlock = (line: string): boolean => /^ {4}/.test(line);
  const lines = all.filter(isBlock).map((line) => line.trim().replace(/ {2,}#.*$/, ''));
  const prose = all.map((line) => (isBlock(line) ? '' : line)).join('\n');
  const words = [...prose.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replace(/\s+/g, ' '));
  return { lines, words };
}

const CODES = DOCUMENTS.map((path) => [path, codesOf(read(path))] as const);

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}

class Parsed extends Error {}

/** The command line, which does nothing of what it is asked for. */
function idleProgram(): Command {
  const nothing = async (): Promise<number> => 0;
  const program = createProgram(
    { kernelEvent: { ways: WAYS, run: nothing }, daemon: { run: nothing } },
    () => {},
  );
  return program.hook('preAction', (_, command) => {
    if (command.name() === 'help') namedCommand(program, command.args);
    throw new Parsed();
  });
}

/** What is wrong with a call; undefined where it is one that can be made. */
async function complaint(call: string): Promise<string | undefined> {
  const words = call
    .replace(/^(?:sudo )?(?:\.\/bootstrap\.sh)/, 'ttkmdctl bootstrap')
    .split(' ')
    .slice(1);
  // A person's own word stands for one in capitals; help wants a command's.
  const args = words.map((word) => (word === 'COMMAND' ? 'status' : word.replace(/^\[(.*)\]$/, '$1')));
  try {
    await idleProgram().parseAsync(args, { from: 'user' });
  } catch (error) {
    // A group by its name alone is what the text speaks of.
    if (error instanceof Parsed || (error instanceof CommanderError && error.code === 'commander.help')) {
      return undefined;
    }
    return (error as Error).message;
  }
  return 'it does nothing';
}

describe('each call can be made as it stands', () => {
  const isCall = (code: string): boolean =>
    /^(?:\$ )?(?:ttkmdctl|(?:sudo )?\.\/bootstrap\.sh) /.test(code) && !code.includes('…');
  const inDocuments = CODES.flatMap(([path, { lines, words }]) =>
    unique([...lines, ...words].filter(isCall)).map((call) => [call.replace(/^\$ /, ''), path]),
  );
  const program = documentedProgram();
  const inPages = [commandPage(program), settingsPage(program)].flatMap((page) =>
    [...page.replaceAll('\\-', '-').matchAll(/"(ttkmdctl [^"]+)"/g)].map(([, call = '']) => [call, 'man']),
  );
  expect(inDocuments.length).toBeGreaterThan(40);
  expect(inPages.length).toBeGreaterThan(3);

  it.each([...inDocuments, ...inPages])('%s (%s)', async (call) => {
    expect(await complaint(call ?? '')).toBeUndefined();
  });

  it('and has the options that the table in README.md lists', () => {
    const bootstrap = program.commands.find(({ name }) => name === 'bootstrap')?.options ?? [];
    const listed = [...README.matchAll(/^\| (`--.*?) \| /gm)].flatMap(([, cell]) =>
      cell?.match(/--[a-z-]+/g),
    );
    expect([...new Set(listed)].sort()).toEqual(bootstrap.map(({ long }) => long).sort());
  });

  it('and these are not taken for calls that can be made', async () => {
    for (const call of [
      'ttkmdctl bogus',
      'ttkmdctl status --bogus',
      'ttkmdctl help bogus',
      'ttkmdctl ready a b',
    ])
      expect(await complaint(call), call).toBeDefined();
  });
});

describe('each message', () => {
  const program = idleProgram();

  /** What is wrong with the command and the options that a text names; words of the sentence may follow. */
  function mistakes(text: string): string[] {
    let command = program;
    const wrong: string[] = [];
    for (const [index, given] of text.split(' ').entries()) {
      const word = given.replace(/[^\w-].*$/, '');
      const found = command.commands.find((one) => one.name() === word);
      const options = [...program.options, ...command.options].map(({ long }) => long);
      if (word.startsWith('--')) {
        if (!['--help', ...options].includes(word)) wrong.push(`${command.name()} ${word}`);
      } else if (found !== undefined) command = found;
      else if (index === 0) return [`there is no command ${given}`];
    }
    return wrong;
  }

  const isCode = (line: string): boolean => !/^\s*(?:\/\/|\*|\/\*|#)/.test(line);
  // To the end of the sentence, or of what is to be typed.
  const CALL = /ttkmdctl ((?:(?:[a-z]|--)[\w-]*)(?: (?:[\w.{}$<>-]*[\w}>]))*)/g;
  const calls = PARTS.filter((path) => /^(?:src|units|openrc)\//.test(path)).flatMap((path) =>
    read(path)
      .split('\n')
      .filter(isCode)
      .flatMap((line) => [...line.matchAll(CALL)].map(([, text = '']) => text)),
  );
  expect(calls.length).toBeGreaterThan(50);

  it.each(unique(calls))('names commands and options that are there: ttkmdctl %s', (text) => {
    expect(mistakes(text)).toEqual([]);
  });
});

describe('each setting that README.md names is one', () => {
  const { lines, words } = codesOf(README);
  const sections = SECTIONS.map(({ name }) => name);

  function problemsOf(text: string): string[] {
    return loadConfig(memoryHost({ files: { '/etc/ttkmd/ttkmd.conf': text } }).fs).problems.map(
      ({ message }) => message,
    );
  }

  /** `[driver] version`, `boot.time_limit`, `hook.on_failure = fail` as section, key and value. */
  const named = unique(words).flatMap((word) => {
    const [, section = '', key = '', value] =
      word.match(/^\[(\w+)\] (\w+)(?: = (.*))?$/) ?? word.match(/^(\w+)\.([a-z_]+)(?: = (.*))?$/) ?? [];
    return sections.includes(section) ? [{ word, section, key, value }] : [];
  });
  expect(named.length).toBeGreaterThan(20);

  it.each(named)('$word', ({ section, key, value }) => {
    const setting = SETTINGS.find((one) => one.section === section && one.key === key);
    expect(setting).toBeDefined();
    if (value !== undefined) expect(problemsOf(`[${section}]\n${key} = ${value}\n`)).toEqual([]);
  });

  it('with values that are right, where lines of a file are shown', () => {
    const starts = lines.flatMap((line, at) => (sections.includes(line.slice(1, -1)) ? [at] : []));
    expect(starts.length).toBeGreaterThan(0);
    for (const start of starts) {
      const rest = lines.slice(start + 1);
      const end = rest.findIndex((line) => !/^\w+ = /.test(line));
      expect(problemsOf([lines[start], ...rest.slice(0, end)].join('\n'))).toEqual([]);
    }
  });

  const rows = [...README.matchAll(/^\| `\[(\w+)\] (\w+)`(?:, `\w+`)? \| (?:`(.*?)`)? ?\| (.*) \|$/gm)];

  it('with its default in the table, in the order of the file', () => {
    expect(rows.length).toBeGreaterThan(10);
    const order = rows.map(([, section = '', key = '', given = '', text = '']) => {
      const at = SETTINGS.findIndex((one) => one.section === section && one.key === key);
      expect([section, key, given]).toEqual([section, key, SETTINGS[at]?.written]);
      for (const [, example = ''] of text.matchAll(/`(\w+ = .*?)`/g)) {
        expect(problemsOf(`[${section}]\n${example}\n`), example).toEqual([]);
      }
      return at;
    });
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(SETTINGS.map(settingName)).toContain('build.nice');
  });
});

describe('what is named is there', () => {
  const words = unique(CODES.flatMap(([, codes]) => codes.words));

  it.each(unique(words.filter((word) => /^\/[^\s]*ttkmd[^\s]*$/.test(word))))('the path %s', (path) => {
    const folders = FILES.map(([one]) => one).filter((one) => one.endsWith('/'));
    const known = FILES.some(([one]) => one === path) || folders.some((one) => `${path}/`.startsWith(one));
    const [plain = ''] = path.replace(/\{.*?\}/, '').match(/^[^*A-Z]*/) ?? [];
    const name =
      plain
        .replace(/[./]*$/, '')
        .split('/')
        .at(-1) ?? '';
    const isLaid = PARTS.some((part) => part.endsWith(path));
    expect(known || isLaid || PARTS_TEXT.includes(plain), path).toBe(true);
    expect(isLaid || PARTS_TEXT.includes(name), path).toBe(true);
  });

  const units = [...filesIn('units'), ...filesIn('openrc')].map((path) => path.split('/').at(-1));
  const texts = CODES.flatMap(([, codes]) => [...codes.words, ...codes.lines]);
  const services = texts.flatMap((text) => [
    ...(text.match(/\b(?:ttkmd(?:-[a-z]+)?\.service|tenstorrent\.target)\b/g) ?? []),
    ...(text.match(/^ttkmd(?:-[a-z]+)?$/) ?? []),
    ...[...text.matchAll(/\b(?:systemctl \w+|rc-service) (ttkmd[a-z-]*)/g)].map(([, name = '']) => name),
  ]);

  it.each(unique(services))('the service %s', (name) => {
    expect(units.some((unit) => unit === name || unit === `${name}.service`)).toBe(true);
  });

  it.each(unique(words.filter((word) => /^TTKMD_\w+$/.test(word))))('the variable %s', (name) => {
    const others = name === 'TTKMD_TEST_DKMS' ? [name] : [];
    expect([...HOOK_VARIABLES.map(([one]) => one), ...others]).toContain(name);
  });

  it('the moments at which programs in hooks.d are run', () => {
    for (const [name] of HOOK_NAMES) expect(README).toContain(`| \`${name}\` | `);
  });

  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const tiers = [...read('test/run.ts').matchAll(/name: '(\w+)'/g)].map(([, name]) => name);

  it.each(unique(texts.filter((text) => text.startsWith('npm '))))('%s', (text) => {
    const [, verb = '', name = '', rest = ''] = text.match(/^npm (run|test|ci|[a-z]+)\b ?(\S*) ?(.*)/) ?? [];
    if (verb === 'run') expect(Object.keys(scripts)).toContain(name);
    else if (verb === 'test') expect(name === '' || tiers.includes(rest.split(' ')[0])).toBe(true);
    else expect.fail('older Node.js needs npm run packages');
  });

  const places = CODES.flatMap(([path, codes]) =>
    codes.words
      .filter((word) => word !== 'scripts/sign-file') // the kernel's own
      .filter((word) => /^(?:src|test|scripts|bench|hooks|units|openrc|overlay)\/[\w./-]*$/.test(word))
      .map((word) => [word, path]),
  );

  it.each(places)('%s (%s)', (place) => {
    expect(existsSync(join(PROJECT, place ?? ''))).toBe(true);
  });

  it('the rooms of src/, each with what is in it', () => {
    const named = [...read('CONTRIBUTING.md').matchAll(/^\| `([a-z-]+)\/` \|/gm)].map(([, name]) => name);
    const rooms = readdirSync(join(PROJECT, 'src')).filter((name) => !name.includes('.'));
    expect([...named].sort()).toEqual(rooms.sort());
  });

  it.each(DOCUMENTS)('where the links of %s lead to', (path) => {
    for (const [, target = ''] of read(path).matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const there = file === '' ? path : join(dirname(path), file);
      expect(existsSync(join(PROJECT, there)), target).toBe(true);
      if (anchor === undefined) continue;
      const anchors = [...read(there).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replace(/[^\w -]/g, '')
          .replaceAll(' ', '-'),
      );
      expect(anchors, target).toContain(anchor);
    }
  });
});
