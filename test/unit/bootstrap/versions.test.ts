// Files with versions: what is read, what is refused, and what is written.
import { describe, expect, it } from 'vitest';
import { exportedVersions } from '../../../src/bootstrap/export.ts';
import { EMPTY_JOURNAL, JOURNAL_PATH } from '../../../src/bootstrap/journal.ts';
import { fileName, mirrored, pythonMirror } from '../../../src/bootstrap/mirror.ts';
import { parseVersions, releasedVersions } from '../../../src/bootstrap/versions.ts';
import { memoryHost } from '../support/memory-host.ts';

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
    const whole = { ...VERSIONS, machine: { steps: ['program', 'sfpi'], python: 'venv' } };
    expect(read(whole)).toEqual(whole);
  });

  it.each<[string, object, string]>([
    ['another schema', { schema: 2 }, 'its schema is not 1'],
    ['no driver', { driver: undefined }, 'driver.version is no version'],
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
    ['no checksum', { driver: { ...VERSIONS.driver, sha256: undefined } }, 'driver.sha256 is no SHA-256'],
    [
      'a tool that is an option of pip',
      { tools: { 'tt-smi': '--index-url=x' } },
      'tools.tt-smi is no version',
    ],
    ['an unknown tool', { tools: { bash: '5' } }, 'tools.bash is unknown'],
    ['an image with options in it', { metalium: { image: '--privileged', tag: 'v1' } }, 'metalium.image'],
    [
      'an unknown step',
      { machine: { steps: ['reboot'], python: 'pipx' } },
      'machine.steps has an unknown one',
    ],
    [
      'firmware without a checksum',
      { firmware: { version: '19.13.1', url: 'https://x/y' } },
      'firmware.sha256',
    ],
  ])('with %s are refused', (_, change, message) => {
    expect(() => read(change)).toThrow(message);
  });

  it('that are no JSON are refused', () => {
    expect(() => parseVersions('driver = 2', 'v.conf')).toThrow('v.conf cannot be used: it is no JSON');
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
