// The daemon's two sockets: served for as long as it runs, whatever happens to the folder that they lie in.
import type { Host } from '../host/host.ts';
import { type ServedSocket, type SocketOptions, serveSocket } from '../host/serve.ts';
import { STATUS_SOCKET } from '../reconcile/publish-status.ts';

export const CONTROL_SOCKET = '/run/ttkmd/control.sock';

export interface Sockets {
  /** Serves again what somebody has taken away. @returns whether anything was */
  restore(): Promise<boolean>;
  /** Gives the one for orders to the group that the settings name now. */
  regroup(): Promise<void>;
  close(): Promise<void>;
}

export interface SocketParts {
  readonly host: Pick<Host, 'fs' | 'exec' | 'log'>;
  /** The group that may give orders, as the settings have it now. */
  readonly groupName: () => string;
  readonly reading: SocketOptions['answer'];
  readonly orders: SocketOptions['answer'];
}

/**
 * Serves both.
 * @throws what the system says where they cannot be made
 */
export async function openSockets({ host, groupName, reading, orders }: SocketParts): Promise<Sockets> {
  const { fs, log } = host;
  const served = new Map<string, { readonly socket: ServedSocket; readonly identity: string }>();
  let group = await groupNumber(host, groupName());
  let last: Promise<unknown> = Promise.resolve();
  let over = false;

  /** One after another: two that serve the same path would take it from each other. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  }

  async function serve(path: string): Promise<void> {
    // First: closing takes away what lies there by then.
    await served.get(path)?.socket.close();
    served.delete(path);
    fs.makeFolder('/run/ttkmd', 0o755);
    const socket =
      path === STATUS_SOCKET
        ? await serveSocket({ path, mode: 0o666, answer: reading })
        : await serveSocket({ path, mode: 0o660, group, answer: orders });
    served.set(path, { socket, identity: identityOf(path) });
  }

  function identityOf(path: string): string {
    const info = fs.lstat(path);
    return info === undefined ? '' : `${info.device}.${info.inode}`;
  }

  function isThere(path: string): boolean {
    const identity = identityOf(path);
    return identity !== '' && served.get(path)?.identity === identity;
  }

  const paths = [STATUS_SOCKET, CONTROL_SOCKET];
  for (const path of paths) await serve(path);
  return {
    restore: () =>
      inTurn(async () => {
        const lost = over ? [] : paths.filter((path) => !isThere(path));
        for (const path of lost) {
          try {
            await serve(path);
            log.warn(`${path} was taken away by somebody; it is served again`);
          } catch (error) {
            log.error(
              `${path} was taken away by somebody, and cannot be served: ${(error as Error).message}`,
            );
          }
        }
        return lost.length > 0;
      }),
    regroup: () =>
      inTurn(async () => {
        const now = await groupNumber(host, groupName());
        if (now === group) return;
        group = now;
        served.get(CONTROL_SOCKET)?.socket.giveTo(group);
        if (group !== undefined) log.info(`${CONTROL_SOCKET} is for root and the group ${groupName()}`);
      }),
    close: () =>
      inTurn(async () => {
        over = true;
        await Promise.all([...served.values()].map(({ socket }) => socket.close()));
      }),
  };
}

/** The group's number from the system's own databases; undefined, and said, where there is no such group. */
async function groupNumber({ exec, log }: SocketParts['host'], name: string): Promise<number | undefined> {
  const { stdout } = await exec.query('getent', ['group', name]);
  const number = stdout.split(':')[2];
  if (number !== undefined && /^\d+$/.test(number)) return Number(number);
  log.info(`there is no group ${name}: ${CONTROL_SOCKET} is for root alone`);
  return undefined;
}
