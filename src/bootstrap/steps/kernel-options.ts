// What the driver needs of a kernel that Portage builds, as a fragment that dist-kernels merge into their configuration.
import { FRAGMENT_PATH } from '../../kernels/needed-options.ts';
import type { Bench, BootstrapStep } from '../step.ts';

export const kernelOptions: BootstrapStep = {
  name: 'kernel-options',
  title: 'options for dist-kernels',
  async check(bench) {
    const missing = missingOptions(bench);
    if (missing.length === 0)
      return { done: true, why: 'they are written down; the next kernel that Portage builds has them' };
    return { done: false, why: `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} off` };
  },
  async plan(bench) {
    const before = bench.host.fs.readText(FRAGMENT_PATH) ?? '# What the Tenstorrent driver needs.\n';
    const lines = missingOptions(bench).map((name) => `CONFIG_${name}=y\n`);
    return lines.length === 0
      ? []
      : [{ kind: 'write', path: FRAGMENT_PATH, text: `${before}${lines.join('')}` }];
  },
};

function missingOptions({ facts, host }: Bench): string[] {
  const written = host.fs.readText(FRAGMENT_PATH) ?? '';
  const off = facts.kernelsWithout.filter(({ dist }) => dist).flatMap(({ set }) => set);
  return [...new Set(off)].filter((name) => !new RegExp(`^CONFIG_${name}=[ym]$`, 'm').test(written));
}
