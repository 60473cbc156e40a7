// `ttkmdctl status --explain RELEASE`: what a module was built from, what is there now, and what follows.
import { EXIT } from '../host/errors.ts';
import { explainDocument, explain as explainModule, type Installer } from '../reconcile/evidence-document.ts';
import type { Fact } from '../reconcile/facts.ts';
import type { Judgement, KernelJudgement } from '../reconcile/judgement.ts';
import { look } from '../reconcile/look.ts';
import { kernelOf } from '../reconcile/readiness.ts';
import type { ModuleRecord } from '../state/state.ts';
import { type GlobalOptions, openContext } from './context.ts';
import { age, type Style, type Terminal, wrap } from './terminal.ts';

const INDENT = 19;

/** Exit status 0 where the module is current, 1 where it is not. */
export async function explain(
  release: string,
  options: GlobalOptions & { readonly json?: boolean },
): Promise<number> {
  const { host, config, configWarnings, terminal } = openContext(options);
  const judgement = await look(host, { config, configWarnings });
  const judged = kernelOf(judgement, release);
  if (options.json) terminal.line(JSON.stringify(explainDocument(judgement, judged), undefined, 2));
  else for (const line of renderExplanation(judgement, judged, terminal)) terminal.line(line);
  return judged.state === 'current' ? EXIT.ok : EXIT.unhealthy;
}

export function renderExplanation(
  judgement: Judgement,
  judged: KernelJudgement,
  terminal: Terminal,
): string[] {
  const { kernel, state, reason, module } = judged;
  const { evidence, installer } = explainModule(judgement, judged);
  const verdict = `${kernel.release}: ${terminal.style('bold', state)}${reason === undefined ? '' : `, ${reason}`}`;
  if (module === undefined || installer === undefined) return [verdict, '  there is no module to compare'];
  const who = installerText(installer, evidence.record, judgement.observation.now);
  const symbols = (evidence.symbols?.first ?? []).map(
    ({ name, module: built, kernel: now }) =>
      `${name}: ${built} in the module, ${now ?? 'none'} in the kernel`,
  );
  return [
    ...wrap(verdict, terminal.width),
    ...entry('module', [module.path, who], terminal),
    '',
    ...evidence.facts.flatMap((fact) => [
      ...factLines(fact, terminal),
      ...(fact.what === 'symbols' ? symbols.flatMap((text) => entry('', [text], terminal)) : []),
    ]),
  ];
}

function installerText(installer: Installer, record: ModuleRecord | undefined, now: number): string {
  if (record !== undefined) return `put there by ttkmd ${age(now - record.at)} ago (${record.trigger})`;
  return installer === 'dkms'
    ? 'put there by dkms, which somebody else ran: it is what dkms has built'
    : 'put there by somebody else: it is neither what ttkmd nor what dkms has built';
}

function factLines(fact: Fact, terminal: Terminal): string[] {
  const { what, built, now, note, place } = fact;
  const [mark, style, verdict] = verdictOf(fact);
  const texts = [
    ...(built === undefined
      ? []
      : [`${(what === 'signature' ? 'signed' : 'built from').padEnd(12)}${built}`]),
    ...(now === undefined ? [] : [`now         ${now}`]),
    ...(place === undefined ? [] : [`by          ${place}`]),
  ];
  const head = `${verdict}${note === undefined ? '' : `: ${note}`}`;
  return entry(what, [head, ...texts], terminal, terminal.style(style, mark));
}

function verdictOf({ equal, matters, open }: Fact): [string, Style, string] {
  if (equal === undefined) return ['·', 'dim', open ?? 'not known'];
  if (equal) return ['✓', 'green', 'fits'];
  return matters ? ['✗', 'yellow', 'differs'] : ['·', 'dim', 'differs, and does not matter'];
}

function entry(name: string, texts: readonly string[], terminal: Terminal, mark = ' '): string[] {
  const [first = '', ...rest] = texts.flatMap((text) => wrap(text, terminal.width - INDENT));
  return [
    `  ${mark} ${name.padEnd(INDENT - 4)}${first}`,
    ...rest.map((line) => `${' '.repeat(INDENT)}${line}`),
  ].map((line) => line.trimEnd());
}
