// Writes man pages, completions and the default settings file beside the bundled program.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { renderDefaultFile } from '../../src/config/default-file.ts';
import { bashCompletion } from './bash-completion.ts';
import { documentedProgram } from './commands.ts';
import { fishCompletion } from './fish-completion.ts';
import { commandPage, settingsPage } from './man.ts';
import { zshCompletion } from './zsh-completion.ts';

const SHARE = join(import.meta.dirname, '../../dist/share');
const program = documentedProgram();

const files: Readonly<Record<string, string>> = {
  'man/man8/ttkmdctl.8': commandPage(program),
  'man/man5/ttkmd.conf.5': settingsPage(program),
  'completions/ttkmdctl.bash': bashCompletion(program),
  'completions/ttkmdctl.zsh': zshCompletion(program),
  'completions/ttkmdctl.fish': fishCompletion(program),
  'ttkmd.conf': renderDefaultFile(),
};

for (const [name, text] of Object.entries(files)) {
  mkdirSync(dirname(join(SHARE, name)), { recursive: true });
  writeFileSync(join(SHARE, name), text);
}
