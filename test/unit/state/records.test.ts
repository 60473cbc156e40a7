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
import { type MemoryHost, memoryHost } from '../support/memory-host.ts';

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
    const state = {
      ...EMPTY_STATE,
      origins: { '6.1': { kind: 'dist-kernel' as const, package: 'sys-kernel/gentoo-kernel-6.1' } },
    };
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
  it.each([
    '{"at":5,"detail":"x"}',
    '{"at":1e300,"trigger":"cli","step":"build","outcome":"done","seconds":1,"detail":"x"}',
    '{"at":5,"trigger":"cli","step":"build","outcome":"done","seconds":"1","detail":"x"}',
  ])('has no entry in %s', (line) => {
    const { fs } = memoryHost({ files: { '/var/lib/ttkmd/history.jsonl': `${line}\n` } });
    recordHistory(fs, ENTRY);
    expect(readHistory(fs).map(({ at }) => at)).toEqual([ENTRY.at]);
  });
});

describe('build logs', () => {
  const R = '6.12.58-gentoo_x';
  const second = (at: number): number => Date.UTC(2026, 0, 1, 0, 0, at);

  /** Writes logs one after another, as builds do, and removes the oldest ones each time. */
  function build(
    host: MemoryHost,
    kept: number,
    ...builds: [at: number, release: string, version?: string][]
  ) {
    return builds.map(([at, release, version = '2.9.0']) => {
      const path = buildLogPath(host.fs, second(at), release, version);
      host.fs.write(path, 'log');
      pruneBuildLogs(host.fs, kept, path);
      return path;
    });
  }
  const seconds = (host: MemoryHost): [string, number][] =>
    listBuildLogs(host.fs).map(({ release, at }) => [release, new Date(at).getUTCSeconds()]);

  it('have names that tell kernel, version and time, and the oldest go first', () => {
    const host = memoryHost();
    host.fs.write(`${BUILD_LOGS}/notes.txt`, 'an admin wrote this');
    build(host, 2, [0, R], [1, R], [2, R], [3, R], [4, R]);
    expect(seconds(host)).toEqual([
      [R, 3],
      [R, 4],
    ]);
    expect(host.fs.exists(`${BUILD_LOGS}/notes.txt`)).toBe(true);
  });

  it.each([
    ['6.12.58-gentoo', '2.9.0'],
    ['6.12.58-gentoo_x', '2.10.0-rc1'],
    ['6.12.58-gentoo', '2.10.0_rc1'],
    ['6.12.58_a_b', '2.10.0_c_d'],
    ['6.12.58-100%', '2.9.0%5F'],
    ['6.12.58+deb12~x:y', '2.9.0+x'],
  ])('tell %s and %s apart', (release, version) => {
    const host = memoryHost();
    const [path = ''] = build(host, 5, [0, release, version]);
    expect(listBuildLogs(host.fs)).toEqual([{ path, release, version, at: second(0) }]);
  });

  it('of earlier versions are read as well, and are older than all others', () => {
    const host = memoryHost({
      files: { [`${BUILD_LOGS}/20260101T000009.000Z_${R}_2.8.0-rc1.log`]: 'old' },
    });
    build(host, 5, [3, R]);
    expect(listBuildLogs(host.fs).map(({ release, version }) => [release, version])).toEqual([
      [R, '2.8.0-rc1'],
      [R, '2.9.0'],
    ]);
  });

  it('are in the order in which they were written, wherever the clock was', () => {
    const host = memoryHost();
    const written = build(host, 3, [30, R], [40, R], [50, R], [1, R], [2, R]);
    expect(seconds(host)).toEqual([
      [R, 50],
      [R, 1],
      [R, 2],
    ]);
    expect(listBuildLogs(host.fs).at(-1)?.path).toBe(written.at(-1));
  });

  it('one of each kernel that is there stays, and the one that was just written', () => {
    const host = memoryHost({ files: { '/lib/modules/old/x': '', '/lib/modules/new/x': '' } });
    build(host, 1, [0, 'gone'], [1, 'old'], [2, 'old'], [3, 'new'], [4, 'new']);
    expect(seconds(host)).toEqual([
      ['old', 2],
      ['new', 4],
    ]);
    build(host, 1, [5, 'gone']);
    expect(seconds(host)).toEqual([
      ['old', 2],
      ['new', 4],
      ['gone', 5],
    ]);
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
