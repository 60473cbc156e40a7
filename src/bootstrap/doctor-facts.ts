// What a finished machine shows, for the doctor to judge. Looks, and starts the tools; changes nothing.
import type { Config } from '../config/config.ts';
import { observeHookWays } from '../deploy/hook-facts.ts';
import { judgeHookWays } from '../deploy/hooks-status.ts';
import type { Device } from '../driver/driver.ts';
import { observeLoaded } from '../driver/loaded.ts';
import type { Host } from '../host/host.ts';
import { openInit } from '../init/detect.ts';
import type { ServiceState } from '../init/services.ts';
import { own } from '../reconcile/drivable.ts';
import type { Judgement } from '../reconcile/judgement.ts';
import { look } from '../reconcile/look.ts';
import type { ConfigWarning } from '../reconcile/observation.ts';
import { isCommand } from './facts.ts';
import { TOOL_NAMES } from './versions.ts';

export interface HugepagesFacts {
  readonly demand: number;
  /** Where the number comes from. */
  readonly why: string;
  /** Of the demanded ones. */
  readonly total: number;
  readonly free: number;
  readonly mounted: boolean;
  readonly folder: string;
  /** Why this kernel has none. */
  readonly lack: { readonly text: string; readonly hint: string } | undefined;
}

export interface DoctorFacts {
  /** Commands that building takes, and whether they are there. */
  readonly commands: Readonly<Record<string, boolean>>;
  readonly devices: readonly Device[];
  readonly health: 'ok' | 'degraded' | 'failed';
  /** The worst of what health suffers from. */
  readonly healthWhy: string | undefined;
  /** The driver's version that is wanted; undefined where no source is there. */
  readonly wanted: string | undefined;
  readonly loadedVersion: string | undefined;
  /** Something could be loaded here. */
  readonly loadable: boolean;
  /** Undefined in a chroot. */
  readonly hugepages: HugepagesFacts | undefined;
  /** Ways in which kernel installations go past us. */
  readonly bypasses: readonly string[];
  readonly services: readonly ServiceState[] | undefined;
  readonly tools: readonly {
    readonly name: string;
    readonly installed: boolean;
    /** Undefined where it does not start. */
    readonly version: string | undefined;
    readonly said: string;
  }[];
  /** How many cards tt-smi lists; undefined where it was not asked. */
  readonly seenBySmi: number | undefined;
  readonly containers: 'podman' | 'docker' | undefined;
  readonly containersSay: string | undefined;
}

/** Milliseconds: a Python program with large libraries starts slowly the first time. */
const TOOL_LIMIT = 60_000;

export async function observeForDoctor(
  host: Host,
  settings: { readonly config: Config; readonly configWarnings: readonly ConfigWarning[] },
): Promise<DoctorFacts> {
  const { fs, machine } = host;
  const judgement = await look(host, settings);
  // What somebody has given to another driver is not ours to judge.
  const devices = own(judgement.observation.devices);
  const tools = await Promise.all(TOOL_NAMES.map((name) => startTool(host, name)));
  const containers = (['podman', 'docker'] as const).find((name) => isCommand(host, name));
  const smi = tools.find(({ name }) => name === 'tt-smi');
  return {
    commands: Object.fromEntries(
      ['dkms', 'make', 'gcc', 'modprobe'].map((name) => [name, isCommand(host, name)]),
    ),
    devices,
    health: judgement.health,
    healthWhy: judgement.problems.find(({ severity }) => severity !== 'note')?.message,
    wanted: judgement.driver.source?.version,
    loadedVersion: observeLoaded(fs)?.version,
    loadable: !machine.chrooted && fs.exists(`/lib/modules/${machine.runningRelease}`),
    hugepages: hugepages(judgement),
    bypasses: judgeHookWays(observeHookWays(host))
      .problems.filter(({ severity }) => severity === 'bypass')
      .map(({ message }) => message),
    services: await openInit(host, host.exec)?.states(),
    tools,
    seenBySmi: smi?.version !== undefined && devices.length > 0 ? await cardsOfSmi(host) : undefined,
    containers,
    containersSay: containers === undefined ? undefined : await firstLine(host, containers, ['--version']),
  };
}

function hugepages({ hugepages: judged, observation }: Judgement): HugepagesFacts | undefined {
  const seen = observation.hugepages;
  if (judged === undefined || seen === undefined) return undefined;
  return {
    demand: judged.demand.total,
    why: judged.demand.why,
    total: judged.present,
    free: judged.nodes.reduce((sum, { free }) => sum + free, 0),
    mounted: judged.mount === 'mounted',
    folder: seen.mount.path,
    lack: seen.lack,
  };
}

/** What a tool keeps for its user is nothing that a look should leave behind. */
const TRACELESS = { HOME: '/dev/null', PYTHONDONTWRITEBYTECODE: '1' };

async function startTool(host: Host, name: string): Promise<DoctorFacts['tools'][number]> {
  if (!isCommand(host, name)) return { name, installed: false, version: undefined, said: '' };
  const { code, stdout, stderr } = await host.exec.query(name, ['--version'], {
    timeLimit: TOOL_LIMIT,
    env: TRACELESS,
  });
  const said = (stdout.trim() || stderr.trim()).split('\n').at(-1) ?? '';
  return { name, installed: true, version: code === 0 ? said : undefined, said };
}

/** tt-smi's snapshot has each card's PCI address. */
async function cardsOfSmi({ exec }: Host): Promise<number> {
  const { stdout } = await exec.query('tt-smi', ['-s', '--snapshot_no_tty'], {
    timeLimit: TOOL_LIMIT,
    env: TRACELESS,
  });
  return new Set(
    [...stdout.matchAll(/\b[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b/gi)].map(([address]) => address),
  ).size;
}

async function firstLine(host: Host, command: string, args: readonly string[]): Promise<string | undefined> {
  const { code, stdout } = await host.exec.query(command, args);
  return code === 0 ? stdout.split('\n')[0] : undefined;
}
