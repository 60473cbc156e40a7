// `ttkmdctl ready`: the one question before a reboot.
import { EXIT } from '../host/errors.ts';
import { look } from '../reconcile/look.ts';
import { judgeReadiness } from '../reconcile/readiness.ts';
import { type GlobalOptions, openContext } from './context.ts';

/** Exit status 0 where the card will be there with the wanted driver, 1 where it will not. One line. */
export async function ready(release: string | undefined, options: GlobalOptions): Promise<number> {
  const { host, config, configWarnings, terminal } = openContext(options);
  const answer = judgeReadiness(await look(host, { config, configWarnings }), release);
  const next = answer.hint === undefined ? '' : ` → ${answer.hint}`;
  terminal.line(`${answer.ready ? 'ready' : 'not ready'}: ${answer.text}${next}`);
  return answer.ready ? EXIT.ok : EXIT.unhealthy;
}
