// The status screen: health first, then the running kernel, a row a kernel, and what is wrong.
import type { Cards } from '../driver/device-details.ts';
import type { Health, Judgement, KernelJudgement, Problem } from '../reconcile/judgement.ts';
import { leftText } from '../reconcile/left-to.ts';
import { isArchived } from '../reconcile/plan-archives.ts';
import { originText } from '../reconcile/status-document.ts';
import type { RunUnderWay } from '../state/run.ts';
import { devicesText, givenAwayText } from './render-devices.ts';
import { hugepagesText } from './render-hugepages.ts';
import { age, type Column, type Style, type Terminal, table, wrap } from './terminal.ts';

const HEALTH_STYLE: Readonly<Record<Health, Style>> = { ok: 'green', degraded: 'yellow', failed: 'red' };
const STATE_STYLE: Readonly<Record<KernelJudgement['state'], Style>> = {
  current: 'green',
  drifted: 'yellow',
  missing: 'yellow',
  failed: 'red',
  waiting: 'dim',
  unsupported: 'dim',
  unknown: 'yellow',
};

const COLUMNS: readonly Column[] = [
  { title: 'KERNEL', expendable: 0 },
  { title: 'ORIGIN', expendable: 2 },
  { title: 'MODULE', expendable: 0 },
  { title: 'DRIVER', expendable: 1 },
  { title: 'SINCE', expendable: 3 },
  { title: 'WHY', expendable: 0 },
];

/** Where the texts of the facts begin. */
const FACT_INDENT = 13;

/** The lines of the screen. */
export function renderStatus(
  judgement: Judgement,
  run: RunUnderWay | undefined,
  cards: Cards,
  terminal: Terminal,
): string[] {
  const { health } = judgement;
  return [
    `${terminal.style(HEALTH_STYLE[health], '●')} tenstorrent: ${terminal.style(['bold', HEALTH_STYLE[health]], health)}`,
    ...facts(judgement, run, cards).flatMap(([name, ...texts]) => factLines(name, texts, terminal)),
    '',
    ...kernelRows(judgement, terminal),
    ...problemLines(judgement.problems, terminal),
  ];
}

function factLines(name: string, texts: readonly string[], terminal: Terminal): string[] {
  const [first = '', ...rest] = texts.flatMap((text) => wrap(text, terminal.width - FACT_INDENT));
  return [
    `  ${terminal.style('dim', name.padEnd(FACT_INDENT - 4))}  ${first}`,
    ...rest.map((line) => `${' '.repeat(FACT_INDENT)}${line}`),
  ];
}

/** Each with its name and one or more lines of text. */
function facts(judgement: Judgement, run: RunUnderWay | undefined, cards: Cards): [string, ...string[]][] {
  const { observation, driver } = judgement;
  const lines: [string, ...string[]][] = [];
  if (observation.runningRelease !== undefined) {
    lines.push(['running', `${observation.runningRelease}    ${loadedText(judgement)}`]);
  } else {
    lines.push(['running', 'not this system: it is looked at from outside or in a chroot']);
  }
  if (!observation.chrooted) {
    const away = givenAwayText(cards);
    lines.push(['devices', devicesText(cards, driver.loaded), ...(away === undefined ? [] : [away])]);
  }
  if (judgement.hugepages !== undefined) lines.push(['hugepages', hugepagesText(judgement)]);
  const owner = observation.packaged.find(({ manager }) => manager === 'portage');
  const others = driver.sources.map((source) => source.version).filter((one) => one !== driver.desired);
  lines.push([
    'driver',
    owner !== undefined
      ? leftText(owner)
      : driver.desired === undefined
        ? 'no usable source'
        : `${driver.desired} wanted${driver.source === undefined ? ', and no usable source of it' : ''}${others.length > 0 ? ` (also there: ${others.join(', ')})` : ''}`,
  ]);
  if (run !== undefined) {
    lines.push([
      'working',
      `a reconcile (${run.trigger}), pid ${run.pid}, for ${age(observation.now - run.since)}`,
      'see what it does, as root: ttkmdctl reconcile; end it: ttkmdctl cancel',
    ]);
  }
  return lines;
}

function loadedText({ driver, kernels }: Judgement): string {
  const running = kernels.find((one) => one.kernel.running);
  const { loaded } = driver;
  if (loaded === undefined) {
    return running?.state === 'current'
      ? `driver ${running.module?.version ?? ''} installed, not loaded`
      : 'no driver loaded';
  }
  const isWanted = [undefined, driver.desired].includes(loaded.version) || running?.leftTo !== undefined;
  const fresh = driver.reload === undefined && isWanted;
  const due = driver.reload === undefined ? '' : `, ${driver.reload.to ?? 'another'} on disk`;
  const users = loaded.users === 0 ? '' : `, ${loaded.users} ${loaded.users === 1 ? 'user' : 'users'}`;
  return `driver ${loaded.version ?? '?'} loaded${fresh ? ', current' : due}${users}`;
}

function kernelRows(judgement: Judgement, terminal: Terminal): string[] {
  const { kernels, observation } = judgement;
  if (kernels.length === 0) return ['    no kernels found in /lib/modules and /usr/src'];
  const rows = kernels.map((one) => [
    one.kernel.release,
    one.kernel.kind === 'sources-only' ? 'sources only' : originText(one.kernel.origin),
    one.state,
    one.module?.version ?? '–',
    sinceText(one, observation.now),
    whyText(one, judgement),
  ]);
  // Where all is well there is nothing to explain.
  const columns = rows.every((row) => row.at(-1) === '') ? COLUMNS.slice(0, -1) : COLUMNS;
  const { head, lines } = table(columns, rows, terminal.width - 4);
  return [
    `    ${terminal.style('dim', head)}`,
    ...lines.map((line, index) => {
      const judged = kernels[index];
      const mark = judged?.kernel.running ? terminal.style('cyan', '▸') : ' ';
      return `  ${mark} ${judged === undefined ? line : paintState(line, judged.state, terminal)}`;
    }),
  ];
}

function paintState(line: string, state: KernelJudgement['state'], terminal: Terminal): string {
  const at = line.lastIndexOf(`  ${state}`);
  if (at < 0) return line;
  const end = at + 2 + state.length;
  return `${line.slice(0, at + 2)}${terminal.style(STATE_STYLE[state], state)}${line.slice(end)}`;
}

/** How long it has been current, or has failed; of the other states nobody has written down when they began. */
function sinceText({ state, record, failure }: KernelJudgement, now: number): string {
  const at = state === 'current' ? record?.at : failure?.at;
  return at === undefined ? '–' : age(now - at);
}

/** Why a module is not current, and what is in the way of a new one. */
function whyText(judged: KernelJudgement, judgement: Judgement): string {
  const { state, reason, record, failure, kernel, leftTo } = judged;
  if (leftTo !== undefined && state === 'current') return leftText(leftTo);
  if (state === 'current') {
    if (record === undefined) return 'nobody wrote down who built it';
    return isArchived(judgement.observation, kernel) ? 'build tree from the archive' : '';
  }
  if (leftTo !== undefined || failure !== undefined || (state !== 'missing' && state !== 'drifted'))
    return reason ?? '';
  const { driver, observation } = judgement;
  const obstacle =
    driver.source === undefined
      ? undefined
      : observation.dkms.command === undefined
        ? 'dkms is not installed'
        : isArchived(observation, kernel)
          ? undefined
          : kernel.buildTree.missing[0]?.text;
  if (obstacle === undefined) return reason ?? '';
  return state === 'missing' ? obstacle : `${reason}; ${obstacle}`;
}

/** What is wrong, each with what to do about it. */
export function problemLines(problems: readonly Problem[], terminal: Terminal): string[] {
  const width = Math.min(terminal.width, 100) - 4;
  const marks: Readonly<Record<Problem['severity'], [string, Style]>> = {
    failed: ['✗', 'red'],
    degraded: ['✗', 'yellow'],
    note: ['·', 'dim'],
  };
  return problems.flatMap((problem) => {
    const [mark, style] = marks[problem.severity];
    const [first = '', ...rest] = wrap(problem.message, width);
    const [hint = '', ...hints] = wrap(problem.hint, width - 2);
    return [
      '',
      `  ${terminal.style(style, mark)} ${first}`,
      ...rest.map((line) => `    ${line}`),
      `    ${terminal.style('cyan', '→')} ${hint}`,
      ...hints.map((line) => `      ${line}`),
      ...(problem.code === 'build-failed' ? [`      log: ttkmdctl logs ${problem.release ?? ''}`] : []),
    ];
  });
}
