// systemd: units, through systemctl.
import type { Exec, QueryResult } from '../host/exec.ts';
import type { Host } from '../host/host.ts';
import { type Deed, type Init, SERVICES, type ServiceState } from './services.ts';

const DAEMON = 'ttkmd.service';
const UNITS = SERVICES.map(({ unit }) => unit);

/** In the order of systemd.unit(5); ours are in one of the last two. */
const UNIT_FOLDERS = [
  '/etc/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];

const PROPERTIES = 'Id,ActiveState,ConditionResult,ConditionTimestampMonotonic';

const ADMIN_FOLDER = '/etc/systemd/system';
const WANTS = `${ADMIN_FOLDER}/multi-user.target.wants`;

/** A stop waits for a build to end in good order, a start of the boot service for a build to be done. */
const STOP_LIMIT = 90_000;
const START_LIMIT = 24 * 60 * 60_000;

export function systemd(host: Host, live: boolean, outer: Exec): Init {
  const { fs, exec, root } = host;
  /** On files alone; systemctl works on another root from outside, and in a chroot by itself. */
  const onFiles = (verb: string): Promise<QueryResult> =>
    root === '/'
      ? exec.query('systemctl', [verb, ...UNITS])
      : outer.query('systemctl', [`--root=${root}`, verb, ...UNITS]);

  const unitFile = (name: string): string | undefined =>
    UNIT_FOLDERS.map((folder) => `${folder}/${name}`).find((path) => fs.exists(path));
  const masked = (name: string): boolean => fs.readLink(`${ADMIN_FOLDER}/${name}`) === '/dev/null';
  const isEnabled = (name: string): boolean =>
    fs
      .list(ADMIN_FOLDER)
      .filter((folder) => /\.(wants|requires)$/.test(folder))
      .some((folder) => fs.readLink(`${ADMIN_FOLDER}/${folder}/${name}`) !== undefined);

  async function running(): Promise<Map<string, ServiceState['running']>> {
    if (!live) return new Map();
    const { stdout } = await exec.query('systemctl', ['show', `--property=${PROPERTIES}`, ...UNITS]);
    return new Map(
      stdout.split('\n\n').map((block) => {
        const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(block)?.[1] ?? '';
        // The condition of one that was never to be started was never looked at.
        const isLookedAt = Number(value('ConditionTimestampMonotonic')) > 0;
        const state = stateOf(value('ActiveState'));
        const isSkipped = state === 'stopped' && isLookedAt && value('ConditionResult') === 'no';
        return [value('Id'), isSkipped ? 'skipped' : state];
      }),
    );
  }

  async function change(verb: 'enable' | 'disable'): Promise<Deed[]> {
    const result = await onFiles(verb);
    if (result.code === 0) return [{ done: true, text: `${verb}d ${UNITS.join(', ')}` }];
    // No systemctl here that could do it: what it does is a link for each unit.
    if (result.code !== 127) return [{ done: false, text: `systemctl ${verb} failed: ${firstLine(result)}` }];
    for (const unit of UNITS) {
      const target = unitFile(unit);
      if (verb === 'disable') fs.remove(`${WANTS}/${unit}`);
      else if (target !== undefined && !masked(unit)) fs.link(target, `${WANTS}/${unit}`);
    }
    return [{ done: true, text: `${verb}d ${UNITS.join(', ')} (by links in ${WANTS})` }];
  }

  async function tell(verb: string, args: readonly string[], timeLimit: number): Promise<Deed[]> {
    const result = await exec.query('systemctl', [verb, ...args], { timeLimit });
    if (result.code === 0) return [{ done: true, text: `${PAST[verb] ?? verb} ${args.join(', ')}` }];
    return [{ done: false, text: `systemctl ${verb} ${args.join(' ')} failed: ${firstLine(result)}` }];
  }

  return {
    kind: 'systemd',
    live,
    async states() {
      const now = await running();
      return SERVICES.map(({ role, unit }) => ({
        role,
        name: unit,
        installed: unitFile(unit) !== undefined,
        enabled: isEnabled(unit),
        masked: masked(unit),
        running: now.get(unit),
      }));
    },
    enable: () => change('enable'),
    disable: () => change('disable'),
    start: () => tell('start', UNITS, START_LIMIT),
    // The other way round: the daemon would not start what it needs again.
    stop: () => tell('stop', [...UNITS].reverse(), STOP_LIMIT),
    async refresh() {
      if (!live) return [];
      const reload = await tell('daemon-reload', [], 90_000);
      const there = unitFile(DAEMON) !== undefined;
      const restart = there ? await tell('try-restart', [DAEMON], STOP_LIMIT) : [];
      // Nobody need hear of what went as it should.
      return [...reload, ...restart].filter(({ done }) => !done);
    },
  };
}

const PAST: Readonly<Record<string, string>> = { start: 'started', stop: 'stopped' };

/** The states of systemctl(1). */
function stateOf(active: string): ServiceState['running'] {
  switch (active) {
    case 'active':
    case 'reloading':
      return 'running';
    case 'activating':
      return 'starting';
    case 'failed':
      return 'failed';
    default:
      return 'stopped';
  }
}

function firstLine({ code, stderr, stdout }: QueryResult): string {
  return (stderr.trim() || stdout.trim()).split('\n')[0] || `exit status ${code}`;
}
