// The newest versions: what is asked of whom, what is taken, and what nobody vouches for.
import { describe, expect, it } from 'vitest';
import { latestVersions, type Wanted } from '../../../src/bootstrap/latest.ts';
import { releasedVersions } from '../../../src/bootstrap/versions.ts';

const KNOWN = releasedVersions();
const SUM = 'a'.repeat(64);
const USUAL: Wanted = { steps: ['source'], kmdSource: undefined, arch: 'x86_64', mirror: undefined };

function api(repository: string): string {
  return `https://api.github.com/repos/tenstorrent/${repository}/releases/latest`;
}

function release(tag: string, ...files: (readonly [name: string, digest: string | null])[]): string {
  const assets = files.map(([name, digest]) => ({
    name,
    digest,
    browser_download_url: `https://github.com/x/${name}`,
  }));
  return JSON.stringify({ tag_name: tag, assets });
}

/** @param pages what is behind each address; any other is refused */
async function latest(pages: Record<string, string>, wanted: Partial<Wanted> = {}) {
  const asked: string[] = [];
  const versions = await latestVersions(KNOWN, { ...USUAL, ...wanted }, async (url) => {
    asked.push(url);
    const text = pages[url];
    if (text === undefined) throw new Error(`${url} could not be downloaded: 404`);
    return text;
  });
  return { versions, asked };
}

describe('the newest versions', () => {
  it.each<[string, Partial<Wanted>, Record<string, string>, object]>([
    [
      'of tt-kmd is an archive with a checksum',
      {},
      { [api('tt-kmd')]: release('ttkmd-2.11.0', ['tt-kmd-2.11.0.tar.gz', `sha256:${SUM}`]) },
      { driver: { version: '2.11.0', url: 'https://github.com/x/tt-kmd-2.11.0.tar.gz', sha256: SUM } },
    ],
    [
      'of tt-kmd is the one whose checksum is known already',
      {},
      { [api('tt-kmd')]: release(`ttkmd-${KNOWN.driver.version}`) },
      { driver: KNOWN.driver },
    ],
    ['of tt-kmd is not asked for where it comes from elsewhere', { kmdSource: 'ebuild' }, {}, {}],
    [
      'of the tools is what PyPI says',
      { steps: ['tt-smi', 'tt-topology'] },
      {
        'https://pypi.org/pypi/tt-smi/json': '{"info":{"version":"9.1.0"}}',
        'https://pypi.org/pypi/tt-topology/json': '{"info":{"version":"9.2"}}',
      },
      { tools: { ...KNOWN.tools, 'tt-smi': '9.1.0', 'tt-topology': '9.2' } },
    ],
    [
      'of the firmware is its bundle',
      { steps: ['firmware'] },
      {
        [api('tt-system-firmware')]: release(
          'v20.1.0',
          ['x.txt', null],
          ['fw_pack-20.1.0.fwbundle', `sha256:${SUM}`],
        ),
      },
      { firmware: { version: '20.1.0', url: 'https://github.com/x/fw_pack-20.1.0.fwbundle', sha256: SUM } },
    ],
    [
      'of SFPI is what there is for each architecture',
      { steps: ['sfpi'] },
      { [api('sfpi')]: release('8.0.0', ['sfpi_8.0.0_x86_64_debian.txz', `sha256:${SUM}`]) },
      {
        sfpi: {
          version: '8.0.0',
          x86_64: { url: 'https://github.com/x/sfpi_8.0.0_x86_64_debian.txz', sha256: SUM },
        },
      },
    ],
    [
      'of tt-metalium is the image of the newest tag',
      { steps: ['tt-metalium'] },
      { [api('tt-metal')]: release('v0.99.0') },
      { metalium: { ...KNOWN.metalium, tag: 'v0.99.0' } },
    ],
    [
      'of a mirror is what it was filled with',
      { mirror: 'http://mirror.lan/tt/' },
      { 'http://mirror.lan/tt/versions.json': JSON.stringify({ ...KNOWN, tools: { 'tt-smi': '1.2.3' } }) },
      { tools: { 'tt-smi': '1.2.3' } },
    ],
  ])('%s', async (_, wanted, pages, expected) => {
    const { versions, asked } = await latest(pages, wanted);
    expect(versions).toEqual({ ...KNOWN, ...expected });
    expect(asked).toEqual(Object.keys(pages));
  });

  it.each<[string, Partial<Wanted>, Record<string, string>, string[]]>([
    [
      'an archive without a checksum',
      {},
      { [api('tt-kmd')]: release('ttkmd-2.11.0', ['tt-kmd-2.11.0.tar.gz', null]) },
      ['tt-kmd 2.11.0', '--versions FILE', 'tt-kmd.git#ttkmd-2.11.0'],
    ],
    [
      'a release of which there is only what GitHub packs for whoever asks',
      { steps: ['tt-inference-server'] },
      { [api('tt-inference-server')]: release('v0.9.0') },
      ['tt-inference-server 0.9.0', '--versions FILE'],
    ],
    [
      'SFPI without a file for this machine',
      { steps: ['sfpi'], arch: 'riscv64' },
      { [api('sfpi')]: release('8.0.0', ['sfpi_8.0.0_x86_64_debian.txz', `sha256:${SUM}`]) },
      ['SFPI for riscv64 8.0.0'],
    ],
    [
      'a checksum of another kind',
      { steps: ['firmware'] },
      { [api('tt-system-firmware')]: release('v20.1.0', ['fw_pack-20.1.0.fwbundle', 'sha1:aa']) },
      ['the firmware 20.1.0'],
    ],
    ['a page that is no JSON', {}, { [api('tt-kmd')]: '<html>Log in' }, ['it is no JSON', 'a login page']],
    ['an answer without a version', {}, { [api('tt-kmd')]: '{"message":"x"}' }, ['it names no version']],
    [
      'a version that is an option',
      { steps: ['tt-smi'] },
      { 'https://pypi.org/pypi/tt-smi/json': '{"info":{"version":"--pre"}}' },
      ['tools.tt-smi is no version'],
    ],
    [
      'an archive on no web address',
      {},
      {
        [api('tt-kmd')]: JSON.stringify({
          tag_name: 'ttkmd-3.0',
          assets: [{ name: 'tt-kmd-3.0.tar.gz', digest: `sha256:${SUM}`, browser_download_url: 'file:///x' }],
        }),
      },
      ['driver.url'],
    ],
    [
      'several at once, and all are named',
      { steps: ['source', 'tt-smi', 'sfpi'] },
      { [api('sfpi')]: release('8.0.0') },
      ['tt-kmd/releases/latest could not', 'pypi/tt-smi/json could not', 'SFPI for x86_64 8.0.0'],
    ],
  ])('refuse %s', async (_, wanted, pages, words) => {
    const error = await latest(pages, wanted).then(
      () => undefined,
      (one: Error & { hint?: string }) => one,
    );
    for (const word of words) expect(`${error?.message} ${error?.hint}`).toContain(word);
  });
});
