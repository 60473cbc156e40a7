// What each step looks at and would do, as a dry run prints it.
import { describe, expect, it } from 'vitest';
import { driver } from '../../../src/bootstrap/steps/driver.ts';
import { metalium, podman, sfpi } from '../../../src/bootstrap/steps/extras.ts';
import { firmware } from '../../../src/bootstrap/steps/firmware.ts';
import { inferenceServer } from '../../../src/bootstrap/steps/inference.ts';
import { kernelOptions } from '../../../src/bootstrap/steps/kernel-options.ts';
import { tool } from '../../../src/bootstrap/steps/tools.ts';
import { releasedVersions } from '../../../src/bootstrap/versions.ts';
import { driverSource } from '../support/machines.ts';
import { type BenchOptions, GENTOO, lines, memoryBench } from './bench.ts';

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

  it.each([
    ['the hugepages lack something', 0, [{ kind: 'allocateHugepages', text: 'allocate' }], 'current'],
    ['a kernel waits for its build tree', 1, [], 'waiting'],
  ])('is there where only %s', async (_, code, steps, state) => {
    const status = { kernels: [{ release: '6.1', module: { state } }] };
    const answer = async () => ({ code, stdout: JSON.stringify({ steps, status }), stderr: '' });
    const bench = await memoryBench({ files, hands: { ask: answer } });
    expect((await driver.check(bench)).done).toBe(true);
  });

  it('says which kernels are left without it, and why', async () => {
    const kernels = [
      { release: '6.18', module: { state: 'current', reason: null } },
      { release: '6.12', module: { state: 'unsupported', reason: 'no key signs for it' } },
      { release: '6.1', module: { state: 'waiting' } },
    ];
    const answer = async () => ({
      code: 1,
      stdout: JSON.stringify({ steps: [], status: { kernels } }),
      stderr: '',
    });
    const bench = await memoryBench({ files, hands: { ask: answer } });
    expect(await driver.check(bench)).toEqual({
      done: true,
      why: 'every kernel that can have it has it, but not 6.12 (no key signs for it), nor 6.1',
    });
  });

  it('that did not build is tried again by the name of the kernel', async () => {
    const failed = async () => ({
      code: 0,
      stdout: '{"steps":[],"status":{"kernels":[{"release":"6.1","module":{"state":"failed"}}]}}',
      stderr: '',
    });
    const bench = await memoryBench({ files, hands: { ask: failed } });
    expect(await driver.check(bench)).toEqual({
      done: false,
      why: 'it did not build for 6.1; ttkmdctl status tells why',
      bearable: false,
    });
    expect(lines(await driver.plan(bench))).toEqual(['ttkmdctl reconcile --kernel 6.1']);
  });
});

describe('the tools', () => {
  const smi = tool('tt-smi');
  const version = releasedVersions().tools['tt-smi'];
  const pipx =
    'PIPX_HOME=/opt/ttkmd/pipx PIPX_BIN_DIR=/usr/local/bin PIPX_MAN_DIR=/opt/ttkmd/pipx/man PIP_NO_CACHE_DIR=1 pipx install';
  const environment = '/opt/ttkmd/pipx/venvs/tt-smi';
  const there = (one: string) => ({
    [`${environment}/lib/python3.13/site-packages/tt_smi-${one}.dist-info/METADATA`]: '',
    [`${environment}/bin/python`]: { link: '/usr/bin/python3.13' },
    '/usr/bin/python3.13': '',
    '/usr/local/bin/tt-smi': '',
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

  it.each<[string, Record<string, object>, string, string[]]>([
    // Portage takes an old Python off, and with it what all environments that were made of it run by.
    [
      'whose Python is gone are made anew',
      { [`${environment}/bin/python`]: { link: '/usr/bin/python3.12' } },
      `the Python that tt-smi ${version} was installed with is gone`,
      [`rm -rf ${environment}`, `${pipx} --force tt-smi==${version}`],
    ],
    // Debian's virtual environments lead to /usr/bin/python3, whichever that is.
    [
      'that were installed with another Python are, too',
      {
        [`${environment}/bin/python`]: { link: '/usr/bin/python3' },
        '/usr/bin/python3': { link: 'python3.14' },
        '/usr/bin/python3.14': {},
      },
      `the Python that tt-smi ${version} was installed with is gone`,
      [`rm -rf ${environment}`, `${pipx} --force tt-smi==${version}`],
    ],
    [
      'without their command get it',
      { '/usr/local/bin/tt-smi': { link: '/nowhere' } },
      `tt-smi ${version} is there, and its command is not`,
      [`${pipx} --force tt-smi==${version}`],
    ],
  ])('%s', async (_, changed, why, expected) => {
    const bench = await memoryBench({ files: { ...there(version ?? ''), ...changed } });
    expect(await smi.check(bench)).toEqual({ done: false, why });
    expect(lines(await smi.plan(bench))).toEqual(expected);
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

  it('tt-inference-server is unpacked for whoever called sudo, with a command that runs it there', async () => {
    const inference = {
      version: '0.9.0',
      url: 'https://github.com/t/i/archive/v0.9.0.tar.gz',
      sha256: 'c'.repeat(64),
    };
    const bench = await memoryBench({
      versions: { ...releasedVersions(), inference },
      choices: { user: 'me' },
    });
    const printed = lines(await inferenceServer.plan(bench));
    expect(printed.slice(0, 8)).toEqual([
      `download ${inference.url} to /var/cache/ttkmd/i-v0.9.0.tar.gz, with the SHA-256 ${inference.sha256}`,
      'rm -rf /opt/tenstorrent/.tt-inference-server',
      'mkdir -p /opt/tenstorrent/.tt-inference-server',
      'tar --extract --file /var/cache/ttkmd/i-v0.9.0.tar.gz --directory /opt/tenstorrent/.tt-inference-server --no-same-owner --strip-components=1',
      'write /opt/tenstorrent/.tt-inference-server/.ttkmd-version:',
      '    0.9.0',
      'chown -R me: /opt/tenstorrent/.tt-inference-server',
      'mv -T /opt/tenstorrent/.tt-inference-server /opt/tenstorrent/tt-inference-server',
    ]);
    expect(printed).toContain('write /usr/local/bin/tt-inference-server:');
    expect((await inferenceServer.check(bench)).done).toBe(false);
  });

  it('tt-inference-server without a known checksum is refused', async () => {
    const [insist] = await inferenceServer.plan(await memoryBench());
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

  it.each<[string, Record<string, string>, object[]]>([
    ['makes no copy', { '/etc/subuid-': '' }, []],
    // usermod keeps what was there before it.
    ['makes one', {}, [{ kind: 'tree', path: '/etc/subuid-' }]],
  ])('podman takes ids back, where usermod %s', async (_, files, copies) => {
    const bench = await memoryBench({
      files: { ...GENTOO, '/etc/subuid': '', '/etc/subgid': 'me:1:1\n', ...files },
      choices: { user: 'me' },
    });
    const works = (await podman.plan(bench)).filter((work) => work.kind === 'run');
    const argv = ['usermod', '--del-subuids', '100000-165535', 'me'];
    expect(await works.at(-1)?.undo?.()).toEqual([...copies, { kind: 'run', argv }]);
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
