// The steps that ttkmd's other commands do: the program's own files, the hooks, the services.
import { install } from '../../deploy/deploy.ts';
import { observeHookWays } from '../../deploy/hook-facts.ts';
import { judgeHookWays } from '../../deploy/hooks-status.ts';
import { openPackage } from '../../deploy/package.ts';
import { findSystemNode } from '../../deploy/system-node.ts';
import { wantedServices } from '../../deploy/wanted-services.ts';
import { openInit } from '../../init/detect.ts';
import type { BootstrapStep } from '../step.ts';

/** What the release or the checkout that we run from puts under /usr. */
export const program: BootstrapStep = {
  name: 'program',
  title: 'ttkmd itself',
  async check({ host, choices }) {
    if (choices.package === undefined) return { done: true, why: 'it is installed' };
    const actions = install(host, openPackage(choices.package), {
      dryRun: true,
      systemNode: await findSystemNode(host),
      services: wantedServices(host),
    });
    const done = actions.every(({ kind }) => kind === 'keep');
    return { done, why: done ? 'it is installed' : 'it is not installed, or another version is' };
  },
  async plan({ choices }) {
    return [{ kind: 'ttkmdctl', args: ['deploy', '--package', choices.package ?? ''] }];
  },
};

export const hooks: BootstrapStep = {
  name: 'hooks',
  title: 'the hooks of kernel installations',
  async check({ host, choices, selected }) {
    if (choices.package !== undefined && selected.includes('program')) {
      return { done: true, why: 'they come with ttkmd itself' };
    }
    const { hooks: all } = judgeHookWays(observeHookWays(host));
    const lacking = all.filter(
      ({ needed, state }) => needed && (state === 'missing' || state === 'not-executable'),
    );
    if (lacking.length === 0) return { done: true, why: 'they are in place' };
    return {
      done: false,
      why: `${lacking.map(({ path }) => path).join(' and ')} ${lacking.length === 1 ? 'is' : 'are'} missing`,
    };
  },
  async plan() {
    return [{ kind: 'ttkmdctl', args: ['hooks', 'install'] }];
  },
};

/** Whatever services ttkmd has, each is enabled, and started where an init is at work. */
export const service: BootstrapStep = {
  name: 'service',
  title: 'the services',
  async check({ host }) {
    const init = openInit(host, host.exec);
    if (init === undefined) return { done: true, why: 'there is no init to run them' };
    const states = await init.states();
    const off = states.filter(({ enabled, masked, installed }) => !installed || (!enabled && !masked));
    const down = states.filter(
      ({ running, role }) => init.live && role === 'daemon' && running === 'stopped',
    );
    const lacking = [...new Set([...off, ...down].map(({ name }) => name))];
    if (lacking.length === 0) return { done: true, why: 'they are enabled' };
    return {
      done: false,
      why: `${lacking.join(' and ')} ${lacking.length === 1 ? 'does' : 'do'} not run at each boot`,
    };
  },
  async plan({ host }) {
    const init = openInit(host, host.exec);
    const args = ['service', 'enable', ...(init?.live ? ['--now'] : [])];
    const some = 'not every service could be started; ttkmdctl service status tells which, and why';
    // Where none is started, it is the enabling that failed.
    return [{ kind: 'ttkmdctl', args, ...(init?.live ? { tolerated: { 6: some } } : {}) }];
  },
};
