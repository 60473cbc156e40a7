// What the doctor says of what it sees, and what a report leaves out.
import { describe, expect, it } from 'vitest';
import { makeBundle, withoutSecrets } from '../../../src/bootstrap/bundle.ts';
import { diagnose } from '../../../src/bootstrap/doctor.ts';
import { type DoctorFacts, observeForDoctor } from '../../../src/bootstrap/doctor-facts.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { numaNode } from '../support/hugepages.ts';
import { memoryHost } from '../support/memory-host.ts';

const CARD = {
  address: '0000:41:00.0',
  family: 'blackhole',
  driver: 'tenstorrent',
  node: 0,
  iommu: 'none',
} as const;
const SERVICE = {
  role: 'daemon',
  name: 'ttkmd',
  installed: true,
  enabled: true,
  masked: false,
  running: 'running',
} as const;
const SMI = { name: 'tt-smi', installed: true, version: '6.1.0', said: '6.1.0' };

const PAGES = {
  demand: 4,
  why: '4 for one card',
  total: 4,
  free: 2,
  mounted: true,
  folder: '/dev/hugepages-1G',
  lack: undefined,
};

const GOOD: DoctorFacts = {
  commands: { dkms: true },
  devices: [CARD],
  health: 'ok',
  healthWhy: undefined,
  wanted: '2.10.0',
  loadedVersion: '2.10.0',
  loadable: true,
  hugepages: PAGES,
  bypasses: [],
  services: [SERVICE],
  tools: [SMI],
  seenBySmi: 1,
  containers: 'podman',
  containersSay: 'podman version 5.7.1',
};

describe('the doctor', () => {
  it.each<[string, Partial<DoctorFacts>, string[]]>([
    ['finds a good machine good', {}, []],
    ['misses dkms', { commands: { dkms: false } }, ['failure package dkms']],
    [
      'misses the card, which takes no hugepages then',
      { devices: [], hugepages: { ...PAGES, demand: 0, total: 0, mounted: false } },
      ['warning card'],
    ],
    [
      'misses the source',
      { wanted: undefined, loadedVersion: undefined },
      ['failure driver', 'failure module'],
    ],
    ['sees health that is not ok', { health: 'degraded', healthWhy: 'it did not build' }, ['warning driver']],
    ['sees health that failed', { health: 'failed' }, ['failure driver']],
    ['sees an older module loaded', { loadedVersion: '2.9.0' }, ['warning module']],
    ['sees none loaded', { loadedVersion: undefined }, ['failure module']],
    ['… and expects none in a chroot', { loadedVersion: undefined, loadable: false }, ['warning module']],
    [
      'misses hugepages and their mount',
      { hugepages: { ...PAGES, total: 0, mounted: false } },
      ['failure hugepages', 'failure hugepages mount'],
    ],
    ['misses some of the hugepages', { hugepages: { ...PAGES, total: 3 } }, ['warning hugepages']],
    [
      'sees a kernel without hugepages',
      { hugepages: { ...PAGES, total: 0, lack: { text: 'this kernel has none', hint: 'build it anew' } } },
      ['failure hugepages'],
    ],
    ['looks for none in a chroot', { hugepages: undefined }, []],
    ['sees ways around the hooks', { bypasses: ['x is not installed.'] }, ['failure hooks']],
    ['sees services that are off', { services: [{ ...SERVICE, enabled: false }] }, ['failure service ttkmd']],
    ['… that have failed', { services: [{ ...SERVICE, running: 'failed' }] }, ['failure service ttkmd']],
    [
      '… that are down or masked',
      {
        services: [
          { ...SERVICE, running: 'stopped' },
          { ...SERVICE, masked: true, enabled: false },
        ],
      },
      ['warning service ttkmd', 'warning service ttkmd'],
    ],
    ['sees no init', { services: undefined }, ['warning services']],
    [
      'sees a tool that does not start',
      { tools: [{ ...SMI, version: undefined, said: 'ModuleNotFoundError' }], seenBySmi: undefined },
      ['failure tt-smi'],
    ],
    [
      'misses a tool',
      { tools: [{ ...SMI, installed: false, version: undefined }], seenBySmi: undefined },
      ['warning tt-smi'],
    ],
    [
      'does not miss what comes by choice only',
      { tools: [SMI, { ...SMI, name: 'tt-topology', installed: false, version: undefined }] },
      [],
    ],
    [
      '… and sees it not start where it was chosen',
      { tools: [SMI, { ...SMI, name: 'tt-topology', version: undefined, said: 'ImportError' }] },
      ['failure tt-topology'],
    ],
    ['sees fewer cards than the bus has', { seenBySmi: 0 }, ['failure tt-smi sees the cards']],
    ['sees a runtime that does not start', { containersSay: undefined }, ['failure containers']],
  ])('%s', (_, change, expected) => {
    const wrong = diagnose({ ...GOOD, ...change }).filter(({ result }) => result !== 'ok');
    expect(wrong.map(({ result, check }) => `${result} ${check}`)).toEqual(expected);
    for (const { evidence, remedy } of wrong) expect([evidence, remedy]).not.toContain(undefined);
  });

  it('looks at what the machine shows', async () => {
    const files = {
      ...numaNode(0, { pages: 4, free: 3 }),
      '/etc/ttkmd/ttkmd.conf': '[hugepages]\nmount = /mnt/huge\n',
      '/proc/self/mountinfo':
        '40 30 0:35 / /mnt/huge rw,nosuid,nodev - hugetlbfs hugetlbfs rw,mode=777,pagesize=1024M\n',
      '/usr/local/bin/tt-smi': { mode: 0o755 },
      '/usr/local/bin/tt-topology': { mode: 0o755 },
      '/sys/bus/pci/devices/0000:41:00.0/vendor': '0x1e52\n',
      '/sys/bus/pci/devices/0000:41:00.0/device': '0xb140\n',
    };
    const answers: Record<string, string> = {
      'tt-smi --version': '6.1.0\n',
      'tt-smi -s --snapshot_no_tty': '{"device_info": [{"board_info": {"bus_id": "0000:41:00.0"}}]}',
    };
    const host = memoryHost({
      files,
      exec: ({ line }) => answers[line] ?? { code: 1, stderr: 'ImportError: no numpy\n' },
    });
    const facts = await observeForDoctor(host, { config: loadConfig(host.fs).config, configWarnings: [] });
    expect(facts).toMatchObject({
      hugepages: { demand: 4, total: 4, free: 3, mounted: true, folder: '/mnt/huge' },
      seenBySmi: 1,
      commands: { dkms: false },
      services: undefined,
      containers: undefined,
    });
    // What a tool keeps for its user is not left in root's home by whoever only looks.
    const started = host.exec.calls.filter(({ args }) => args.includes('--version'));
    expect(started.map(({ options }) => options?.env)).toEqual(
      started.map(() => ({ HOME: '/dev/null', PYTHONDONTWRITEBYTECODE: '1' })),
    );
    expect(facts.tools).toEqual([
      { name: 'tt-smi', installed: true, version: '6.1.0', said: '6.1.0' },
      { name: 'tt-flash', installed: false, version: undefined, said: '' },
      { name: 'tt-topology', installed: true, version: undefined, said: 'ImportError: no numpy' },
    ]);
  });
});

describe('the cards', () => {
  it.each([
    ['one that the settings name', { '0000:01:00.0': ['0x1234', '0x11e8'] }, '', ['0000:01:00.0']],
    ['one that is given to another driver', { '0000:02:00.0': ['0x1e52', '0xb140'] }, 'vfio-pci', []],
  ])('%s', async (_, cards, driver, expected) => {
    const files = Object.fromEntries(
      Object.entries(cards).flatMap(([address, [vendor, device]]) => {
        const folder = `/sys/bus/pci/devices/${address}`;
        return [
          [`${folder}/vendor`, `${vendor}\n`],
          [`${folder}/device`, `${device}\n`],
          ...(driver === '' ? [] : [[`${folder}/driver_override`, `${driver}\n`]]),
        ];
      }),
    );
    const settings = '[devices]\nextra = 1234:11e8=wormhole\n';
    const host = memoryHost({
      files: { ...files, '/etc/ttkmd/ttkmd.conf': settings },
      exec: () => ({ code: 1 }),
    });
    const facts = await observeForDoctor(host, { config: loadConfig(host.fs).config, configWarnings: [] });
    expect(facts.devices.map(({ address }) => address)).toEqual(expected);
  });
});

describe('a report', () => {
  it.each([
    ['https://user:pass@mirror.lan/x', 'https://…@mirror.lan/x'],
    ['key = "pkcs11:object=k?pin-value=47?11"', 'key = "pkcs11:object=k?pin-value=…'],
    ['GITHUB_TOKEN=ghp_abc', 'GITHUB_TOKEN=…'],
    ['"api_key": "abc"', '"api_key": …'],
    ['listens at 10.1.2.3, not 127.0.0.1', 'listens at ….….….…, not 127.0.0.1'],
    ['root=PARTUUID=12-ab quiet', 'root=PARTUUID=… quiet'],
    ['/home/me/tt-kmd', '/home/…/tt-kmd'],
    ['aa:bb:cc:dd:ee:ff', '…'],
    ['0000:41:00.0 at 2.10.0', '0000:41:00.0 at 2.10.0'],
  ])('leaves out what is secret in %s', (text, expected) => {
    expect(withoutSecrets(text)).toBe(expected);
  });

  it('has files, commands and the newest log', async () => {
    const files = {
      '/etc/os-release': 'ID=gentoo\n',
      '/var/log/ttkmd/bootstrap-2026-01-01T000000.log': 'old',
      '/var/log/ttkmd/bootstrap-2026-02-01T000000.log': 'new',
    };
    const text = await makeBundle(memoryHost({ files, exec: ({ line }) => `said ${line}` }), [
      { title: 'first', text: 'ok' },
    ]);
    expect(text).toContain('== first\nok\n');
    expect(text).toContain('== /etc/os-release\nID=gentoo\n');
    expect(text).toContain('said dkms status');
    expect(text).toContain('T000000.log\nnew\n');
    expect(text).not.toContain('old');
  });
});
