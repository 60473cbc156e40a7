// What is kept between runs survives being cut off anywhere, and stays small.
import { describe, expect, it } from 'vitest';
import { BUILD_LOGS, buildLogPath, listBuildLogs, pruneBuildLogs } from '../../../src/state/build-logs.ts';
import { type HistoryEntry, readHistory, recordHistory } from '../../../src/state/history.ts';
import {
  announceRun,
  appendEvent,
  endRun,
  followEvents,
  type RunEvent,
  runUnderWay,
} from '../../../src/state/run.ts';
import { EMPTY_STATE, loadState, saveState } from '../../../src/state/state.ts';
import { memoryHost } from '../support/memory-host.ts';

const ENTRY: HistoryEntry = {
  at: 1,
  trigger: 'cli',
  step: 'build',
  release: '6.1',
  version: '2.9.0',
  outcome: 'done',
  seconds: 4,
  detail: 'built',
  log: undefined,
};
const STATE = '/var/lib/ttkmd/state.json';

describe('the state', () => {
  it('comes back as it was saved', () => {
    const { fs } = memoryHost();
    const state = { ...EMPTY_STATE, packages: { '6.1': 'sys-kernel/gentoo-kernel-6.1' } };
    saveState(fs, state);
    expect(loadState(fs)).toEqual(state);
  });
  it.each(['', '{', '[]', 'null', '{"schema":99,"modules":{"a":1}}'])(
    'is as good as none where it says %j',
    (text) => {
      expect(loadState(memoryHost({ files: { [STATE]: text } }).fs)).toEqual(EMPTY_STATE);
    },
  );
});

describe('the history', () => {
  it('keeps the newest entries and passes over what is none', () => {
    const { fs } = memoryHost({ files: { '/var/lib/ttkmd/history.jsonl': '{"half' } });
    for (let at = 0; at < 1005; at += 1) recordHistory(fs, { ...ENTRY, at });
    const entries = readHistory(fs);
    expect(entries).toHaveLength(1000);
    expect(entries.at(-1)?.at).toBe(1004);
  });
});

describe('build logs', () => {
  it('have names that tell kernel, version and time, and the oldest go first', () => {
    const { fs } = memoryHost();
    for (let second = 0; second < 5; second += 1) {
      fs.write(buildLogPath(Date.UTC(2026, 0, 1, 0, 0, second), '6.12.58-gentoo_x', '2.10.0-rc1'), 'log');
    }
    fs.write(`${BUILD_LOGS}/notes.txt`, 'an admin wrote this');
    pruneBuildLogs(fs, 2);
    expect(listBuildLogs(fs).map(({ release, version, at }) => [release, version, at])).toEqual([
      ['6.12.58-gentoo_x', '2.10.0-rc1', Date.UTC(2026, 0, 1, 0, 0, 3)],
      ['6.12.58-gentoo_x', '2.10.0-rc1', Date.UTC(2026, 0, 1, 0, 0, 4)],
    ]);
    expect(fs.exists(`${BUILD_LOGS}/notes.txt`)).toBe(true);
  });
});

describe('the run under way', () => {
  const stat = `(node (x) y) ${Array.from({ length: 30 }, (_, index) => index).join(' ')}`;
  const files = { [`/proc/${process.pid}/stat`]: `${process.pid} ${stat}` };

  it('is known while its process lives', () => {
    const { fs } = memoryHost({ files });
    announceRun(fs, 'watch', 5);
    expect(runUnderWay(fs)).toMatchObject({ pid: process.pid, trigger: 'watch', since: 5 });
    endRun(fs);
    expect(runUnderWay(fs)).toBeUndefined();
  });
  it('counts for nothing once its process is dead or its number is another process', () => {
    const host = memoryHost({ files });
    announceRun(host.fs, 'watch', 5);
    host.put({ [`/proc/${process.pid}/stat`]: `${process.pid} ${stat.replaceAll('19', '77')}` });
    expect(runUnderWay(host.fs)).toBeUndefined();
  });
  it('is followed from its beginning, and into the next run', async () => {
    const host = memoryHost({ files });
    const seen: RunEvent[] = [];
    const stop = new AbortController();
    const line = (text: string): RunEvent => ({ type: 'output', at: 0, line: text });
    announceRun(host.fs, 'cli', 0);
    appendEvent(host.fs, line('one'));
    const following = followEvents(
      {
        fs: host.fs,
        clock: {
          now: () => 0,
          async sleep() {
            if (seen.length === 1) {
              announceRun(host.fs, 'cli', 1);
              appendEvent(host.fs, line('two'));
            } else if (seen.length === 2) {
              host.fs.append('/run/ttkmd/events.jsonl', 'half a line');
              stop.abort();
            }
          },
        },
      },
      (event) => seen.push(event),
      stop.signal,
    );
    await following;
    expect(seen).toEqual([line('one'), line('two')]);
  });
});
