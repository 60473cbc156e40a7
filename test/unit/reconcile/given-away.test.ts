// Cards that another driver has, or that are kept for one: they are shown, and nothing is done, demanded or missed for them.
import { describe, expect, it } from 'vitest';
import { renderStatus } from '../../../src/cli/render-status.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { judge } from '../../../src/reconcile/judge.ts';
import { cardsOf } from '../../../src/reconcile/look.ts';
import { observeEarly } from '../../../src/reconcile/observe-early.ts';
import { statusDocument } from '../../../src/reconcile/status-document.ts';
import { type Card, card, loaded } from '../support/cards.ts';
import { NOT_MOUNTED, numaNode } from '../support/hugepages.ts';
import {
  current,
  driverSource,
  type Files,
  inShort,
  judgeHost,
  machine,
  planHost,
} from '../support/machines.ts';

const PLAIN: Terminal = { width: 100, live: false, style: (_, text) => text, line() {}, raw() {} };

const A = '6.12.58-gentoo-dist';
const [ONE, TWO] = ['0000:01:00.0', '0000:02:00.0'];
const READY: Files = { ...current(A, '2.9.0'), ...driverSource('2.9.0'), ...numaNode(0), ...NOT_MOUNTED };
const AWAY: Card = { device: 'b140', driver: 'vfio-pci' };
/** As driverctl does it: nothing has taken it yet, and only that driver may. */
const KEPT: Card = { device: 'b140', override: 'vfio-pci' };

const hostWith = (files: Files) => machine({ ...READY, ...files }, { machine: { runningRelease: A } });

describe.each<[string, Card]>([
  ['given to vfio-pci', AWAY],
  ['kept for vfio-pci', KEPT],
])('a card that is %s', (_, given) => {
  const alone = card(ONE, given);
  const beside = { ...card(ONE, { device: 'b140', driver: 'tenstorrent', number: 0 }), ...card(TWO, given) };

  it('has nothing loaded, and no pages, where it is the only one', async () => {
    const host = hostWith(alone);
    expect(inShort(await planHost(host, { trigger: 'boot' }))).toEqual([]);
    const { health, problems, hugepages } = await judgeHost(host);
    expect({ health, problems }).toEqual({ health: 'ok', problems: [] });
    expect(hugepages?.demand).toMatchObject({ total: 0, why: 'every device is given to another driver' });
  });

  it('has no pages early at boot either', async () => {
    const host = hostWith(alone);
    const { config } = loadConfig(host.fs);
    const seen = await observeEarly(host, { config, warnings: [] });
    expect(judge(seen).hugepages?.demand.total).toBe(0);
  });

  it('takes nothing away from the other one', async () => {
    const host = hostWith({ ...beside, ...loaded(0) });
    expect(inShort(await planHost(host, { trigger: 'boot' }))).toEqual([
      'allocate 4 of 4 on 0',
      'mount /dev/hugepages-1G',
    ]);
    const { problems, hugepages } = await judgeHost(host);
    expect(problems.map(({ code }) => code)).toEqual(['hugepages-short', 'hugepages-not-mounted']);
    expect(hugepages?.demand.notes).toEqual([
      '1 device is given to another driver: no pages are counted for it',
    ]);
  });

  it('is missed by nobody while the other one waits for its driver', async () => {
    const host = hostWith({ ...beside, ...card(ONE, { device: 'b140' }) });
    host.fs.remove(`/sys/bus/pci/devices/${ONE}/driver`);
    expect(inShort(await planHost(host, { trigger: 'boot' })).at(-1)).toBe(`load ${A}`);
  });

  it('is shown as such, in one line', async () => {
    const host = hostWith({ ...beside, ...loaded(0) });
    const judgement = await judgeHost(host, 'always');
    const lines = renderStatus(judgement, undefined, cardsOf(host, judgement), PLAIN);
    const at = lines.findIndex((line) => line.includes('  devices '));
    expect(lines.slice(at, at + 2)).toEqual([
      '  devices    2 (2 × Blackhole), nobody holds them',
      `             ${TWO} is given to vfio-pci, and left to it`,
    ]);
    const document = statusDocument(judgement, undefined, cardsOf(host, judgement));
    expect(document).toMatchObject({
      devices: [{ givenTo: null }, { address: TWO, driver: given.driver ?? null, givenTo: 'vfio-pci' }],
    });
  });
});

it('many of them are counted', async () => {
  const host = hostWith({ ...card(ONE, AWAY), ...card(TWO, { ...AWAY, driver: 'pci-stub' }), ...loaded(0) });
  const judgement = await judgeHost(host, 'always');
  const lines = renderStatus(judgement, undefined, cardsOf(host, judgement), PLAIN);
  expect(lines.join('\n')).toContain('2 are given to vfio-pci and pci-stub, and left to them');
  expect(judgement.health).toBe('ok');
});

it('an override for our own driver, or for none, gives nothing away', async () => {
  for (const override of ['tenstorrent', '(null)']) {
    const host = hostWith(card(ONE, { device: 'b140', override }));
    expect(inShort(await planHost(host, { trigger: 'boot' })).at(-1)).toBe(`load ${A}`);
  }
});
