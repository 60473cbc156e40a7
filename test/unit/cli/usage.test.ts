// Calls that make no sense, and the help, through the front door.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { WAYS } from '../../../src/kernel-events/way.ts';

// Each call listens for errors of standard output.
process.stdout.setMaxListeners(0);

afterEach(() => {
  vi.restoreAllMocks();
});

/** Calls ttkmdctl in this process. */
async function call(words: string): Promise<{ status: number; out: string; err: string }> {
  const texts = { out: '', err: '' };
  for (const [name, stream] of [
    ['out', process.stdout],
    ['err', process.stderr],
  ] as const) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      texts[name] += String(text);
      return true;
    });
  }
  const parts = { kernelEvent: { ways: WAYS, run: async () => 0 }, daemon: { run: async () => 0 } };
  const status = await main(
    words.split(' ').filter((word) => word !== ''),
    parts,
  );
  return { status, ...texts };
}

describe('a call that makes no sense ends with 2, our name before it and a next step behind it', () => {
  it.each([
    ['', 'a command is missing: status, ready, ', 'ttkmdctl help'],
    ['config', 'config needs to be told what: show, check', 'ttkmdctl help config'],
    ['stats', "unknown command 'stats'", 'did you mean status? '],
    ['config sho', "unknown command 'sho'", 'did you mean show? '],
    ['--root /mnt config sho', "unknown command 'sho'", 'ttkmdctl help config'],
    ['nonsense', "unknown command 'nonsense'", 'ttkmdctl help'],
    ['status --jsn', "unknown option '--jsn'", 'did you mean --json? What it takes: ttkmdctl help status'],
    ['reconcile --trigger x', 'Allowed choices are boot, ', 'ttkmdctl help reconcile'],
    ['reconcile --wait soon', 'Expected a whole number', 'ttkmdctl help reconcile'],
    ['reconcile --all --kernel x', "cannot be used with option '--all'", 'ttkmdctl help reconcile'],
    ['ready one two', 'too many arguments', 'ttkmdctl help ready'],
    ['help nonsense', "there is no command 'nonsense'", 'all commands: ttkmdctl help'],
    [
      'help reconsile',
      "there is no command 'reconsile'",
      'did you mean reconcile? Its help: ttkmdctl help reconcile',
    ],
    ['help config sho', "there is no command 'config sho'", 'ttkmdctl help config show'],
    ['help config show it', "there is no command 'config show it'", 'ttkmdctl help config show'],
  ])('ttkmdctl %s', async (words, complaint, step) => {
    const { status, out, err } = await call(words);
    expect(status).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(/^ttkmdctl: [^\n]+[^.\n]\n {2}→ [^\n]+\n$/);
    expect(err).toContain(complaint);
    expect(err.split('→ ')[1]).toContain(step);
  });
});

describe('help', () => {
  it.each([
    ['help', 'Usage: ttkmdctl [options] [command]'],
    ['help config', 'Usage: ttkmdctl config'],
    ['help config show', 'Usage: ttkmdctl config show'],
    ['help kernel-event', 'Usage: ttkmdctl kernel-event'],
    ['config show --help', 'Usage: ttkmdctl config show'],
  ])('ttkmdctl %s', async (words, beginning) => {
    const { status, out, err } = await call(words);
    expect([status, err]).toEqual([0, '']);
    expect(out.startsWith(beginning)).toBe(true);
  });

  it('lists every exit status, its meanings in one column and within the usual width', async () => {
    const { out } = await call('help');
    const lines = (out.split('Exit status:\n')[1] ?? '').trimEnd().split('\n');
    expect(lines.map((line) => line.trim().split('  ')[0])).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
      '127',
      '129, 130, 143',
    ]);
    const columns = lines.map((line) => line.search(/(?<= {2})[A-Z]/));
    expect(new Set(columns).size).toBe(1);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});
