// The completion for zsh in a real one: its own system decides what becomes of what it is handed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { documentedProgram } from '../../../scripts/docs/commands.ts';
import { zshCompletion } from '../../../scripts/docs/zsh-completion.ts';

/** Types each line and a tab into a zsh on a terminal of its own, and waits until the line has become the other. */
const TYPE = `
zmodload zsh/zpty zsh/zselect
folder=$1; shift
await() {
  local out all=
  for turn in {1..400}; do
    if zpty -r -t z out; then all+=$out; [[ $all == *$1* ]] && return 0; else zselect -t 2; fi
  done
  print -r -- "$2: $all"
}
zpty z zsh -f -i
zpty -w z "PS1=; fpath=($folder \\$fpath); autoload -Uz compinit; compinit -D -u; stty cols 300; echo REA''DY"
await READY start
for typed expected; do
  zpty -w -n z $'\\x15'"$typed"$'\\t'
  await $expected $typed
done
zpty -d z
`;

const hasZsh = spawnSync('zsh', ['--version']).error === undefined;

it.skipIf(!hasZsh)('completes options, and what stands behind them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ttkmd-'));
  writeFileSync(join(folder, '_ttkmdctl'), zshCompletion(documentedProgram()));
  const lines = [
    ['ttkmdctl kernels --j', '--json'],
    ['ttkmdctl logs x --li', '--list'],
    ['ttkmdctl service status --j', '--json'],
    ['ttkmdctl bootstrap --python v', 'venv'],
    ['ttkmdctl reconcile --trigger w', 'watch'],
    ['ttkmdctl bootstrap fe', 'fetch'],
    ['ttkmdctl bootstrap fetch /usr/bi', '/usr/bin'],
    ['ttkmdctl service ena', 'enable'],
  ];
  const { stdout, stderr } = spawnSync('zsh', ['-f', '-c', TYPE, 'zsh', folder, ...lines.flat()], {
    encoding: 'utf8',
  });
  expect([stdout, stderr]).toEqual(['', '']);
});
