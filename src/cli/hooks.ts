// `ttkmdctl hooks`: puts the hooks in place, takes them away, and tells whether kernel installations reach them.
import { install, remove } from '../deploy/deploy.ts';
import { observeHookWays } from '../deploy/hook-facts.ts';
import { type HookStatus, judgeHookWays } from '../deploy/hooks-status.ts';
import { EXIT } from '../host/errors.ts';
import { type GlobalOptions, openContext } from './context.ts';
import { changeFiles, choices, type DeployOptions, ownPackage } from './deploy.ts';
import type { Deed } from './render-files.ts';
import type { Terminal } from './terminal.ts';

const INSTALL: Deed = {
  done: 'put the hooks in place',
  would: 'would put the hooks in place',
  nothing: 'all is in place',
};
const REMOVE: Deed = {
  done: 'took the hooks away',
  would: 'would take the hooks away',
  nothing: 'no hook of ttkmd is installed here',
};

export async function installHooks(options: DeployOptions): Promise<number> {
  const context = openContext(options);
  return changeFiles(context, options, INSTALL, () => ({
    actions: install(context.host, ownPackage(), { ...choices(options), only: 'hooks' }),
    next: ['whether kernel installations reach them: ttkmdctl hooks status'],
  }));
}

export async function removeHooks(options: DeployOptions): Promise<number> {
  const context = openContext(options);
  return changeFiles(context, options, REMOVE, () => ({
    actions: remove(context.host, { ...choices(options), only: 'hooks' }),
    next: [
      'after each new kernel, as root: ttkmdctl reconcile. To have the hooks again, as root: ttkmdctl hooks install',
    ],
  }));
}

/** Exit status 0 where every kernel installation here reaches ttkmd, 1 where one would not. */
export async function hooksStatus(options: GlobalOptions & { readonly json?: boolean }): Promise<number> {
  const { host, terminal } = openContext(options);
  const status = judgeHookWays(observeHookWays(host, ownPackage()));
  if (options.json) terminal.line(JSON.stringify({ schema: 1, ...status }, undefined, 2));
  else render(status, terminal);
  return status.covered ? EXIT.ok : EXIT.unhealthy;
}

function render({ covered, ways, hooks, problems, earlier }: HookStatus, terminal: Terminal): void {
  const mark = covered ? terminal.style('green', '●') : terminal.style('red', '●');
  terminal.line(`${mark} kernel installations ${covered ? 'reach ttkmd' : 'do not all reach ttkmd'}`);
  for (const { installer, because } of ways) terminal.line(`  ${installer.padEnd(14)} ${because}`);
  terminal.line();
  for (const { path, state, needed } of hooks) {
    const text = state === 'missing' && !needed ? 'missing, not needed here' : state;
    terminal.line(`  ${state === 'ok' ? '✓' : needed ? '✗' : '·'} ${path}  ${terminal.style('dim', text)}`);
  }
  for (const { severity, message, hint } of problems) {
    terminal.line();
    terminal.line(`  ${severity === 'bypass' ? terminal.style('red', '✗') : '·'} ${message}`);
    terminal.line(`    ${terminal.style('cyan', '→')} ${hint}`);
  }
  if (earlier.length === 0) return;
  terminal.line();
  terminal.line('  hooks of others that run before ttkmd; one that exits 77 ends the installation there:');
  for (const { path } of earlier) terminal.line(`    ${path}`);
}
