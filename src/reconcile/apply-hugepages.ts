// Allocates pages of 1 GiB, gives ours back, mounts them, and remembers how many are ours.
import { bootIdentity } from '../host/boot-identity.ts';
import { givePagesBack, raisePages } from '../hugepages/allocate.ts';
import { nodeName, pagesText } from '../hugepages/hugepages.ts';
import { mountPages } from '../hugepages/mount.ts';
import { readCounters } from '../hugepages/observe.ts';
import { type FailedPages, without } from '../state/state.ts';
import type { Step } from './step.ts';
import { type Outcome, remember, type Work } from './work.ts';

type Allocate = Extract<Step, { kind: 'allocateHugepages' }>;
type Return = Extract<Step, { kind: 'returnHugepages' }>;
type Mount = Extract<Step, { kind: 'mountHugepages' }>;

export async function applyAllocate(work: Work, step: Allocate): Promise<Outcome> {
  const where = nodeName(step.node);
  const change = await raisePages(work.host, step.folder, step.to).catch(
    (error: NodeJS.ErrnoException) => error,
  );
  if (change instanceof Error) {
    rememberFailed(work, step, readCounters(work.host.fs, step.folder).allocated);
    return { outcome: 'failed', ...refusal(work, step, change) };
  }
  const { after, gained, compactions, obstacle } = change;
  rememberAsked(work, where, gained);
  rememberFailed(work, step, after < step.to ? after : undefined);
  const got = `${after} of ${step.demand} × 1 GiB are allocated on ${where}`;
  if (after >= step.to) return { outcome: 'done', text: got };
  const times = `${compactions} ${compactions === 1 ? 'time' : 'times'}`;
  const tried = compactions === 0 ? '' : `, though memory was compacted ${times}`;
  if (obstacle !== undefined) {
    return {
      outcome: 'failed',
      text: `${got}${tried}, and more could not be tried: ${obstacle}`,
      hint: adviceOf(work),
    };
  }
  return {
    outcome: 'failed',
    text: `${got}${tried}: no more of its memory is in one piece`,
    hint: adviceOf(work),
  };
}

export function applyReturn(work: Work, step: Return): Outcome {
  const where = nodeName(step.node);
  const reserved = work.observation.hugepages?.reserved ?? 0;
  const { given, after } = givePagesBack(work.host, step.folder, step.count, reserved);
  rememberAsked(work, where, -given);
  if (given === 0) return { outcome: 'skipped', text: `all of ours on ${where} are in use by now` };
  return { outcome: 'done', text: `gave ${pagesText(given)} back on ${where}; ${after} are left` };
}

export async function applyMount(work: Work, { path, options }: Mount): Promise<Outcome> {
  const { mount } = work.observation.hugepages ?? {};
  const failure = mount === undefined ? undefined : await mountPages(work.host, mount);
  changeFailed(work, { mount: failure === undefined ? undefined : { path, options } });
  if (failure === undefined) return { outcome: 'done', text: `mounted hugepages of 1 GiB at ${path}` };
  return {
    outcome: 'failed',
    text: `hugepages could not be mounted at ${path}: ${failure}`,
    hint: `see for yourself, as root: mount -t hugetlbfs -o ${options} hugetlbfs ${path}; dmesg may say why`,
  };
}

/** After the deed: of pages that nobody remembers, none is ever given back. */
function rememberAsked(work: Work, where: string, more: number): void {
  const boot = bootIdentity(work.host.fs);
  const { pages } = work.state;
  const known = pages !== undefined && pages.boot === boot ? pages.pages : {};
  if (more === 0 || boot === '') return;
  const count = Math.max(0, (known[where] ?? 0) + more);
  remember(work, { pages: { boot, pages: { ...known, [where]: count } } });
}

/** @param allocated how many pages there are, where that is too few; undefined where it is enough */
function rememberFailed(work: Work, { node, to }: Allocate, allocated: number | undefined): void {
  const where = nodeName(node);
  const nodes = without(failedOf(work).nodes, where);
  changeFailed(work, { nodes: allocated === undefined ? nodes : { ...nodes, [where]: { to, allocated } } });
}

/** What another boot could not have does not count in this one. */
function failedOf({ host, state: { pagesFailed } }: Work): FailedPages {
  const boot = bootIdentity(host.fs);
  return pagesFailed?.boot === boot ? pagesFailed : { boot, nodes: {} };
}

function changeFailed(work: Work, change: Partial<FailedPages>): void {
  const before = failedOf(work);
  const after = { ...before, ...change };
  if (JSON.stringify(after) !== JSON.stringify(before)) remember(work, { pagesFailed: after });
}

/** As it was found when pages were seen to be missing; early at boot nobody looks for more. */
function adviceOf({ observation }: Work): string {
  return observation.hugepageAdvice ?? 'look again: ttkmdctl hugepages status';
}

function refusal(
  work: Work,
  step: Allocate,
  { code, message }: NodeJS.ErrnoException,
): { text: string; hint: string } {
  const where = nodeName(step.node);
  switch (code) {
    case 'EINVAL':
      return {
        text: `this kernel makes no pages of 1 GiB while it runs (CONFIG_CONTIG_ALLOC is off)`,
        hint: adviceOf(work),
      };
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return {
        text: `no pages of 1 GiB were allocated on ${where}: ${step.folder} may not be written to (${code})`,
        hint: 'in a container, run it on the host; else see what keeps /sys from being written to: findmnt /sys',
      };
    default:
      return {
        text: `no pages of 1 GiB were allocated on ${where}: ${message}`,
        hint: adviceOf(work),
      };
  }
}
