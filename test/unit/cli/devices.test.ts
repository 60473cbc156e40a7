// The devices on the screen: a block for each, the line of `status`, and both as JSON.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { devicesText, renderDevice } from '../../../src/cli/render-devices.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { type Cards, observeCards } from '../../../src/driver/device-details.ts';
import { observeDevices } from '../../../src/driver/devices.ts';
import type { LoadedDriver } from '../../../src/driver/driver.ts';
import { observeLoaded } from '../../../src/driver/loaded.ts';
import { cardsOf } from '../../../src/reconcile/look.ts';
import { statusDocument } from '../../../src/reconcile/status-document.ts';
import { card, loaded, N300, P150A, processFiles } from '../support/cards.ts';
import { judgeHost, machine } from '../support/machines.ts';
import { type FileSpec, memoryHost } from '../support/memory-host.ts';

type Files = Record<string, FileSpec>;

const A = '0000:01:00.0';
const B = '0000:41:00.0';
const ID = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef';
const BLACKHOLE = {
  device: 'b140',
  driver: 'tenstorrent',
  number: 0,
  attributes: P150A,
  byId: 'blackhole-00A1B2C3D4E5F607',
  numaNode: 0,
  iommu: 'DMA-FQ',
};
const WORMHOLE = {
  device: '401e',
  driver: 'tenstorrent',
  number: 1,
  attributes: N300,
  numaNode: 1,
  iommu: 'identity',
};
const PASSWD = 'root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n';

function holds(
  pid: number,
  number: number,
  cgroup = '0::/user.slice/user-1000.slice/session-3.scope',
): Files {
  return processFiles(pid, 'python3', 1000, { 'fd/3': { link: `/dev/tenstorrent/${number}` } }, cgroup);
}

function terminal(width = 200): Terminal {
  return { width, live: false, style: (_, text) => text, line() {}, raw() {} };
}

function seen(files: Files, effectiveUser = 0): [Cards, LoadedDriver | undefined] {
  const host = memoryHost({ files: { '/etc/passwd': PASSWD, ...files }, machine: { effectiveUser } });
  return [observeCards(host, observeDevices(host.fs, [])), observeLoaded(host.fs)];
}

/** The block of the first device. */
function block(files: Files, options: { width?: number; user?: number } = {}): string[] {
  const [cards, driver] = seen(files, options.user);
  const [device] = cards.devices;
  return device === undefined ? [] : renderDevice(device, cards, driver, terminal(options.width));
}

describe('a block', () => {
  it('says all that is known', () => {
    const server = holds(4712, 0, `0::/system.slice/docker-${ID}.scope`);
    expect(
      block({ ...card(A, BLACKHOLE), ...loaded(2), ...holds(4711, 0), ...server, ...holds(5, 1) }),
    ).toEqual([
      '0000:01:00.0  Blackhole p150a',
      '  driver     tenstorrent 2.9.0',
      '  node       /dev/tenstorrent/0',
      '             /dev/tenstorrent/by-id/blackhole-00A1B2C3D4E5F607',
      '  NUMA node  0',
      '  IOMMU      translates its addresses',
      '  firmware   18.10.0.0',
      '             M3 application 0.15.0.0',
      '  serial     0000040211600001',
      '  held by    python3 (pid 4711, alice, session 3)',
      '             python3 (pid 4712, alice, docker container 0123456789ab)',
    ]);
  });

  it.each<[string, Files, string[]]>([
    [
      'the driver is not loaded',
      card(A, { device: 'b140' }),
      [
        '0000:01:00.0  Blackhole',
        '  driver     none: tenstorrent is not loaded',
        '             → see why, and what to do: ttkmdctl status',
        '  NUMA node  not told',
        '  IOMMU      none',
      ],
    ],
    [
      'the driver did not take it',
      { ...card(A, { device: 'b140' }), ...loaded(0) },
      [
        '0000:01:00.0  Blackhole',
        '  driver     none: tenstorrent 2.9.0 is loaded and did not take it',
        '             → see what it says: dmesg | grep -i tenstorrent',
        '  NUMA node  not told',
        '  IOMMU      none',
      ],
    ],
    [
      'no driver of today takes it',
      card(A, { device: 'faca' }),
      [
        '0000:01:00.0  Grayskull',
        '  driver     none: Grayskull is driven by tenstorrent before 2.2.0 alone',
        '  NUMA node  not told',
        '  IOMMU      none',
      ],
    ],
    [
      'a virtual machine has it',
      { ...card(A, { device: 'feed', driver: 'vfio-pci', iommu: 'DMA' }), ...loaded(0) },
      [
        '0000:01:00.0  Device feed',
        "  driver     vfio-pci, which is not Tenstorrent's: ttkmd leaves the device to it",
        '  NUMA node  not told',
        '  IOMMU      translates its addresses',
      ],
    ],
    [
      'it is kept for a virtual machine',
      card(A, { device: 'b140', override: 'vfio-pci' }),
      [
        '0000:01:00.0  Blackhole',
        '  driver     none: it is kept for vfio-pci (driver_override), and ttkmd leaves it to that',
        '  NUMA node  not told',
        '  IOMMU      none',
      ],
    ],
  ])('says what to do: %s', (_, files, expected) => {
    expect(block(files)).toEqual(expected);
  });

  it('names nobody who is not there, and says who may see more', () => {
    const files = { ...card(A, BLACKHOLE), ...loaded(1), ...holds(4711, 0) };
    expect(block({ ...card(A, BLACKHOLE), ...loaded(0) }).at(-1)).toBe('  held by    nobody');
    expect(block(files, { user: 1000 }).slice(-3)).toEqual([
      '  held by    python3 (pid 4711, alice, session 3)',
      '             nobody else that can be seen here',
      '             → root, outside of containers, sees all',
    ]);
    expect(block(files, { user: 7 }).at(-2)).toBe('  held by    nobody that can be seen here');
  });

  it.each([40, 60, 80])(
    'is no wider than a terminal of %i columns, but for what is to be copied',
    (width) => {
      const files = {
        ...card(A, { ...BLACKHOLE, device: '401e', attributes: N300 }),
        ...loaded(1),
        ...holds(4711, 0, `0::/docker/${ID}`),
      };
      for (const line of block(files, { width })) {
        if (!line.includes('/dev/')) expect(line.length, line).toBeLessThanOrEqual(width);
      }
    },
  );
});

describe('the line of them all', () => {
  const two = { ...card(A, BLACKHOLE), ...card(B, WORMHOLE) };
  it.each<[string, Files, string]>([
    ['none', {}, 'none found'],
    [
      'nothing loaded',
      { ...card(A, { device: 'b140' }), ...card(B, { device: '401e' }) },
      '2 (Blackhole, Wormhole)',
    ],
    ['one free', { ...card(A, BLACKHOLE), ...loaded(0) }, '1 (Blackhole p150a), nobody holds it'],
    ['two free', { ...two, ...loaded(0) }, '2 (Blackhole p150a, Wormhole n300), nobody holds them'],
    [
      'one held',
      { ...two, ...loaded(1), ...holds(7, 1) },
      '2 (Blackhole p150a, Wormhole n300), held by python3 (pid 7, alice, session 3)',
    ],
    [
      'held by many',
      { ...card(A, BLACKHOLE), ...loaded(3), ...holds(7, 0), ...holds(8, 0), ...holds(9, 0) },
      '1 (Blackhole p150a), held by 3 processes, see: ttkmdctl devices',
    ],
    [
      'held by what is no process',
      { ...card(A, BLACKHOLE), ...loaded(1) },
      '1 (Blackhole p150a), in use, by what is no process',
    ],
    [
      'a Galaxy',
      {
        ...card(A, { ...WORMHOLE, attributes: { tt_card_type: 'galaxy-wormhole' } }),
        ...card(B, { ...WORMHOLE, number: 2, attributes: { tt_card_type: 'galaxy-wormhole' } }),
        ...loaded(0),
      },
      '2 (2 × Wormhole Galaxy), nobody holds them',
    ],
    ['given away', { ...card(A, { device: 'b140', driver: 'vfio-pci' }), ...loaded(0) }, '1 (Blackhole)'],
  ])('%s', (_, files, text) => {
    const [cards, driver] = seen(files);
    expect(devicesText(cards, driver)).toBe(text);
  });

  it('does not claim to know what this user may not see', () => {
    const files = { ...card(A, BLACKHOLE), ...loaded(2), ...holds(7, 0), ...processFiles(8, 'x', 0) };
    expect(devicesText(...seen(files, 7))).toBe(
      '1 (Blackhole p150a), in use, and by whom cannot be seen here',
    );
    expect(devicesText(...seen(files, 1000))).toBe(
      '1 (Blackhole p150a), held by python3 (pid 7, alice, session 3), and maybe by others',
    );
  });
});

describe('the document of `status`', () => {
  const files = {
    ...card(A, BLACKHOLE),
    ...card(B, { device: 'faca' }),
    ...loaded(1),
    ...holds(7, 0),
    '/etc/passwd': PASSWD,
  };

  it('has each device in full, and the holders with the driver', async () => {
    const host = machine(files, { machine: { runningRelease: '6.12.58-gentoo-dist' } });
    const judgement = await judgeHost(host, 'always');
    expect(statusDocument(judgement, undefined, cardsOf(host, judgement))).toMatchObject({
      driver: {
        loaded: '2.9.0',
        holdersComplete: true,
        holders: [
          {
            pid: 7,
            name: 'python3',
            user: 'alice',
            deviceNodes: ['/dev/tenstorrent/0'],
            belongs: { kind: 'session', name: '3', runtime: null },
          },
        ],
      },
      devices: [
        {
          address: A,
          family: 'blackhole',
          driver: 'tenstorrent',
          card: 'p150a',
          numaNode: 0,
          iommu: 'translates',
          deviceNode: '/dev/tenstorrent/0',
          byId: '/dev/tenstorrent/by-id/blackhole-00A1B2C3D4E5F607',
          serial: '0000040211600001',
          asicId: '00A1B2C3D4E5F607',
          firmware: { bundle: '18.10.0.0', m3app: '0.15.0.0' },
          holders: [7],
        },
        {
          address: B,
          family: 'grayskull',
          driver: null,
          card: null,
          numaNode: null,
          iommu: 'none',
          deviceNode: null,
          byId: null,
          holders: [],
        },
      ],
    });
  });

  it('says nothing of the machine around a chroot', async () => {
    const host = machine(files, { machine: { runningRelease: undefined, chrooted: true } });
    const judgement = await judgeHost(host);
    expect(statusDocument(judgement, undefined, cardsOf(host, judgement))).toMatchObject({
      devices: [],
      driver: { holders: [] },
    });
  });
});

describe('ttkmdctl devices', () => {
  const MAIN = join(import.meta.dirname, '../../../src/main.ts');
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'devices-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function run(...args: string[]): { stdout: string; stderr: string; status: number | null } {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [MAIN, '--root', root, 'devices', ...args],
      { encoding: 'utf8' },
    );
    return { stdout, stderr, status };
  }

  function put(files: Files): void {
    for (const [path, spec] of Object.entries(files)) {
      const place = join(root, path);
      mkdirSync(dirname(place), { recursive: true });
      if (typeof spec === 'string') writeFileSync(place, spec);
      else if (spec.link !== undefined) symlinkSync(spec.link, place);
      else writeFileSync(place, '');
    }
  }

  it('says in a sentence that none is here, and that nothing can be seen', () => {
    expect(run()).toEqual({
      stdout: 'no device can be seen: there is no /sys/bus/pci/devices\n',
      stderr: '',
      status: 0,
    });
    mkdirSync(join(root, 'sys/bus/pci/devices'), { recursive: true });
    expect(run()).toEqual({ stdout: 'no Tenstorrent device is here\n', stderr: '', status: 0 });
    expect(JSON.parse(run('--json').stdout)).toEqual({
      schema: 1,
      devices: [],
      holders: [],
      holdersComplete: true,
    });
  });

  it('shows the cards of another root, with an empty line between them', () => {
    put({ ...card(A, BLACKHOLE), ...card(B, { ...WORMHOLE, attributes: {} }) });
    const { stdout, status } = run();
    expect(status).toBe(0);
    expect(stdout.split('\n\n').map((text) => text.split('\n')[0])).toEqual([
      `${A}  Blackhole p150a`,
      `${B}  Wormhole`,
    ]);
    expect(JSON.parse(run('--json').stdout)).toMatchObject({
      devices: [
        { deviceNode: '/dev/tenstorrent/0', byId: '/dev/tenstorrent/by-id/blackhole-00A1B2C3D4E5F607' },
        { card: null },
      ],
    });
  });

  it('tells of settings that it could not use, and shows what it can', () => {
    put({ ...card(A, BLACKHOLE), '/etc/ttkmd/ttkmd.conf': '[devices]\nextra = nonsense\n' });
    const { stdout, stderr, status } = run();
    expect([stderr, status]).toEqual([expect.stringMatching(/^\/etc\/ttkmd\/ttkmd\.conf:2: /), 0]);
    expect(stdout).toContain('Blackhole p150a');
  });
});
