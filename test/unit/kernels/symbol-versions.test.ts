import { describe, expect, it } from 'vitest';
import { readSymbolVersions } from '../../../src/kernels/symbol-versions.ts';
import { machine, symvers } from '../support/machines.ts';

const WANTED = new Set(['_printk', 'last']);

function read(text: string): [string, string][] | undefined {
  const found = readSymbolVersions(machine({ '/t/Module.symvers': text }).fs, '/t', WANTED);
  return found && [...found.versions];
}

describe('the versions of symbols', () => {
  it.each([
    ['is read by whole names', symvers({ _printk: '0x1', _printk_deferred: '0x2', a_printk: '0x3' })],
    ['may have namespaces behind', '0x1\t_printk\tdrivers/x/_printk\tEXPORT_SYMBOL_GPL\tNS\n'],
    ['may lack its last end of line', '0x1\t_printk\tvmlinux\tEXPORT_SYMBOL'],
    ['may hold lines of another shape', '\n\t\n_printk\n0x9\tlast\n0x1\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n'],
  ])('a file of them %s', (_, text) => {
    expect(read(text)).toEqual([['_printk', '0x1']]);
  });

  it('are found wherever a piece of the file ends', () => {
    const line = '0x12345678\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n';
    for (const shift of [0, 1, 5, 11, 12, 18, 19, line.length - 1]) {
      const before = `${'x'.repeat(1024 * 1024 - shift - 1)}\n`;
      expect(read(`${before}${line}${symvers({ last: '0x2' })}`), String(shift)).toEqual([
        ['_printk', '0x12345678'],
        ['last', '0x2'],
      ]);
    }
  });

  it('are unknown without the file', () => {
    expect(readSymbolVersions(machine({}).fs, '/t', WANTED)).toBeUndefined();
  });
});
