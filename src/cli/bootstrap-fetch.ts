// `ttkmdctl bootstrap fetch DIR`: everything that `--mirror DIR` takes, brought by a machine that has a network.
import { resolve } from 'node:path';
import { fillMirror } from '../bootstrap/fetch.ts';
import type { Bench } from '../bootstrap/step.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import { openFolder } from '../host/local-host.ts';
import type { Context } from './context.ts';

export async function fetchMirror(
  { terminal }: Context,
  bench: Bench,
  dir: string | undefined,
): Promise<number> {
  if (dir === undefined) {
    throw new TtkmdError(
      'bootstrap-usage',
      'It does not say which folder to fill.',
      'ttkmdctl bootstrap fetch DIR',
      EXIT.usage,
    );
  }
  const folder = resolve(dir);
  const brought = await fillMirror(openFolder('/'), bench.hands, {
    folder,
    steps: bench.selected,
    versions: bench.versions,
    arch: bench.host.machine.arch,
    onLine: (line) => terminal.raw(`${line}\n`),
  });
  terminal.line(
    brought.length === 0
      ? 'nothing to do: all is there'
      : `${brought.length} files were brought to ${folder}`,
  );
  terminal.line(`on the other machine, as root: ttkmdctl bootstrap --mirror ${folder}`);
  return EXIT.ok;
}
