// The services that ttkmd brings, under the names that systemd and OpenRC have for them.

export interface Service {
  readonly role: 'hugepages' | 'boot' | 'daemon' | 'target';
  readonly unit: string;
  /** The init script; undefined where OpenRC has no such thing. */
  readonly script: string | undefined;
  /** OpenRC's runlevel that it belongs into. */
  readonly runlevel: 'boot' | 'default';
}

/** In the order in which they are started. */
export const SERVICES: readonly Service[] = [
  { role: 'hugepages', unit: 'ttkmd-hugepages.service', script: 'ttkmd-hugepages', runlevel: 'boot' },
  { role: 'boot', unit: 'ttkmd-boot.service', script: 'ttkmd-boot', runlevel: 'default' },
  { role: 'target', unit: 'tenstorrent.target', script: undefined, runlevel: 'default' },
  { role: 'daemon', unit: 'ttkmd.service', script: 'ttkmd', runlevel: 'default' },
];

const INIT_KINDS = ['systemd', 'openrc'] as const;

export type InitKind = (typeof INIT_KINDS)[number];

/** What is known of a service. */
export interface ServiceState {
  readonly role: Service['role'];
  readonly name: string;
  readonly installed: boolean;
  /** Started at each boot. */
  readonly enabled: boolean;
  /** The admin has forbidden it: systemd's mask. */
  readonly masked: boolean;
  /** Undefined where nothing of this root runs. `skipped`: its conditions do not hold here, as in a container. */
  readonly running: 'running' | 'starting' | 'stopped' | 'failed' | 'skipped' | undefined;
}

/** One thing that was done, or that could not be. */
export interface Deed {
  readonly done: boolean;
  readonly text: string;
}

/** What runs a machine's services. */
export interface Init {
  readonly kind: InitKind;
  /** It runs this very root; where not, only what happens at the next boot can be changed. */
  readonly live: boolean;
  states(): Promise<ServiceState[]>;
  enable(): Promise<Deed[]>;
  disable(): Promise<Deed[]>;
  start(): Promise<Deed[]>;
  stop(): Promise<Deed[]>;
  /** The files of the services have changed: whatever runs is to run on what is there now. */
  refresh(): Promise<Deed[]>;
}
