// What the two sockets answer: pure but for what they are given to look at and to ask for.
import type { Answer, LineStream, Request } from '../host/serve.ts';
import { type HistoryEntry, publicEntry } from '../state/history.ts';
import type { Job } from './schedule.ts';

export interface Readings {
  /** The status document, not older than the daemon's last look. */
  readonly status: () => Promise<string>;
  /** Entries of the history, the newest last. */
  readonly history: (most: number) => readonly HistoryEntry[];
  /** Sends what happens from now on until the caller leaves; where too many listen already, a word of that. */
  readonly follow: (stream: LineStream) => void;
}

export interface Orders {
  /** Whether the job was taken on; it is not where too many wait, or where the run under way does not end. */
  readonly request: (job: Job) => 'taken' | 'full' | 'stuck';
  /** The releases of the kernels that there are, as of the daemon's last look. */
  readonly kernels: () => Promise<readonly string[]>;
  /** Ends the run under way; false where there is none. */
  readonly cancel: () => boolean;
  readonly reload: () => void;
  /** Writes an order down, and what became of it: who gives one may leave no other trace. */
  readonly note: (order: string) => void;
}

type Routes = Readonly<
  Record<string, { readonly method: string; readonly answer: (request: Request) => Answer | Promise<Answer> }>
>;

const MOST_HISTORY = 1000;

/** For everybody: looking. */
export function readingApi(readings: Readings): (request: Request) => Promise<Answer> {
  return route({
    '/status': { method: 'GET', answer: async () => ({ status: 200, body: await readings.status() }) },
    '/history': {
      method: 'GET',
      answer: ({ query }) => {
        const lines = query.get('lines') ?? '30';
        if (!/^\d{1,6}$/.test(lines)) return refuse(400, 'lines has to be a whole number');
        const entries = readings.history(Math.min(Number(lines), MOST_HISTORY));
        return reply(200, { schema: 1, entries: entries.map(publicEntry) });
      },
    },
    '/events': {
      method: 'GET',
      answer: () => ({
        status: 200,
        headers: { 'Content-Type': 'application/x-ndjson; charset=utf-8' },
        body: readings.follow,
      }),
    },
  });
}

/** For root and the group: changing. */
export function ordersApi(orders: Orders): (request: Request) => Promise<Answer> {
  return route({
    '/reconcile': {
      method: 'POST',
      answer: async ({ body }) => {
        const job = parseJob(body);
        if (typeof job === 'string') return refuse(400, job);
        if (job.release !== undefined && !(await orders.kernels()).includes(job.release))
          return refuse(404, `there is no kernel ${job.release} on this machine; GET /status lists them`);
        const order = `reconcile of ${job.release ?? 'all kernels'}${job.force ? ', by force' : ''}`;
        switch (orders.request(job)) {
          case 'taken':
            orders.note(order);
            return reply(202, { accepted: true });
          case 'full':
            orders.note(`${order}: refused, since enough requests are waiting already`);
            return refuse(429, 'enough requests are waiting already; ask again when they are done');
          case 'stuck':
            orders.note(`${order}: refused, since the run under way hangs in the kernel`);
            return refuse(503, 'the run under way hangs in the kernel: nothing is done until it has ended');
        }
      },
    },
    '/cancel': {
      method: 'POST',
      answer: () => {
        const order = 'cancel of the run under way';
        if (orders.cancel()) {
          orders.note(order);
          return reply(202, { accepted: true });
        }
        orders.note(`${order}: refused, since there is none of the daemon`);
        return refuse(409, 'no run of the daemon is under way');
      },
    },
    '/reload': {
      method: 'POST',
      answer: () => {
        orders.note('reload of the settings');
        orders.reload();
        return reply(202, { accepted: true });
      },
    },
  });
}

function route(routes: Routes): (request: Request) => Promise<Answer> {
  const list = Object.entries(routes).map(([path, { method }]) => `${method} ${path}`);
  return async (request) => {
    if (request.path === '/') return reply(200, { schema: 1, calls: list });
    const found = Object.hasOwn(routes, request.path) ? routes[request.path] : undefined;
    if (found === undefined) return refuse(404, `there is no ${request.path}; there are: ${list.join(', ')}`);
    if (found.method === request.method) return found.answer(request);
    const refusal = refuse(405, `${request.path} takes ${found.method}`);
    return { ...refusal, headers: { ...refusal.headers, Allow: found.method } };
  };
}

type ReconcileJob = Extract<Job, { readonly kind: 'reconcile' }>;

/** `{"kernel": RELEASE, "force": BOOLEAN}`, both optional; an empty body means all kernels. */
function parseJob(body: string): ReconcileJob | string {
  let asked: unknown;
  try {
    asked = body.trim() === '' ? {} : JSON.parse(body);
  } catch {
    return 'the body is no JSON';
  }
  if (typeof asked !== 'object' || asked === null || Array.isArray(asked))
    return 'the body has to be a JSON object';
  const { kernel, force = false, ...others } = asked as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) return `unknown: ${JSON.stringify(other)}; there are "kernel" and "force"`;
  if (typeof force !== 'boolean') return '"force" has to be true or false';
  if (kernel === undefined) return { kind: 'reconcile', trigger: 'cli', release: undefined, force };
  // A release is the name of a folder, and no option of a command.
  if (typeof kernel !== 'string' || !/^[\w.+~][\w.+~-]{0,127}$/.test(kernel))
    return '"kernel" has to be a release';
  return { kind: 'reconcile', trigger: 'cli', release: kernel, force };
}

function reply(status: number, body: object): Answer {
  return { status, body: `${JSON.stringify(body)}\n` };
}

function refuse(status: number, error: string): Answer {
  return reply(status, { error });
}
