// `ttkmdctl ready`: the one question before a reboot.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Judgement, KernelJudgement } from '../reconcile/judgement.ts';
import { look } from '../reconcile/look.ts';
import { type GlobalOptions, openContext } from './context.ts';

/** Exit status 0 where the card will be there, 1 where it will not. One line. */
export async function ready(release: string | undefined, options: GlobalOptions): Promise<number> {
  const { host, config, configWarnings, terminal } = openContext(options);
  const judgement = await look(host, { config, configWarnings });
  const answer = judgeReadiness(judgement, release);
  terminal.line(`${answer.ready ? 'ready' : 'not ready'}: ${answer.text}`);
  return answer.ready ? EXIT.ok : EXIT.unhealthy;
}

/**
 * Whether a kernel will come up with the driver; without a release, whether every kernel will that the machine
 * could boot next and that can take the driver.
 * @throws TtkmdError where there is no such kernel
 */
export function judgeReadiness(
  judgement: Judgement,
  release: string | undefined,
): { ready: boolean; text: string } {
  const { kernels } = judgement;
  if (release !== undefined) {
    const chosen = kernels.find((one) => one.kernel.release === release);
    if (chosen === undefined) {
      throw new TtkmdError(
        'unknown-kernel',
        `There is no kernel ${release} on this machine.`,
        'ttkmdctl kernels lists them.',
        EXIT.usage,
      );
    }
    return chosen.state === 'current'
      ? { ready: true, text: willCome(chosen) }
      : { ready: false, text: willNot(chosen) };
  }
  const candidates = kernels.filter((one) => one.bootable && one.state !== 'unsupported');
  const failing = candidates.find((one) => one.state !== 'current');
  if (failing !== undefined) return { ready: false, text: willNot(failing) };
  const newest = candidates[0];
  if (newest === undefined)
    return { ready: false, text: 'no kernel that the machine could boot can take the driver' };
  const others = candidates.length - 1;
  return {
    ready: true,
    text: `${willCome(newest)}${others === 0 ? '' : `, and so will ${others} other kernel${others === 1 ? '' : 's'}`}`,
  };
}

function willCome({ kernel, module }: KernelJudgement): string {
  return `${kernel.release} will come up with tenstorrent ${module?.version ?? ''}`;
}

function willNot({ kernel, state, reason }: KernelJudgement): string {
  if (state === 'unknown') return `${kernel.release} is unknown: ${reason}`;
  return `${kernel.release} will come up without a current driver: ${reason ?? state}`;
}
