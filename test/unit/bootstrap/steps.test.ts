// What each step looks at and would do, as a dry run prints it.
import { describe, expect, it } from 'vitest';
import { driver } from '../../../src/bootstrap/steps/driver.ts';
import { metalium, podman, sfpi } from '../../../src/bootstrap/steps/extras.ts';
import { firmware } from '../../../src/bootstrap/steps/firmware.ts';
import { kernelOptions } from '../../../src/bootstrap/steps/kernel-options.ts';
import { packages } from '../../../src/bootstrap/steps/packages.ts';
import { source } from '../../../src/bootstrap/steps/source.ts';
import { tool } from '../../../src/bootstrap/steps/tools.ts';
import { releasedVersions } from '../../../src/bootstrap/versions.ts';
import { driverSource } from '../support/machines.ts';
import type { ExecFunction } from '../support/scripted-exec.ts';
import { type BenchOptions, DEBIAN, GENTOO, lines, memoryBench } from './bench.ts';

const LISTS = { '/var/lib/apt/lists/deb_Packages': '' };
const APT =
  'DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none apt-get --quiet --yes --no-install-recommends install';
const EMERGE = 'emerge --ask=n --quiet-build=y --nospinner --color=n --noreplace';

/** dpkg-query and apt-cache as they answer where these are installed and those can be had. */
function apt(installed: readonly string[], known: readonly string[]): ExecFunction {
  return ({ command, args }) => {
    if (command === 'dpkg-query')
      return args
        .filter((one) => installed.includes(one))
        .map((one) => `ii \t${one}\n`)
        .join('');
    if (command === 'apt-cache')
      return args
        .filter((one) => known.includes(one))
        .map((one) => `Package: ${one}\n\n`)
        .join('');
    return undefined;
  };
}

const BARE_KERNEL = {
  '/lib/modules/6.1.0-9-amd64/kernel/fs/x.ko': '',
  '/lib/modules/6.1.0-9-amd64/modules.builtin': '',
  '/boot/vmlinuz-6.1.0-9-amd64': '',
};

describe('packages', () => {
  it.each<[string, BenchOptions, string[]]>([
    [
      'come from apt-get, after its lists where there are none',
      { files: DEBIAN, exec: apt(['kmod', 'util-linux'], []) },
      ['apt-get --quiet update', `${APT} dkms`],
    ],
    [
      'come with the headers that the archive has, of kernels that lack them and of those to come',
      {
        files: {
          ...DEBIAN,
          ...LISTS,
          ...BARE_KERNEL,
          '/var/lib/dpkg/info/linux-image-amd64.list': '',
          '/lib/modules/6.6.0-self/kernel/fs/x.ko': '',
          '/lib/modules/6.6.0-self/modules.builtin': '',
        },
        exec: apt(['kmod', 'util-linux'], ['dkms', 'linux-headers-6.1.0-9-amd64', 'linux-headers-amd64']),
      },
      [`${APT} dkms linux-headers-6.1.0-9-amd64 linux-headers-amd64`],
    ],
    [
      'are nothing where all are there',
      { files: { ...DEBIAN, ...LISTS }, exec: apt(['dkms', 'kmod', 'util-linux'], []) },
      [],
    ],
    [
      'are what the tools and git need, too',
      {
        files: { ...DEBIAN, ...LISTS },
        selected: ['tt-smi'],
        choices: { python: 'venv', kmdSource: 'https://x/y.git#v1' },
        exec: apt(['kmod', 'util-linux', 'dkms'], ['git', 'python3-venv']),
      },
      [`${APT} git python3-venv`],
    ],
    ['come from emerge on Gentoo', { files: GENTOO }, [`${EMERGE} sys-kernel/dkms`]],
    [
      '… as binary packages by choice',
      { files: GENTOO, choices: { getBinaryPackages: true } },
      [`${EMERGE} --getbinpkg sys-kernel/dkms`],
    ],
    [
      '… and are not there because of a name that begins alike',
      { files: { ...GENTOO, '/var/db/pkg/sys-kernel/dkms-tools-1.0/SLOT': '0' } },
      [`${EMERGE} sys-kernel/dkms`],
    ],
    [
      '… with keywords in a file of our own, beside what is in it',
      {
        files: {
          ...GENTOO,
          '/var/db/pkg/sys-kernel/dkms-3.2.2/SLOT': '0',
          '/etc/portage/package.accept_keywords/ttkmd': '# ours\nsys-kernel/tt-kmd ~amd64\n',
        },
        selected: ['tt-smi'],
      },
      [
        'make sure: /etc/portage/package.accept_keywords is a folder, or nothing',
        'write /etc/portage/package.accept_keywords/ttkmd:',
        '    # For what ttkmdctl bootstrap installs; ttkmdctl uninstall removes it.',
        '    sys-kernel/tt-kmd ~amd64',
        '    dev-python/pipx ~amd64',
        '    dev-python/userpath ~amd64',
        `${EMERGE} dev-python/pipx`,
      ],
    ],
    [
      "… with installkernel's own USE=systemd for dkms",
      {
        files: {
          ...GENTOO,
          '/var/db/pkg/sys-kernel/installkernel-50/USE': 'systemd dracut\n',
          '/var/db/pkg/sys-kernel/installkernel-50/IUSE': 'systemd dracut\n',
        },
      },
      [
        'make sure: /etc/portage/package.use is a folder, or nothing',
        'write /etc/portage/package.use/ttkmd:',
        '    # For what ttkmdctl bootstrap installs; ttkmdctl uninstall removes it.',
        '    sys-kernel/dkms systemd',
        `${EMERGE} sys-kernel/dkms`,
      ],
    ],
  ])('%s', async (_, options, expected) => {
    const bench = await memoryBench(options);
    expect(lines(await packages.plan(bench))).toEqual(expected);
    expect((await packages.check(bench)).done).toBe(expected.length === 0);
  });

  it('leave a file of the user’s in the place of a folder alone', async () => {
    const bench = await memoryBench({
      files: { ...GENTOO, '/etc/portage/package.accept_keywords': 'x ~amd64\n' },
      selected: ['tt-smi'],
    });
    const [first] = await packages.plan(bench);
    const wrong = first?.kind === 'insist' ? await first.wrong() : undefined;
    expect(wrong?.message).toContain('is a file of yours');
    expect(wrong?.hint).toContain('dev-python/pipx ~amd64');
  });

  it.each<[string, BenchOptions, object[]]>([
    [
      'by apt',
      {
        files: { ...DEBIAN, ...LISTS },
        exec: (call, host) =>
          call.command === 'apt-get'
            ? 'Inst kmod [29] (30 x)\nInst libelf1:amd64 (0.188 x [amd64])\nInst dkms (3.0.10 x [all])\nConf dkms (3)\n'
            : (apt([], ['dkms']) as Exclude<BenchOptions['exec'], readonly unknown[] | undefined>)(
                call,
                host,
              ),
      },
      [
        { kind: 'packages', manager: 'apt', names: ['libelf1', 'dkms'] },
        { kind: 'dkms-tree', path: '/var/lib/dkms' },
      ],
    ],
    [
      'by Portage',
      {
        files: GENTOO,
        exec: ({ command, args }) =>
          command === 'emerge' && args.includes('--pretend')
            ? '[ebuild  N     ] sys-kernel/dkms-3.2.2  USE="-systemd"\n[ebuild   R    ] sys-apps/kmod-34\n[binary  N     ] dev-libs/x-1.0-r1:0/1::gentoo\n[ebuild  NS    ] sys-kernel/gentoo-sources-6.12.58:6.12.58\n'
            : undefined,
      },
      [
        {
          kind: 'packages',
          manager: 'portage',
          names: ['sys-kernel/dkms', 'dev-libs/x', '=sys-kernel/gentoo-sources-6.12.58'],
        },
        { kind: 'dkms-tree', path: '/var/lib/dkms' },
      ],
    ],
  ])('know beforehand which are new, %s', async (_, options, expected) => {
    const bench = await memoryBench(options);
    const last = (await packages.plan(bench)).at(-1);
    expect(last?.kind === 'run' ? await last.undo?.() : undefined).toEqual(expected);
  });
});

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

describe('the driver', () => {
  const ask = async () => ({
    code: 0,
    stdout: '{"steps":[{"kind":"build","text":"build it"}],"status":{"kernels":[]}}',
    stderr: '',
  });
  const files = { ...driverSource('2.10.0'), '/usr/sbin/dkms': { mode: 0o755 } };
  const ours = {
    schema: 1,
    steps: [{ name: 'source', done: true, undo: [{ kind: 'tree', path: '/usr/src/tenstorrent-2.10.0' }] }],
  };

  it.each<[string, Record<string, string>, object[]]>([
    [
      'that we brought is taken back',
      { '/var/lib/ttkmd/bootstrap.json': JSON.stringify(ours) },
      [{ kind: 'driver', version: '2.10.0' }],
    ],
    ['that was there before stays', {}, []],
  ])('%s', async (_, more, expected) => {
    const bench = await memoryBench({ files: { ...files, ...more }, hands: { ask } });
    expect((await driver.check(bench)).done).toBe(false);
    const [work] = await driver.plan(bench);
    expect(work?.kind === 'ttkmdctl' && work.undo).toEqual(expected);
  });

  it('that did not build is tried again by the name of the kernel', async () => {
    const failed = async () => ({
      code: 0,
      stdout: '{"steps":[],"status":{"kernels":[{"release":"6.1","module":{"state":"failed"}}]}}',
      stderr: '',
    });
    const bench = await memoryBench({ files, hands: { ask: failed } });
    expect(await driver.check(bench)).toEqual({ done: false, why: 'it did not build for 6.1' });
    expect(lines(await driver.plan(bench))).toEqual(['ttkmdctl reconcile --kernel 6.1']);
  });
});

describe('the tools', () => {
  const smi = tool('tt-smi');
  const version = releasedVersions().tools['tt-smi'];
  const pipx =
    'PIPX_HOME=/opt/ttkmd/pipx PIPX_BIN_DIR=/usr/local/bin PIPX_MAN_DIR=/opt/ttkmd/pipx/man PIP_NO_CACHE_DIR=1 pipx install';
  const there = (one: string) => ({
    [`/opt/ttkmd/pipx/venvs/tt-smi/lib/python3.13/site-packages/tt_smi-${one}.dist-info/METADATA`]: '',
  });

  it.each<[string, BenchOptions, string[]]>([
    ['come by pipx', {}, [`${pipx} tt-smi==${version}`]],
    ['… in the place of another version', { files: there('1.0.0') }, [`${pipx} --force tt-smi==${version}`]],
    [
      '… from a mirror alone',
      { choices: { mirror: '/srv/m' } },
      [`${pipx} '--pip-args=--no-index --find-links /srv/m/python' tt-smi==${version}`],
    ],
    [
      'come into a virtual environment',
      { choices: { python: 'venv' } },
      [
        'python3 -m venv /opt/ttkmd/tools',
        `PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 /opt/ttkmd/tools/bin/pip install tt-smi==${version}`,
        'ln -s /opt/ttkmd/tools/bin/tt-smi /usr/local/bin/tt-smi',
      ],
    ],
    [
      'come by uv',
      { choices: { python: 'uv', mirror: 'http://m' } },
      [
        `UV_TOOL_DIR=/opt/ttkmd/uv UV_TOOL_BIN_DIR=/usr/local/bin UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never uv tool install --force --no-index --find-links http://m/python/ tt-smi==${version}`,
      ],
    ],
    [
      'come into the environment that is active, as its owner',
      { choices: { python: 'active', activeEnvironment: '/home/me/venv', user: 'me' } },
      [
        'make sure: a virtual environment is active',
        `PIP_NO_CACHE_DIR=1 runuser -u me -- /home/me/venv/bin/pip install tt-smi==${version}`,
      ],
    ],
  ])('%s', async (_, options, expected) => {
    const bench = await memoryBench(options);
    expect((await smi.check(bench)).done).toBe(false);
    expect(lines(await smi.plan(bench))).toEqual(expected);
  });

  it('are there when that version is', async () => {
    expect((await smi.check(await memoryBench({ files: there(version ?? '') }))).done).toBe(true);
  });

  it('say so where no environment is active', async () => {
    const [insist] = await smi.plan(await memoryBench({ choices: { python: 'active' } }));
    expect(insist?.kind === 'insist' && (await insist.wrong())?.hint).toContain('VIRTUAL_ENV');
  });
});

describe('by choice', () => {
  const bundle = { version: '19.13.1', url: 'https://x/fw_pack-19.13.1.fwbundle', sha256: 'a'.repeat(64) };
  const withFirmware = { ...releasedVersions(), firmware: bundle };

  it('firmware is written by tt-flash', async () => {
    const bench = await memoryBench({ versions: withFirmware });
    expect(lines(await firmware.plan(bench))).toEqual([
      `download ${bundle.url} to /var/cache/ttkmd/fw_pack-19.13.1.fwbundle, with the SHA-256 ${bundle.sha256}`,
      'make sure: a card is there, and nobody uses one',
      '/opt/ttkmd/pipx/venvs/tt-flash/bin/tt-flash flash /var/cache/ttkmd/fw_pack-19.13.1.fwbundle',
      'write /var/lib/ttkmd/firmware.json:',
      '    {"version":"19.13.1"}',
    ]);
  });

  it.each([
    ['in use', { '/sys/module/tenstorrent/refcnt': '2\n' }, 'used 2 times'],
    ['without its driver', {}, 'not loaded'],
  ])('firmware is not written to a card %s', async (_, files, message) => {
    const works = await firmware.plan(await memoryBench({ versions: withFirmware, files }));
    const insist = works.find((work) => work.kind === 'insist');
    expect((await insist?.wrong())?.message).toContain(message);
  });

  it('firmware without a known checksum is refused', async () => {
    const [insist] = await firmware.plan(await memoryBench());
    expect(insist?.kind === 'insist' && (await insist.wrong())?.hint).toContain('--versions FILE');
  });

  it('podman gives the user ids behind all that others have', async () => {
    const bench = await memoryBench({
      files: {
        ...GENTOO,
        '/var/db/pkg/app-containers/podman-5.7.1/SLOT': '0',
        '/etc/subuid': 'you:100000:65536\n',
        '/etc/subgid': 'me:100000:65536\n',
      },
      choices: { user: 'me' },
    });
    expect(lines(await podman.plan(bench))).toEqual(['usermod --add-subuids 165536-231071 me']);
    expect((await podman.check(bench)).done).toBe(false);
  });

  it('tt-metalium runs the image of its version', async () => {
    const bench = await memoryBench();
    const [work] = await metalium.plan(bench);
    expect(work?.kind === 'write' && work.text).toContain(`:${releasedVersions().metalium?.tag} `);
  });

  it('SFPI comes for the architecture, and takes nobody’s place', async () => {
    const bench = await memoryBench({
      files: { '/opt/tenstorrent/sfpi/compiler/bin/x': '' },
      machine: { arch: 'aarch64' },
    });
    const printed = lines(await sfpi.plan(bench));
    expect(printed[0]).toContain('aarch64_debian.txz');
    expect(printed).toContain('make sure: /opt/tenstorrent/sfpi is free');
  });

  it('kernel options are written once', async () => {
    const options = ['HWMON', 'DMA_SHARED_BUFFER'];
    const set = ['HWMON', 'SYNC_FILE'];
    const kernelsWithout = [{ release: '6.12.1-gentoo-dist', options, set, dist: true }];
    const bench = await memoryBench({ files: GENTOO, facts: { kernelsWithout } });
    // DMA_SHARED_BUFFER has no prompt of its own: kconfig would leave it out again.
    expect(lines(await kernelOptions.plan(bench)).slice(-2)).toEqual([
      '    CONFIG_HWMON=y',
      '    CONFIG_SYNC_FILE=y',
    ]);
    const written = 'CONFIG_HWMON=m\nCONFIG_SYNC_FILE=y\n';
    bench.host.put({ '/etc/kernel/config.d/50-tenstorrent.config': written });
    expect((await kernelOptions.check(bench)).done).toBe(true);
  });
});
