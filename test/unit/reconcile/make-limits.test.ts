// Of MAKEOPTS only -j and -l with numbers count.
import { describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../src/config/schema.ts';
import { makeLimits } from '../../../src/reconcile/make-limits.ts';

describe('makeLimits', () => {
  it.each<[string | undefined, number, string | undefined]>([
    [undefined, 4, undefined],
    ['', 4, undefined],
    ['-j8', 8, undefined],
    ['-j 8 -l 7.5', 8, '7.5'],
    ['--jobs=3 --load-average=2', 3, '2'],
    ['-j', 4, undefined],
    ['-l9', 4, '9'],
    ['SHELL=/tmp/evil -j2 CC=false', 2, undefined],
    ['-j2;reboot', 4, undefined],
    ['-j0', 1, undefined],
    ['-k-j9', 4, undefined],
  ])('%j', (options, jobs, load) => {
    expect(makeLimits(options, defaultConfig(), 4)).toEqual({ jobs, load });
  });

  it('yields to the setting', () => {
    const config = defaultConfig();
    expect(makeLimits('-j8', { ...config, build: { ...config.build, jobs: 1 } }, 4).jobs).toBe(1);
  });
});
