// What a bootstrap works with on the real machine.
import type { Hands, Work } from '../bootstrap/step.ts';
import { download } from '../host/download.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import { openFolder } from '../host/local-host.ts';
import { runOpenly } from '../host/open-run.ts';
import { startOwnCommand } from '../host/own-command.ts';
import { failed, request, webEnvironment } from '../host/web.ts';
import { requestText } from '../host/web-text.ts';

/** Milliseconds without a byte after which a download is given up. */
const PATIENCE = 60_000;
/** Milliseconds for an address to answer before the work begins. */
const REACH_PATIENCE = 15_000;
/** Milliseconds that a command of our own may take: builds for many kernels on a slow machine. */
const OWN_LIMIT = 6 * 60 * 60_000;

export interface RealHands extends Hands {
  /** Why nothing can be downloaded from an address; undefined where something can. */
  reach(from: string): Promise<string | undefined>;
  /** The text behind an address, or of a file. */
  read(from: string): Promise<string>;
}

export function realHands(
  signal: AbortSignal,
  onBytes: (done: number, total: number | undefined) => void,
): RealHands {
  const environment = webEnvironment(process.env);
  return {
    run: (work, onLine) =>
      runOpenly(work.argv, {
        env: environmentFor(work, environment),
        timeLimit: work.timeLimit,
        signal,
        onLine,
      }),
    ttkmdctl: (args, onLine) =>
      runOpenly([process.execPath, process.argv[1] ?? '', ...args], { timeLimit: OWN_LIMIT, signal, onLine }),
    ask: (args) => startOwnCommand(args).ended,
    download: (from, to, sha256) =>
      download({ from, to, sha256, environment, patience: patience(), signal, onBytes }),
    async read(from) {
      if (!from.startsWith('/')) return requestText(from, { environment, patience: patience(), signal });
      const text = openFolder('/').readText(from);
      if (text !== undefined) return text;
      throw failed(from, 'there is no such file');
    },
    async reach(from) {
      try {
        if (from.startsWith('/')) return undefined;
        const answer = await request(from, { environment, patience: REACH_PATIENCE, signal });
        answer.destroy();
        return undefined;
      } catch (error) {
        // What the caller's own variables say is wrong for every address.
        if (error instanceof TtkmdError && error.exitStatus === EXIT.usage) throw error;
        return (error as Error).message.replace(/^.* could not be downloaded: /, '').replace(/\.$/, '');
      }
    },
  };
}

/** The caller's proxy and certificates are for what reaches out, and for nothing else. */
function environmentFor(
  work: Extract<Work, { kind: 'run' }>,
  web: Record<string, string>,
): Record<string, string> {
  return { ...(work.network ? web : {}), ...work.env };
}

/** Tests do not wait a minute for a server that hangs. */
function patience(): number {
  const given = Number(process.env.TTKMD_DOWNLOAD_PATIENCE);
  return given > 0 ? given : PATIENCE;
}
