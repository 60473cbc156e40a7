// The units of Tenstorrent's own tools beside ours: they are named, with what to do, and left alone.
import { expect, it } from 'vitest';
import { card, mounted, numaNode } from '../support/hugepages.ts';
import { current, driverSource, type Files, judgeHost, machine, planHost } from '../support/machines.ts';

const A = '6.12.58-gentoo-dist';
const UNITS = '/usr/lib/systemd/system';
const MOUNT = 'dev-hugepages\\x2d1G.mount';
const READY: Files = {
  ...current(A, '2.9.0'),
  ...driverSource('2.9.0'),
  '/sys/module/tenstorrent/version': '2.9.0\n',
  ...numaNode(0, { pages: 4 }),
  ...card(1, 'blackhole', { node: 0 }),
  ...mounted(),
};
const SYSTEMD: Files = { '/run/systemd/system': { folder: true } };
const enabled = (name: string, target: string): Files => ({
  [`/etc/systemd/system/${target}.wants/${name}`]: { link: `${UNITS}/${name}` },
});
const SERVICE: Files = {
  [`${UNITS}/tenstorrent-hugepages.service`]: '[Unit]\n',
  ...enabled('tenstorrent-hugepages.service', 'sysinit.target'),
};
const THEIR_MOUNT: Files = {
  [`${UNITS}/${MOUNT}`]: '[Mount]\nWhere=/dev/hugepages-1G\n[Install]\nWantedBy=sysinit.target\n',
  ...enabled(MOUNT, 'sysinit.target'),
};

async function said(files: Files) {
  const host = machine({ ...READY, ...files }, { machine: { runningRelease: A } });
  const { health, problems } = await judgeHost(host);
  expect(await planHost(host)).toEqual([]);
  return { health, problems: problems.map(({ code, message, hint }) => `${code}: ${message} → ${hint}`) };
}

it.each<[string, Files, RegExp[]]>([
  [
    'the service',
    { ...SYSTEMD, ...SERVICE },
    [
      /^hugepages-upstream: tenstorrent-hugepages\.service is enabled .*systemctl disable tenstorrent-hugepages\.service$/,
    ],
  ],
  [
    'the service and the mount',
    { ...SYSTEMD, ...SERVICE, ...THEIR_MOUNT },
    [
      /tenstorrent-hugepages\.service and dev-hugepages\\x2d1G\.mount are enabled .*systemctl disable tenstorrent-hugepages\.service 'dev-hugepages\\x2d1G\.mount'$/,
    ],
  ],
  ['not where they are not enabled', { ...SYSTEMD, [`${UNITS}/tenstorrent-hugepages.service`]: '' }, []],
  [
    'not where the service is masked',
    { ...SYSTEMD, ...SERVICE, '/etc/systemd/system/tenstorrent-hugepages.service': { link: '/dev/null' } },
    [],
  ],
  [
    'not where it is gone, but for its link',
    { ...SYSTEMD, ...enabled('tenstorrent-hugepages.service', 'sysinit.target') },
    [],
  ],
  [
    'not for a unit that wants our mount',
    { ...SYSTEMD, [`${UNITS}/${MOUNT}`]: 'Documentation=man:ttkmdctl(8)\n', ...enabled(MOUNT, 'my.service') },
    [],
  ],
  ['not under another init', SERVICE, []],
  [
    'not where ttkmd leaves hugepages alone',
    { ...SYSTEMD, ...SERVICE, '/etc/ttkmd/ttkmd.conf': '[hugepages]\nmode = off\n' },
    [],
  ],
])('%s', async (_, files, expected) => {
  const { health, problems } = await said(files);
  expect(problems).toEqual(expected.map((text) => expect.stringMatching(text)));
  expect(health).toBe('ok');
});

it('is said where nothing is wanted, too: they would allocate pages all the same', async () => {
  const behindIommu = card(1, 'blackhole', { node: 0, iommu: 'DMA' });
  expect((await said({ ...SYSTEMD, ...SERVICE, ...behindIommu })).problems).toHaveLength(1);
});
