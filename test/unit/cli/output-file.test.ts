// Files that people name for output: written whole, and nothing but a file is ever replaced.
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { outputFile, writeOutput } from '../../../src/cli/output-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'output-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

describe('an output file', () => {
  it.each(['new', 'old', 'link'])('is written: %s', (name) => {
    writeFileSync(at('old'), 'old');
    writeFileSync(at('target'), 'old');
    rmSync(at('link'), { force: true });
    symlinkSync('target', at('link'));
    writeOutput(outputFile('--export', at(name)), 'text');
    expect(readFileSync(at(name), 'utf8')).toBe('text');
    expect(lstatSync(at('link')).isSymbolicLink()).toBe(true);
  });

  it.each([
    ['', '--export names nothing.'],
    ['folder', 'which is no file'],
    ['none/file', `and there is no folder ${at('none')}`],
    ['old/file', `and there is no folder ${at('old')}`],
    // As /dev/stdout is one, which would be a file for everybody from then on.
    ['fifo', 'which is no file'],
    ['link-to-fifo', 'which is no file'],
  ])('is no %s', (name, message) => {
    mkdirSync(at('folder'), { recursive: true });
    rmSync(at('fifo'), { force: true });
    execFileSync('mkfifo', [at('fifo')]);
    rmSync(at('link-to-fifo'), { force: true });
    symlinkSync('fifo', at('link-to-fifo'));
    expect(() => outputFile('--export', name === '' ? '' : at(name))).toThrow(message);
    expect(lstatSync(at('fifo')).isFIFO()).toBe(true);
  });

  it('that cannot be written is named', () => {
    expect(() => writeOutput(outputFile('--bundle', '/proc/none'), 'text')).toThrow(
      '/proc/none could not be written: ENOENT',
    );
  });
});
