// A tree that somebody writes to all the time: looked at ever more rarely, told, and built in the end.
import { describe, expect, it } from 'vitest';
import { digest } from '../../../src/reconcile/digest.ts';
import { cardsOf } from '../../../src/reconcile/look.ts';
import type { Report } from '../../../src/reconcile/reconcile.ts';
import { statusDocument } from '../../../src/reconcile/status-document.ts';
import { driverSource, type Files, gentooKernel, judgeHost, machine, NOW } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import type { ExecFunction } from '../support/scripted-exec.ts';
import { workingDkms } from '../support/working-dkms.ts';

const RELEASE = '6.12.1-gentoo-dist';
const TREE = `/usr/src/linux-${RELEASE}`;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** A machine where somebody wrote to a folder half a second ago, whenever that is asked. */
function writtenTo(folder: () => string | undefined, files: Files = {}): MemoryHost {
  const exec: ExecFunction = (call, host) => {
    if (call.command !== 'find') return workingDkms(call, host);
    return call.args.includes(folder() ?? '') ? `${(host.clock.now() - 500) / SECOND}\n` : '';
  };
  return machine({ ...gentooKernel(RELEASE), ...driverSource('2.9.0'), ...files }, { exec });
}

const watch = (host: MemoryHost): Promise<Report> => runReconcile(host, { trigger: 'watch' });

/** Looks as often as each look says, for so many milliseconds. @returns how long after the first each look was */
async function looks(host: MemoryHost, until: number): Promise<number[]> {
  const times: number[] = [];
  while (host.clock.now() - NOW < until) {
    times.push(host.clock.now() - NOW);
    const report = await watch(host);
    const { again } = digest(report.after, report);
    if (again === undefined) break;
    host.clock.advance(again);
  }
  return times;
}

function waitsOf(report: Report): string[] {
  return report.steps.flatMap((step) => (step.kind === 'wait' ? [step.why] : []));
}

describe('what is written to all the time', () => {
  it('is looked at after the settle time, then ever more rarely, and is built after an hour', async () => {
    const host = writtenTo(() => TREE);
    const times = await looks(host, 2 * 60 * MINUTE);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(gaps[0]).toBe(2500);
    expect(Math.max(...gaps)).toBe(5 * MINUTE);
    expect(times.length).toBeLessThan(25);
    expect(times.at(-1)).toBeGreaterThanOrEqual(60 * MINUTE);
    expect(times.at(-1)).toBeLessThan(66 * MINUTE);
    expect((await judgeHost(host)).kernels.map(({ state }) => state)).toEqual(['current']);
  });

  it('is built within an hour too where it is the driver source, and then waits for as long again', async () => {
    const host = writtenTo(() => '/usr/src/tenstorrent-2.9.0');
    await looks(host, 2 * 60 * MINUTE);
    expect((await judgeHost(host)).kernels.map(({ state }) => state)).toEqual(['current']);
    host.put(driverSource('2.9.0', { code: 'other' }));
    expect(waitsOf(await watch(host))).toEqual(['what it would be built from is still being written']);
  });

  it('is built at once where it comes to rest, and nothing is remembered of it', async () => {
    let folder: string | undefined = TREE;
    const host = writtenTo(() => folder);
    await watch(host);
    host.clock.advance(30 * MINUTE);
    folder = undefined;
    expect((await watch(host)).after.kernels.map(({ state }) => state)).toEqual(['current']);
    await host.fs.removeTree(`/lib/modules/${RELEASE}/kernel/extra`);
    folder = TREE;
    host.clock.advance(40 * MINUTE);
    expect((await watch(host)).after.kernels.map(({ state }) => state)).not.toEqual(['current']);
  });

  it('is looked at as rarely while it is not ready, and its hour begins when it is', async () => {
    const conf = `${TREE}/include/config/auto.conf`;
    const host = writtenTo(() => TREE);
    const text = host.fs.readText(conf) ?? '';
    host.fs.remove(conf);
    expect((await looks(host, 2 * 60 * MINUTE)).length).toBeLessThan(40);
    host.fs.write(conf, text);
    expect(waitsOf(await watch(host))).toEqual(['what it would be built from is still being written']);
  });

  it('is told with the time since when, and with what to do', async () => {
    const host = writtenTo(() => TREE);
    await watch(host);
    host.clock.advance(25 * MINUTE);
    const judgement = await judgeHost(host);
    expect(judgement.problems).toMatchObject([
      {
        code: 'module-missing',
        message: `${RELEASE}: the driver is not built for it yet, since somebody has been writing to ${TREE} for 25 min`,
        hint: `it is built once that has ended, or after 60 min of it; at once, as root: ttkmdctl reconcile --kernel ${RELEASE}`,
      },
    ]);
    expect(statusDocument(judgement, undefined, cardsOf(host, judgement))).toMatchObject({
      kernels: [{ module: { restless: { path: TREE, since: new Date(NOW).toISOString() } } }],
    });
    // A person is not made to wait.
    expect((await runReconcile(host, { only: RELEASE })).outcome).toBe('done');
    expect((await judgeHost(host)).problems).toEqual([]);
  });

  it.each<[string, string]>([
    ['no JSON', 'what is this'],
    ['another form', '{"6.12.1-gentoo-dist": 7}'],
    ['a time to come', `{"${RELEASE}": {"since": ${NOW + 10 * MINUTE}, "path": "${TREE}", "ready": true}}`],
  ])('begins anew where what was remembered is of no use: %s', async (_, text) => {
    const host = writtenTo(() => TREE, { '/run/ttkmd/restless.json': text });
    const report = await watch(host);
    expect(digest(report.after, report).again).toBe(2500);
  });
});
