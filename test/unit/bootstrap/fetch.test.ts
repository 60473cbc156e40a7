// Filling a mirror, and what is not brought twice.
import { describe, expect, it } from 'vitest';
import { pythonSource } from '../../../src/bootstrap/downloads.ts';
import { fillMirror } from '../../../src/bootstrap/fetch.ts';
import type { StepName } from '../../../src/bootstrap/step.ts';
import { parseVersions, releasedVersions } from '../../../src/bootstrap/versions.ts';
import { memoryHost } from '../support/memory-host.ts';
import { type BenchOptions, memoryBench, NO_CHOICES } from './bench.ts';

const VERSIONS = releasedVersions();

async function fill(steps: readonly StepName[], options: BenchOptions = {}) {
  const bench = await memoryBench(options);
  const brought = await fillMirror(bench.host.fs, bench.hands, {
    folder: '/m',
    steps,
    versions: VERSIONS,
    arch: 'x86_64',
    onLine() {},
  });
  return { brought, ran: bench.ran, fs: bench.host.fs };
}

describe('a mirror', () => {
  it('gets the files of the steps, and the versions that they are of', async () => {
    const { ran, brought, fs } = await fill(['source', 'sfpi', 'driver']);
    expect(brought).toEqual(['tt-kmd-ttkmd-2.10.0.tar.gz', 'sfpi_7.77.0_x86_64_debian.txz']);
    expect(ran).toEqual([
      `download ${VERSIONS.driver.url} /m/tt-kmd-ttkmd-2.10.0.tar.gz`,
      `download ${VERSIONS.sfpi?.x86_64?.url} /m/sfpi_7.77.0_x86_64_debian.txz`,
    ]);
    expect(parseVersions(fs.readText('/m/versions.json') ?? '', 'it')).toEqual(VERSIONS);
  });

  it('gets the Python packages, with a page that names them', async () => {
    const { ran, fs } = await fill(['tt-smi'], { files: { '/m/python/tt_smi-6.1.0-py3-none-any.whl': '' } });
    expect(ran).toEqual([
      `python3 -m pip download --quiet --disable-pip-version-check --dest /m/python tt-smi==${VERSIONS.tools['tt-smi']}`,
    ]);
    expect(fs.readText('/m/python/index.html')).toContain('<a href="tt_smi-6.1.0-py3-none-any.whl">');
  });

  it('says what pip said where it fails', async () => {
    const hands: BenchOptions['hands'] = {
      async run(_, onLine) {
        onLine('No matching distribution found');
        return { code: 1, signal: undefined, timedOut: false, cancelled: false };
      },
    };
    await expect(fill(['tt-smi'], { hands })).rejects.toThrow('No matching distribution found');
  });
});

describe('the tools', () => {
  const { fs } = memoryHost();
  const their = memoryHost({ files: { '/etc/pip.conf': '[global]\nindex-url = https://x\n' } }).fs;
  it.each<[string, Parameters<typeof pythonSource>, string | undefined]>([
    ['come from PyPI', [fs, ['tt-flash'], VERSIONS, NO_CHOICES], 'https://pypi.org/simple/tt-flash/'],
    ['come from the mirror', [fs, ['tt-smi'], VERSIONS, { ...NO_CHOICES, mirror: '/m' }], '/m/python'],
    ['come from where pip is told', [their, ['tt-smi'], VERSIONS, NO_CHOICES], undefined],
    [
      'come from where their owner says',
      [fs, ['tt-smi'], VERSIONS, { ...NO_CHOICES, python: 'active' }],
      undefined,
    ],
    ['do not come where none is wanted', [fs, ['sfpi'], VERSIONS, NO_CHOICES], undefined],
  ])('%s', (_, args, expected) => {
    expect(pythonSource(...args)).toBe(expected);
  });
});
