// `ttkmdctl status`: one screen that says whether the card will be there, and what to do if not.
import { EXIT } from '../host/errors.ts';
import { digest } from '../reconcile/digest.ts';
import type { Judgement } from '../reconcile/judgement.ts';
import { cardsOf, look } from '../reconcile/look.ts';
import { publishStatus } from '../reconcile/publish-status.ts';
import { statusDocument } from '../reconcile/status-document.ts';
import { runUnderWay } from '../state/run.ts';
import { type GlobalOptions, openContext } from './context.ts';
import { renderStatus } from './render-status.ts';

export interface StatusOptions extends GlobalOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly publish?: boolean;
  readonly explain?: string;
}

/** Exit status 0 where health is ok, 1 where it is not. */
export async function status(options: StatusOptions): Promise<number> {
  if (options.explain !== undefined) {
    return (await import('./explain.ts')).explain(options.explain, options);
  }
  const { host, config, configWarnings, terminal } = openContext(options);
  // The daemon publishes after each run, and is not to wait for anybody's process.
  const holders = options.publish ? undefined : 'always';
  const judgement = await look(host, { config, configWarnings, holders });
  const run = runUnderWay(host.fs);
  if (options.publish) {
    const failure = publishStatus(host, judgement);
    if (failure !== undefined) terminal.raw(`${failure.message}\n`);
    terminal.line(JSON.stringify(digest(judgement, undefined)));
  } else if (options.quiet) {
    for (const line of whatIsWrong(judgement)) terminal.line(line);
  } else {
    const cards = cardsOf(host, judgement);
    if (options.json) terminal.line(JSON.stringify(statusDocument(judgement, run, cards), undefined, 2));
    else for (const line of renderStatus(judgement, run, cards, terminal)) terminal.line(line);
  }
  return judgement.health === 'ok' ? EXIT.ok : EXIT.unhealthy;
}

/** For mails of cron and for the journal: two lines for each thing that health suffers from. */
function whatIsWrong({ problems }: Judgement): string[] {
  return problems
    .filter(({ severity }) => severity !== 'note')
    .flatMap(({ message, hint }) => [message, `  → ${hint}`]);
}
