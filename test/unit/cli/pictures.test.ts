// README.md's pictures of the screens are what is printed today.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkHost, renderChecks } from '../../../src/cli/check-kernels.ts';
import { renderHugepages } from '../../../src/cli/hugepages.ts';
import { renderStatus } from '../../../src/cli/render-status.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { cardsOf } from '../../../src/reconcile/look.ts';
import { statusDocument } from '../../../src/reconcile/status-document.ts';
import { EMPTY_STATE, saveState } from '../../../src/state/state.ts';
import { card, loaded, N300 } from '../support/cards.ts';
import { mounted, numaNode, card as pagesCard } from '../support/hugepages.ts';
import {
  buildTree,
  current,
  driverSource,
  gentooKernel,
  judgeHost,
  machine,
  modulesFolder,
  NOW,
} from '../support/machines.ts';

const README = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8').split('\n');

const CALLS_HWMON = 'int probe(void)\n{\n\thwmon_device_register_with_info(dev, "tt", tt, &chip, NULL);\n}\n';
const SOURCE = {
  ...driverSource('2.9.0', { code: CALLS_HWMON }),
  '/usr/src/tenstorrent-2.9.0/Makefile': 'obj-m := module.o\n',
};
const WITH_HWMON = { options: 'CONFIG_HWMON=y\nCONFIG_DMA_SHARED_BUFFER=y\nCONFIG_HUGETLBFS=y\n' };
const WITHOUT_HWMON = { options: 'CONFIG_DMA_SHARED_BUFFER=y\nCONFIG_HUGETLBFS=y\n' };
const DAY = 24 * 60 * 60_000;

const TERMINAL: Terminal = { width: 114, live: false, style: (_, text) => text, line() {}, raw() {} };

/** What README.md shows below a command, without the indentation. */
function picture(command: string): string[] {
  const at = README.findIndex((line) => line.trim() === `$ ${command}`);
  expect(at, command).toBeGreaterThan(0);
  const indent = (README[at] ?? '').indexOf('$');
  const below = README.slice(at + 1);
  const end = below.findIndex((line) => line !== '' && line.search(/\S/) < indent);
  return below
    .slice(0, end)
    .map((line) => line.slice(indent))
    .join('\n')
    .trimEnd()
    .split('\n');
}

/** A machine with a card, whose newest kernel cannot have the driver. */
async function degraded() {
  const [running, fresh] = ['6.12.58-gentoo-dist', '6.12.60-gentoo-dist'];
  const host = machine(
    {
      ...current(running, '2.9.0'),
      ...gentooKernel(running, WITH_HWMON),
      ...gentooKernel(fresh, WITHOUT_HWMON),
      ...SOURCE,
      ...loaded(0),
      ...card('0000:01:00.0', {
        device: '401e',
        driver: 'tenstorrent',
        number: 0,
        attributes: N300,
        numaNode: 0,
      }),
      ...numaNode(0, { pages: 4 }),
      ...mounted(),
    },
    { machine: { runningRelease: running } },
  );
  const hash = (await judgeHost(host)).driver.source?.hash ?? '';
  saveState(host.fs, {
    ...EMPTY_STATE,
    modules: {
      [running]: {
        version: '2.9.0',
        sourceHash: hash,
        abiIdentity: undefined,
        abiHash: undefined,
        trigger: 'kernel-event',
        at: NOW - 3 * DAY,
        seconds: 9,
      },
    },
  });
  const judgement = await judgeHost(host);
  return { judgement, cards: cardsOf(host, judgement) };
}

it('of status', async () => {
  const { judgement, cards } = await degraded();
  expect(picture('ttkmdctl status')).toEqual(renderStatus(judgement, undefined, cards, TERMINAL));
});

it('of status --json, whose every field README.md tells of', async () => {
  const { judgement, cards } = await degraded();
  const section = README.slice(README.indexOf('### For programs'), README.indexOf('## Settings')).join('\n');
  const told = [...section.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => code?.match(/\w+/g) ?? []);
  const names = new Set<string>();
  JSON.stringify(statusDocument(judgement, undefined, cards), (key, value: unknown) => {
    if (!/^\d*$/.test(key)) names.add(key);
    return value;
  });
  expect(names.size).toBeGreaterThan(50);
  expect([...names].filter((name) => !told.includes(name))).toEqual([]);
});

it('of kernels check', () => {
  const release = '6.6.119-gentoo-tiny';
  const host = machine({
    ...modulesFolder(release),
    ...buildTree(`/usr/src/linux-${release}`, release, WITHOUT_HWMON),
    [`/lib/modules/${release}/build`]: { link: `/usr/src/linux-${release}` },
    ...SOURCE,
  });
  const { checked, version } = checkHost(host, loadConfig(host.fs).config, release);
  expect(picture(`ttkmdctl kernels check ${release}`)).toEqual(renderChecks(checked, version, TERMINAL));
});

it('of hugepages status', async () => {
  const host = machine(
    {
      ...current('6.12.58-gentoo-dist', '2.9.0'),
      ...pagesCard(1, 'blackhole', { node: 0 }),
      ...pagesCard(2, 'blackhole', { node: 1 }),
      ...numaNode(0, { pages: 3 }),
      ...numaNode(1, { pages: 4 }),
      ...mounted(),
      '/etc/default/grub': 'GRUB_CMDLINE_LINUX=""\n',
      '/boot/grub/grub.cfg': '',
    },
    { machine: { runningRelease: '6.12.58-gentoo-dist' } },
  );
  expect(picture('ttkmdctl hugepages status')).toEqual(renderHugepages(await judgeHost(host), TERMINAL));
});
