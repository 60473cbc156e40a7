// The few lines that a person reads between those of the kernel's installation, in the style of who prints there.
import type { KernelJudgement } from '../reconcile/judgement.ts';
import { leftHint, leftText } from '../reconcile/left-to.ts';
import type { Report } from '../reconcile/reconcile.ts';

export type Tone = 'good' | 'bad' | 'plain';

export interface Message {
  readonly tone: Tone;
  readonly text: string;
  /** The next thing to do. */
  readonly hint?: string | undefined;
  /** Said only where the caller asked for many words. */
  readonly quiet?: boolean;
}

/** Portage's users know lines with a star and a mark at the end; other installers print plain lines. */
export function formatMessage(message: Message, style: 'gentoo' | 'plain'): string[] {
  if (style === 'plain') {
    return [`ttkmd: ${message.text}`, ...(message.hint === undefined ? [] : [`ttkmd:   ${message.hint}`])];
  }
  const mark = message.tone === 'good' ? '   [ ok ]' : message.tone === 'bad' ? '   [ !! ]' : '';
  return [
    ` * ttkmd: ${message.text}${mark}`,
    ...(message.hint === undefined ? [] : [` * ttkmd:   ${message.hint}`]),
  ];
}

export interface Circumstances {
  /** An earlier hook of the same installation has told. */
  readonly again: boolean;
  /** The hook's time limit was up when the run ended. */
  readonly isLate: boolean;
}

/** What came of an installed kernel; undefined where nothing is left to say after an earlier hook. */
export function describeArrival(
  release: string,
  report: Report,
  { again, isLate }: Circumstances,
): Message | undefined {
  const message = messageFor(release, report, isLate);
  // That a kernel is without its driver is said by each hook: the last one's words are those that are seen.
  return again && report.done.length === 0 && message.tone !== 'bad' ? undefined : message;
}

function messageFor(release: string, report: Report, isLate: boolean): Message {
  const judged = report.after.kernels.find((one) => one.kernel.release === release);
  const version = report.after.driver.desired;
  if (judged === undefined) {
    return {
      tone: 'plain',
      text: `nothing done: ${release} has no folder in /lib/modules`,
      hint: `when its modules are installed: ttkmdctl reconcile --kernel ${release}`,
    };
  }
  const failed = report.done.find((step) => step.outcome === 'failed');
  if (failed !== undefined) return describeFailure(release, version, failed.text, failed.hint);
  if (report.outcome === 'cancelled') {
    const again = `ttkmdctl reconcile --kernel ${release}`;
    const [why, hint] = isLate
      ? [
          'the time limit was up before it was done',
          `raise hook.time_limit in /etc/ttkmd/ttkmd.conf; now: ${again}`,
        ]
      : ['stopped before it was done', again];
    return describeFailure(release, version, why, hint);
  }
  return describeState(judged, version, report);
}

function describeState(judged: KernelJudgement, version: string | undefined, report: Report): Message {
  const { kernel, state, reason, failure } = judged;
  const { release } = kernel;
  const { leftTo } = judged;
  if (leftTo !== undefined && state !== 'current' && state !== 'unsupported' && state !== 'waiting') {
    // Portage builds it after the kernel, mostly in the very same emerge.
    return {
      tone: 'plain',
      text: `the driver for ${release} is ${leftText(leftTo)}; ttkmd builds none beside it`,
      hint: `unless it is built now: ${leftHint(leftTo, kernel)}`,
    };
  }
  const shown = leftTo === undefined ? (version ?? judged.module?.version) : judged.module?.version;
  const name = `tenstorrent ${shown ?? ''} for ${release}`;
  switch (state) {
    case 'current': {
      const seconds = report.done.reduce((sum, step) => sum + step.seconds, 0);
      const built = report.done.some((step) => step.step.kind === 'install' && step.outcome === 'done');
      return built
        ? {
            tone: 'good',
            text: `${name} ... built, installed, verified (${Math.max(1, Math.round(seconds))} s)`,
          }
        : { tone: 'good', text: `${name} ... current`, quiet: true };
    }
    case 'unsupported': {
      const problem = report.after.problems.find((one) => one.release === release);
      const isNoted = problem === undefined || problem.severity === 'note';
      const text = `no driver for ${release}: ${reason ?? 'it cannot take it'}`;
      return { tone: isNoted ? 'plain' : 'bad', text, hint: problem?.hint };
    }
    case 'waiting':
      return {
        tone: 'bad',
        text: `no driver for ${release} yet: ${reason ?? 'its build tree is not ready'}`,
        hint: `when its headers are there: ttkmdctl reconcile --kernel ${release}`,
      };
    default: {
      const problem = report.after.problems.find(
        (one) =>
          one.release === release ||
          one.code === 'no-source' ||
          one.code === 'no-dkms' ||
          (one.code === 'source-refused' && report.after.driver.source === undefined),
      );
      if (failure !== undefined) return describeStanding(release, version, failure.headline);
      return describeFailure(
        release,
        version,
        problem?.message ?? reason ?? state,
        problem?.hint ?? `ttkmdctl reconcile --kernel ${release}`,
      );
    }
  }
}

/** A failure that was told of before, mostly by an earlier hook of the same installation: one line is enough. */
function describeStanding(release: string, version: string | undefined, headline: string): Message {
  return {
    tone: 'bad',
    text: `tenstorrent ${version ?? 'driver'} for ${release} ... still not built: ${headline}; see ttkmdctl status`,
  };
}

function describeFailure(
  release: string,
  version: string | undefined,
  why: string,
  hint: string | undefined,
): Message {
  return {
    tone: 'bad',
    text: `tenstorrent ${version ?? 'driver'} for ${release} ... FAILED: ${why}`,
    hint: hint === undefined ? undefined : `${hint}; what is wrong: ttkmdctl status`,
  };
}

/**
 * That a kernel's installation fails, and why: nobody would look for that in ttkmd's settings.
 * @param place where the setting is, as `file:line`
 */
export function describeStrictness(place: string): Message {
  return {
    tone: 'bad',
    text: `the kernel's installation fails with it: hook.on_failure is fail (${place})`,
    hint: 'to have kernels installed without their driver, set on_failure = warn there',
  };
}

/** What came of a removed kernel. */
export function describeDeparture(release: string, report: Report): Message | undefined {
  const forgot = report.done.some((step) => step.step.kind === 'forget' && step.outcome === 'done');
  return forgot ? { tone: 'good', text: `${release} ... forgotten` } : undefined;
}
