// How settings are shown, and the file that is shipped.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renderDefaultFile } from '../../../src/config/default-file.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { defaultConfig, SECTIONS, SETTINGS, settingName } from '../../../src/config/schema.ts';
import { problemLine, shownConfig, valueLines } from '../../../src/config/show.ts';
import { memoryHost } from '../support/memory-host.ts';

const SOURCE = join(import.meta.dirname, '../../../src');
const MAIN = '/etc/ttkmd/ttkmd.conf';

function load(text: string) {
  return loadConfig(memoryHost({ files: { [MAIN]: text } }).fs);
}

test('every setting has a default that its own parser takes, a section and a description', () => {
  for (const setting of SETTINGS) {
    expect(setting.parser.parse(setting.written), settingName(setting)).toBeDefined();
    expect(setting.description, settingName(setting)).toMatch(/^\S.*\.$/);
    expect(SECTIONS.some(({ name }) => name === setting.section)).toBe(true);
  }
});

test('the defaults are those of the design', () => {
  const minute = 60_000;
  expect(defaultConfig()).toEqual({
    driver: { version: 'newest', keepOld: 1, reload: 'never' },
    kernels: { exclude: [], archive: false, archiveSize: 1024 ** 3 },
    build: { jobs: 'auto', nice: 10, timeLimit: 30 * minute, logsKept: 50 },
    hook: { onFailure: 'warn', timeLimit: 15 * minute },
    watch: { settle: 3000, resync: 360 * minute },
    boot: { timeLimit: 10 * minute },
    hugepages: {
      mode: 'auto',
      wormhole: 4,
      blackhole: 4,
      grayskull: 1,
      total: undefined,
      extraPages: 0,
      keepFree: 4 * 1024 ** 3,
      mount: '/dev/hugepages-1G',
      mountMode: 0o777,
      mountGroup: undefined,
    },
    devices: { extra: [] },
    signing: { key: undefined, certificate: undefined },
    control: { group: 'ttkmd' },
    log: { level: 'info', format: 'auto' },
  });
});

test('settings in columns', () => {
  const lines = valueLines(load('[build]\nnice = 5\n').values);
  expect(lines).toHaveLength(SETTINGS.length);
  expect(lines[0]).toBe('driver.version         newest             default');
  expect(lines).toContain(`build.nice             5                  ${MAIN}:2`);
  expect(lines).toContain('signing.key            –                  default');
});

test('the code reads every setting', () => {
  const source = [
    'daemon',
    'reconcile',
    'kernel-events',
    'deploy',
    'cli',
    'driver',
    'kernels',
    'state',
    'dkms',
    'hugepages',
  ]
    .flatMap((room) =>
      readdirSync(join(SOURCE, room), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(SOURCE, room, name),
      ),
    )
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');
  for (const setting of SETTINGS) {
    const { section, field } = setting;
    const read =
      new RegExp(`config\\.${section}\\.${field}\\b`).test(source) ||
      new RegExp(`\\{[^{}]*\\b${field}\\b[^{}]*\\} = [\\w.]*config(?:\\.${section})?;`).test(source) ||
      // A room that has a section to itself is handed that section.
      (section === 'hugepages' &&
        new RegExp(`\\bsettings\\.${field}\\b|\\b${field} \\}: Config\\['${section}'\\]`).test(source)) ||
      new RegExp(`const \\{ ${section} \\} = [\\w.]*config;[^}]*\\b${section}\\.${field}\\b`).test(source);
    expect(read, settingName(setting)).toBe(true);
  }
});

test('one long value does not push the others aside', () => {
  const lines = valueLines(load(`[kernels]\nexclude = ${'5.* '.repeat(40)}\n`).values);
  expect(lines[0]).toBe('driver.version         newest             default');
});

test('problems in one line, and all of it as an object', () => {
  const { values, problems } = load('[build]\nnice = fast\n');
  expect(problems.map(problemLine)).toEqual([
    `${MAIN}:2: [build] nice: expected a whole number from 0 to 19, found "fast"`,
  ]);
  const shown = shownConfig(values, problems);
  expect(shown).toMatchObject({ schema: 1, problems: [{ line: 2, section: 'build', key: 'nice' }] });
  expect(shown.settings[0]).toEqual({
    setting: 'driver.version',
    value: 'newest',
    source: 'default',
  });
  expect(JSON.parse(JSON.stringify(shown)).settings).toHaveLength(SETTINGS.length);
});

test('the shipped file sets nothing', () => {
  const loaded = load(renderDefaultFile());
  expect(loaded.problems).toEqual([]);
  expect(loaded.values.every(({ source }) => source === 'default')).toBe(true);
});

test('the shipped file without its comment signs says what the defaults are', () => {
  const loaded = load(renderDefaultFile().replace(/^#(?=\w+ =)/gm, ''));
  expect(loaded.problems).toEqual([]);
  expect(loaded.config).toEqual(defaultConfig());
  expect(loaded.values.every(({ source }) => source.startsWith(MAIN))).toBe(true);
  expect(
    renderDefaultFile()
      .split('\n')
      .every((line) => line.length <= 100),
  ).toBe(true);
});

test("a token's PIN is not shown", () => {
  const { values, problems } = load(
    '[signing]\nkey = "pkcs11:object=k?pin-value=4711"\n[build]\njobs = pkcs11:pin-value=4711\n',
  );
  const shown = JSON.stringify([shownConfig(values, problems), valueLines(values), problems]);
  expect(shown).toContain('pkcs11:object=k?pin-value=…');
  expect(problems).toHaveLength(1);
  expect(shown).not.toContain('4711');
});
