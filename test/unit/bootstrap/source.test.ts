// Where the driver source comes from, as a dry run prints it.
import { describe, expect, it } from 'vitest';
import { source } from '../../../src/bootstrap/steps/source.ts';
import { releasedVersions } from '../../../src/bootstrap/versions.ts';
import { driverSource } from '../support/machines.ts';
import { type BenchOptions, EMERGE, GENTOO, lines, memoryBench } from './bench.ts';

describe('the source', () => {
  const { driver: release } = releasedVersions();
  const fill = ['rm -rf /usr/src/.ttkmd-source', 'mkdir -p -m 0755 /usr/src/.ttkmd-source'];
  const place = (version: string): string[] => [
    'chown -R root:root /usr/src/.ttkmd-source',
    'chmod -R u+rwX,go+rX,go-w /usr/src/.ttkmd-source',
    `make sure: /usr/src/.ttkmd-source/dkms.conf is for tenstorrent ${version}, and /usr/src/tenstorrent-${version} is free`,
    `mv -T /usr/src/.ttkmd-source /usr/src/tenstorrent-${version}`,
  ];
  const folder = Object.fromEntries(
    Object.entries(driverSource('2.11.0')).map(([path, spec]) => [
      path.replace('/usr/src/tenstorrent-2.11.0', '/home/me/tt-kmd'),
      spec,
    ]),
  );

  it.each<[string, BenchOptions, string[]]>([
    [
      'is downloaded, unpacked beside and put in place',
      {},
      [
        `download ${release.url} to /var/cache/ttkmd/tt-kmd-ttkmd-2.10.0.tar.gz, with the SHA-256 ${release.sha256}`,
        ...fill,
        'tar --extract --file /var/cache/ttkmd/tt-kmd-ttkmd-2.10.0.tar.gz --directory /usr/src/.ttkmd-source --no-same-owner --no-same-permissions --strip-components=1',
        ...place('2.10.0'),
      ],
    ],
    [
      'is copied from a folder',
      { files: folder, choices: { kmdSource: '/home/me/tt-kmd' } },
      [
        ...fill,
        'cp -r -T --no-preserve=ownership /home/me/tt-kmd /usr/src/.ttkmd-source',
        'rm -rf /usr/src/.ttkmd-source/.git',
        'rm -rf /usr/src/.ttkmd-source/.ttkmd-from',
        ...place('2.11.0'),
      ],
    ],
    [
      'is unpacked from a tarball, wherever in it it begins',
      {
        files: { '/root/kmd.tgz': 'archive' },
        choices: { kmdSource: '/root/kmd.tgz' },
        exec: ({ args }) =>
          args[0] === '--list'
            ? './a/tests/dkms.conf\n./a/dkms.conf\n'
            : args.includes('./a/dkms.conf')
              ? 'PACKAGE_NAME="tenstorrent"\nPACKAGE_VERSION="2.7.0"\n'
              : undefined,
      },
      [
        ...fill,
        'tar --extract --file /root/kmd.tgz --directory /usr/src/.ttkmd-source --no-same-owner --no-same-permissions --strip-components=2',
        ...place('2.7.0'),
        'write /var/lib/ttkmd/driver-source.json:',
        '    {"from":"sha256:2d7e9a1c19e4e6b5a3d4d7a8a1f6f8f4e4b0a4c1","version":"2.7.0"}',
      ],
    ],
    [
      'is cloned at a tag first',
      { choices: { kmdSource: 'https://example.org/kmd.git#ttkmd-2.10.0' } },
      [
        'rm -rf /var/cache/ttkmd/tt-kmd.git',
        'git clone --quiet --depth 1 --branch ttkmd-2.10.0 -- https://example.org/kmd.git /var/cache/ttkmd/tt-kmd.git',
        'write /var/cache/ttkmd/tt-kmd.git/.ttkmd-from:',
        '    https://example.org/kmd.git#ttkmd-2.10.0',
      ],
    ],
    [
      'is emerged',
      { files: GENTOO, choices: { kmdSource: 'ebuild' } },
      [
        'make sure: /etc/portage/package.accept_keywords is a folder, or nothing',
        'write /etc/portage/package.accept_keywords/ttkmd:',
        '    # For what ttkmdctl bootstrap installs; ttkmdctl uninstall removes it.',
        '    sys-kernel/tt-kmd ~amd64',
        'make sure: /etc/portage/package.use is a folder, or nothing',
        'write /etc/portage/package.use/ttkmd:',
        '    # For what ttkmdctl bootstrap installs; ttkmdctl uninstall removes it.',
        '    sys-kernel/tt-kmd dkms',
        `${EMERGE} sys-kernel/tt-kmd`,
      ],
    ],
    [
      'is refused where a folder is none',
      { files: { '/home/me/x/README': '' }, choices: { kmdSource: '/home/me/x' } },
      ['make sure: there is a source of tt-kmd to take'],
    ],
  ])('%s', async (_, options, expected) => {
    const bench = await memoryBench(options);
    expect((await source.check(bench)).done).toBe(false);
    const printed = lines(await source.plan(bench)).map((line) =>
      line.replace(/sha256:[0-9a-f]{64}/, 'sha256:2d7e9a1c19e4e6b5a3d4d7a8a1f6f8f4e4b0a4c1'),
    );
    expect(printed).toEqual(expected);
  });

  it('is there when the version is, and root’s alone', async () => {
    const check = async (options: BenchOptions) => (await source.check(await memoryBench(options))).done;
    expect(await check({ files: driverSource('2.10.0') })).toBe(true);
    expect(await check({ files: driverSource('2.9.0') })).toBe(false);
    expect(await check({ files: driverSource('2.10.0', { user: 1000 }) })).toBe(false);
    const choices = { kmdSource: '/home/me/tt-kmd' };
    expect(await check({ files: { ...driverSource('2.11.0'), ...folder }, choices })).toBe(true);
    expect(await check({ files: { ...driverSource('2.11.0', { code: 'older' }), ...folder }, choices })).toBe(
      false,
    );
  });

  it('does not take the place of one that is somebody else’s', async () => {
    const files = {
      ...driverSource('2.10.0', { user: 1000 }),
      '/usr/src/.ttkmd-source/dkms.conf': 'PACKAGE_NAME="tenstorrent"\nPACKAGE_VERSION="2.10.0"\n',
    };
    const works = await source.plan(await memoryBench({ files }));
    const insist = works.find((work) => work.kind === 'insist');
    expect((await insist?.wrong())?.message).toContain('is there already');
  });
});
