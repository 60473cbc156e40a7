// What brings the packages, as a dry run prints it.
import { describe, expect, it } from 'vitest';
import { halfWay } from '../../../src/bootstrap/steps/apt.ts';
import { packages } from '../../../src/bootstrap/steps/packages.ts';
import type { ExecFunction } from '../support/scripted-exec.ts';
import { type BenchOptions, DEBIAN, GENTOO, lines, memoryBench } from './bench.ts';

const LISTS = { '/var/lib/apt/lists/deb_Packages': '' };
const QUIET =
  'DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none apt-get --quiet --yes --no-install-recommends';
const APT = `${QUIET} install`;
const UPDATE = 'apt-get --quiet update';

import { EMERGE } from './bench.ts';

/** dpkg-query and apt-cache as they answer where these are installed and those can be had. */
function apt(installed: readonly string[], known: readonly string[], states = ''): ExecFunction {
  return ({ command, args }) => {
    if (command === 'dpkg-query' && args.length === 3) return states;
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
      'come from apt-get, after its lists',
      { files: DEBIAN, exec: apt(['kmod', 'util-linux'], []) },
      [UPDATE, `${APT} dkms`],
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
      [UPDATE, `${APT} dkms linux-headers-6.1.0-9-amd64 linux-headers-amd64`],
    ],
    [
      'come after what dpkg was killed in the middle of',
      {
        files: { ...DEBIAN, ...LISTS, '/var/lib/dpkg/updates/0012': '' },
        exec: apt(['kmod', 'util-linux'], ['dkms']),
      },
      [
        'DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none dpkg --configure --pending',
        UPDATE,
        `${APT} dkms`,
      ],
    ],
    [
      '… but for what it has ended itself',
      {
        files: { ...DEBIAN, ...LISTS, '/var/lib/dpkg/updates/tmp.i': '' },
        exec: apt(['kmod', 'util-linux'], ['dkms']),
      },
      [UPDATE, `${APT} dkms`],
    ],
    [
      'come after those that are half-installed, and after what is to be unpacked once more',
      {
        files: { ...DEBIAN, ...LISTS },
        exec: apt(['kmod', 'util-linux'], ['dkms'], 'ii \tpatch\niUR\tlsb-release\niHR\tlibx:amd64\n'),
      },
      [
        UPDATE,
        `${QUIET} --no-remove --fix-broken install`,
        `${QUIET} --reinstall install lsb-release libx:amd64`,
        `${APT} dkms`,
      ],
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
      [UPDATE, `${APT} git python3-venv`],
    ],
    [
      'are what unpacks a compiler, too',
      {
        files: { ...DEBIAN, ...LISTS },
        selected: ['sfpi'],
        exec: apt(['kmod', 'util-linux', 'dkms'], ['xz-utils']),
      },
      [UPDATE, `${APT} xz-utils`],
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
      '… but for what the admin has told Portage to take for installed',
      {
        files: {
          ...GENTOO,
          '/etc/portage/profile/package.provided': '# by hand\nsys-kernel/dkms-3.2.2 # ok\n',
        },
      },
      [],
    ],
    [
      '… in a file or in a folder of files',
      {
        files: {
          ...GENTOO,
          '/etc/portage/profile/package.provided/mine': 'sys-kernel/dkms-tools-3\n#sys-kernel/dkms-3\n',
          '/etc/portage/profile/package.provided/git': 'dev-vcs/git-2.50.0-r1',
        },
        choices: { kmdSource: 'https://x/y.git#v1' },
      },
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

describe('halfWay', () => {
  it.each<[string, boolean, string[]]>([
    ['', false, []],
    ['ii \tdkms\nrc \told\nun \tother\n', false, []],
    ['iU \tdkms\n', true, []],
    ['iF \tdkms\n', true, []],
    ['iH \tdkms\n', true, []],
    ['iHR\tlibc6:amd64\n', true, ['libc6:amd64']],
    ['iUR\tdkms\niFR\tpatch\n', true, ['dkms', 'patch']],
    // Triggers that are still to run stop nobody; what is to go or is on hold is for the admin.
    ['iW \tman-db\nit \tlibc-bin\n', false, []],
    ['rHR\tgone\npHR\tpurged\nhUR\theld\n', false, []],
    ['dpkg-query: something else\n', false, []],
  ])('%j', (lines, unfinished, damaged) => {
    expect(halfWay(lines)).toEqual({ unfinished, damaged });
  });
});
