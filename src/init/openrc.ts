// OpenRC: init scripts in the runlevels boot and default, through rc-update and rc-service.
import type { QueryResult } from '../host/exec.ts';
import type { Host } from '../host/host.ts';
import { type Deed, type Init, SERVICES, type ServiceState } from './services.ts';

const SCRIPTS = SERVICES.flatMap(({ role, script, runlevel }) =>
  script === undefined ? [] : [{ role, script, runlevel }],
);

const RUNLEVELS = '/etc/runlevels';

const STOP_LIMIT = 90_000;
const START_LIMIT = 24 * 60 * 60_000;

export function openrc(host: Host, live: boolean): Init {
  const { fs, exec } = host;
  const runlevelsOf = (script: string): string[] =>
    fs.list(RUNLEVELS).filter((level) => fs.readLink(`${RUNLEVELS}/${level}/${script}`) !== undefined);

  /** The states that every init script's own `status` ends with (rc-service(8), openrc-run.sh). */
  async function running(script: string): Promise<ServiceState['running']> {
    if (!live) return undefined;
    const { code } = await exec.query('rc-service', [script, 'status']);
    if (code === 0) return 'running';
    if (code === 8) return 'starting';
    return code === 32 || code === 64 || fs.exists(`/run/openrc/failed/${script}`) ? 'failed' : 'stopped';
  }

  async function enable(): Promise<Deed[]> {
    const deeds: Deed[] = [];
    for (const { script, runlevel } of SCRIPTS) {
      if (runlevelsOf(script).length > 0) continue;
      const result = await exec.query('rc-update', ['add', script, runlevel]);
      // No rc-update that runs here, as from outside a root of another machine: what it makes is a link.
      if (cannotRun(result)) fs.link(`/etc/init.d/${script}`, `${RUNLEVELS}/${runlevel}/${script}`);
      deeds.push(outcome(result, `added ${script} to the runlevel ${runlevel}`, `rc-update add ${script}`));
    }
    return deeds;
  }

  async function disable(): Promise<Deed[]> {
    const deeds: Deed[] = [];
    for (const { script } of SCRIPTS) {
      for (const level of runlevelsOf(script)) {
        // Not `--all`: that fails for each runlevel that the script is not in.
        const result = await exec.query('rc-update', ['del', script, level]);
        if (cannotRun(result)) fs.remove(`${RUNLEVELS}/${level}/${script}`);
        deeds.push(outcome(result, `took ${script} out of the runlevel ${level}`, `rc-update del ${script}`));
      }
    }
    return deeds;
  }

  async function tell(
    verb: string,
    past: string,
    timeLimit: number,
    flags: readonly string[] = [],
  ): Promise<Deed[]> {
    const scripts = SCRIPTS.map(({ script }) => script).filter((script) =>
      fs.exists(`/etc/init.d/${script}`),
    );
    const deeds: Deed[] = [];
    for (const script of verb === 'stop' ? scripts.reverse() : scripts) {
      const result = await exec.query('rc-service', [...flags, script, verb], { timeLimit });
      deeds.push(
        result.code === 0
          ? { done: true, text: `${past} ${script}` }
          : { done: false, text: `rc-service ${script} ${verb} failed: ${lastLine(result)}` },
      );
    }
    return deeds;
  }

  return {
    kind: 'openrc',
    live,
    async states() {
      return Promise.all(
        SCRIPTS.map(async ({ role, script }) => {
          const installed = fs.exists(`/etc/init.d/${script}`);
          return {
            role,
            name: script,
            installed,
            enabled: runlevelsOf(script).length > 0,
            masked: false,
            running: installed ? await running(script) : live ? 'stopped' : undefined,
          };
        }),
      );
    },
    enable,
    disable,
    start: () => tell('start', 'started', START_LIMIT),
    stop: () => tell('stop', 'stopped', STOP_LIMIT, ['--ifstarted']),
    async refresh() {
      if (!live || !fs.exists('/etc/init.d/ttkmd')) return [];
      const flags = ['--ifstarted', 'ttkmd', 'restart'];
      const result = await exec.query('rc-service', flags, { timeLimit: STOP_LIMIT });
      if (result.code === 0) return [];
      return [{ done: false, text: `rc-service ttkmd restart failed: ${lastLine(result)}` }];
    },
  };
}

function outcome(result: QueryResult, text: string, command: string): Deed {
  if (result.code === 0) return { done: true, text };
  if (cannotRun(result)) return { done: true, text: `${text} (by its link)` };
  return { done: false, text: `${command} failed: ${lastLine(result)}` };
}

/** 126 and 127 are what chroot(1) and a shell say of a command that cannot be run. */
function cannotRun({ code }: QueryResult): boolean {
  return code === 126 || code === 127;
}

function lastLine({ code, stderr, stdout }: QueryResult): string {
  const lines = (stderr.trim() || stdout.trim()).split('\n');
  return lines.at(-1)?.replace(/^\s*\*\s*/, '') || `exit status ${code}`;
}
