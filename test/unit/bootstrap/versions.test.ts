// Files with versions: what is read, what is refused, and what is written.
import { describe, expect, it } from 'vitest';
import type { Choices } from '../../../src/bootstrap/choices.ts';
import { exportedVersions } from '../../../src/bootstrap/export.ts';
import {
  begun,
  EMPTY_JOURNAL,
  finished,
  JOURNAL_PATH,
  type Journal,
  withChoices,
} from '../../../src/bootstrap/journal.ts';
import { fileName, mirrored, pythonMirror } from '../../../src/bootstrap/mirror.ts';
import type { StepName } from '../../../src/bootstrap/step.ts';
import { parseVersions, releasedVersions } from '../../../src/bootstrap/versions.ts';
import { memoryHost } from '../support/memory-host.ts';
import { NO_CHOICES } from './bench.ts';

const VERSIONS = releasedVersions();

function read(change: object): unknown {
  return parseVersions(JSON.stringify({ ...VERSIONS, ...change }), 'a file');
}

describe('versions', () => {
  it("of the release have the driver's checksum", () => {
    expect(VERSIONS.driver).toMatchObject({
      version: '2.10.0',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(VERSIONS.tools['tt-smi']).toBeDefined();
  });

  it('come back from a file as they were', () => {
    const machine = {
      steps: ['program', 'sfpi'],
      python: 'venv',
      kmdSource: 'https://x/kmd.git#ttkmd-2.9.0',
    };
    const inference = { version: '0.9.0', url: 'https://x/v0.9.0.tar.gz', sha256: 'b'.repeat(64) };
    const whole = { ...VERSIONS, inference, machine };
    expect(read(whole)).toEqual(whole);
  });

  it.each<[string, object, string]>([
    ['another schema', { schema: 2 }, 'its schema is not 1'],
    ['no driver', { driver: undefined }, 'it names no driver'],
    [
      'a version that is a path',
      { driver: { ...VERSIONS.driver, version: '../../etc' } },
      'driver.version is no version',
    ],
    [
      'an address of another kind',
      { driver: { ...VERSIONS.driver, url: 'file:///etc/shadow' } },
      'driver.url',
    ],
    [
      'an address that is none',
      { driver: { ...VERSIONS.driver, url: 'http://' } },
      'driver.url is no http or https address of a file',
    ],
    [
      'an address of no file',
      { driver: { ...VERSIONS.driver, url: 'https://x/kmd/' } },
      'driver.url is no http or https address of a file',
    ],
    ['a misspelt part', { frimware: VERSIONS.driver }, 'frimware is unknown (firmware is meant?)'],
    ['a part of nobody', { entirely: {} }, 'entirely is unknown.'],
    ['a misspelt entry', { driver: { ...VERSIONS.driver, sha: 'x' } }, 'driver.sha is unknown'],
    ['a part that is no object', { driver: '2.10.0' }, 'driver is no object'],
    ['tools in a list', { tools: ['tt-smi'] }, 'tools is no object'],
    ['SFPI for no architecture', { sfpi: { version: '1.0' } }, 'sfpi has neither x86_64 nor aarch64'],
    ['a machine that is nothing', { machine: null }, 'machine is no object'],
    ['no checksum', { driver: { ...VERSIONS.driver, sha256: undefined } }, 'driver.sha256 is no SHA-256'],
    [
      'a tool that is an option of pip',
      { tools: { 'tt-smi': '--index-url=x' } },
      'tools.tt-smi is no version',
    ],
    ['an unknown tool', { tools: { bash: '5' } }, 'tools.bash is unknown'],
    ['a misspelt tool', { tools: { 'tt-sim': '5' } }, 'tools.tt-sim is unknown (tt-smi is meant?)'],
    ['an image with options in it', { metalium: { image: '--privileged', tag: 'v1' } }, 'metalium.image'],
    [
      'an unknown step',
      { machine: { steps: ['reboot'], python: 'pipx' } },
      'machine.steps has an unknown one',
    ],
    [
      'a source that is an option',
      { machine: { steps: [], python: 'pipx', kmdSource: '--upload-pack=x' } },
      'machine.kmdSource',
    ],
    [
      'tt-inference-server without a checksum',
      { inference: { version: '1', url: 'https://x/y' } },
      'inference',
    ],
    [
      'firmware without a checksum',
      { firmware: { version: '19.13.1', url: 'https://x/y' } },
      'firmware.sha256',
    ],
  ])('with %s are refused', (_, change, message) => {
    expect(() => read(change)).toThrow(message);
  });

  it.each([
    ['driver = 2', 'it is no JSON'],
    ['', 'it is no JSON'],
    ['[1]', 'it is no JSON object'],
    ['"latest"', 'it is no JSON object'],
    ['null', 'it is no JSON object'],
  ])('that are %j are refused', (text, message) => {
    expect(() => parseVersions(text, 'v.conf')).toThrow(`v.conf cannot be used: ${message}.`);
  });

  it('are exported with the steps that were done', () => {
    const journal = {
      ...EMPTY_JOURNAL,
      versions: VERSIONS,
      python: 'uv',
      steps: [
        { name: 'program', done: true, undo: [] },
        { name: 'sfpi', done: false, undo: [] },
      ],
    };
    const { fs } = memoryHost({ files: { [JOURNAL_PATH]: JSON.stringify(journal) } });
    const exported = exportedVersions(fs);
    expect(exported.machine).toEqual({ steps: ['program'], python: 'uv' });
    expect(parseVersions(JSON.stringify(exported), 'it')).toEqual(exported);
    expect(() => exportedVersions(memoryHost().fs)).toThrow('nothing to export');
  });
});

describe('what steps were done with', () => {
  const doneWith = (name: StepName, journal: Journal, change: object, choices: Partial<Choices> = {}) =>
    withChoices(journal, name, {
      versions: { ...VERSIONS, ...change },
      choices: { ...NO_CHOICES, ...choices },
    });
  const driver = { ...VERSIONS.driver, version: '2.11.0' };

  it('is kept where another step is done with other versions later', () => {
    const first = doneWith('source', EMPTY_JOURNAL, { driver }, { kmdSource: '/root/kmd' });
    const then = doneWith('tt-smi', first, { tools: { 'tt-smi': '9.0' } }, { python: 'venv' });
    const last = doneWith('tt-flash', then, { tools: { 'tt-flash': '8.0' } }, { python: 'venv' });
    expect(last).toMatchObject({ versions: { driver }, python: 'venv', kmdSource: '/root/kmd' });
    expect(last.versions?.tools).toEqual({ ...VERSIONS.tools, 'tt-smi': '9.0', 'tt-flash': '8.0' });
    expect(doneWith('driver', last, {}, { python: 'uv' })).toEqual(last);
  });

  it('is forgotten where the step is done with something else', () => {
    const first = doneWith('source', EMPTY_JOURNAL, {}, { kmdSource: '/root/kmd' });
    expect(doneWith('source', first, { driver }).kmdSource).toBeUndefined();
  });

  it('is exported with where the source came from', () => {
    const kmdSource = 'https://x/kmd.git#ttkmd-2.9.0';
    const journal = finished(doneWith('source', begun(EMPTY_JOURNAL, 'source'), {}, { kmdSource }), 'source');
    const { fs } = memoryHost({ files: { [JOURNAL_PATH]: JSON.stringify(journal) } });
    const exported = exportedVersions(fs);
    expect(exported.machine).toEqual({ steps: ['source'], python: 'pipx', kmdSource });
    expect(parseVersions(JSON.stringify(exported), 'it')).toEqual(exported);
  });
});

describe('a mirror', () => {
  it.each([
    [
      'https://github.com/tenstorrent/tt-kmd/archive/refs/tags/ttkmd-2.10.0.tar.gz',
      'tt-kmd-ttkmd-2.10.0.tar.gz',
    ],
    [
      'https://github.com/tenstorrent/sfpi/releases/download/7.77.0/sfpi_7.77.0_x86_64_debian.txz',
      'sfpi_7.77.0_x86_64_debian.txz',
    ],
    ['http://127.0.0.1:80/a/b.tar.gz?x=1', 'b.tar.gz'],
  ])('keeps %s as %s', (url, name) => {
    expect(fileName(url)).toBe(name);
    expect(mirrored(url, undefined)).toBe(url);
    expect(mirrored(url, '/srv/mirror/')).toBe(`/srv/mirror/${name}`);
    expect(mirrored(url, 'http://mirror.lan/tt')).toBe(`http://mirror.lan/tt/${name}`);
  });

  it('keeps Python packages in a folder', () => {
    expect(pythonMirror('/srv/m')).toBe('/srv/m/python');
    expect(pythonMirror('https://m/x/')).toBe('https://m/x/python/');
  });
});
