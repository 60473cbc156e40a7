// Whether a finished machine works: each check with its evidence and what mends it. Pure.
import type { DoctorFacts } from './doctor-facts.ts';

export interface Diagnosis {
  readonly check: string;
  readonly result: 'ok' | 'warning' | 'failure';
  /** What was seen. */
  readonly evidence: string;
  /** What to do; undefined where nothing is to be done. */
  readonly remedy: string | undefined;
}

export function diagnose(facts: DoctorFacts): Diagnosis[] {
  return [
    ...packages(facts),
    card(facts),
    driver(facts),
    loaded(facts),
    ...hugepages(facts),
    hooks(facts),
    ...services(facts),
    ...tools(facts),
    ...devicesSeen(facts),
    containers(facts),
  ];
}

function packages({ commands }: DoctorFacts): Diagnosis[] {
  return Object.entries(commands).map(([name, there]) =>
    there
      ? ok(`package ${name}`, `the command ${name} is there`)
      : failure(
          `package ${name}`,
          `there is no command ${name}`,
          'as root: ttkmdctl bootstrap --only packages',
        ),
  );
}

function card({ devices }: DoctorFacts): Diagnosis {
  if (devices.length === 0) {
    return warning(
      'card',
      'no device of the vendor 1e52 is on the PCI bus',
      'see that the card is seated and powered; lspci -d 1e52: lists it',
    );
  }
  return ok('card', devices.map(({ family, address }) => `${family} at ${address}`).join(', '));
}

function driver({ health, healthWhy, wanted }: DoctorFacts): Diagnosis {
  const evidence =
    healthWhy ?? `${wanted ?? 'no version'} for every kernel that can have it; health is ${health}`;
  if (wanted === undefined)
    return failure('driver', 'there is no source of it', 'as root: ttkmdctl bootstrap');
  if (health === 'ok') return ok('driver', evidence);
  const remedy = 'ttkmdctl status says what to do';
  return health === 'failed' ? failure('driver', evidence, remedy) : warning('driver', evidence, remedy);
}

function loaded({ loadedVersion, loadable, wanted, devices }: DoctorFacts): Diagnosis {
  if (loadedVersion === undefined) {
    if (!loadable)
      return warning(
        'module',
        'nothing can be loaded here: a chroot, or a kernel without modules',
        'look again on the machine itself',
      );
    return devices.length === 0
      ? warning('module', 'not loaded, and there is no card for it', 'none is needed until there is one')
      : failure('module', 'not loaded', 'as root: ttkmdctl boot, which says why not');
  }
  return loadedVersion === wanted || wanted === undefined
    ? ok('module', `${loadedVersion} is loaded`)
    : warning('module', `${loadedVersion} is loaded, and ${wanted} is installed`, 'reboot when it suits');
}

const BRING_HUGEPAGES = 'as root: ttkmdctl hugepages apply, which says what is in the way';

function hugepages({ hugepages: seen }: DoctorFacts): Diagnosis[] {
  if (seen === undefined) return [ok('hugepages', 'a chroot has none')];
  const { demand, why, total, free, mounted, folder, lack } = seen;
  if (demand === 0) return [ok('hugepages', `none are wanted: ${why}`)];
  const count = `${total} of ${demand} × 1 GiB, ${free} free`;
  return [
    lack !== undefined
      ? failure('hugepages', lack.text, lack.hint)
      : total === 0
        ? failure('hugepages', `no page of 1 GiB is there, and ${demand} are wanted`, BRING_HUGEPAGES)
        : total < demand
          ? warning('hugepages', count, BRING_HUGEPAGES)
          : ok('hugepages', count),
    mounted
      ? ok('hugepages mount', `${folder} is mounted`)
      : failure('hugepages mount', `${folder} is not mounted as it should be`, BRING_HUGEPAGES),
  ];
}

function hooks({ bypasses }: DoctorFacts): Diagnosis {
  const [first] = bypasses;
  if (first === undefined) return ok('hooks', 'kernel installations reach ttkmd');
  return failure('hooks', first, 'ttkmdctl hooks status says what to do');
}

function services({ services: all }: DoctorFacts): Diagnosis[] {
  if (all === undefined)
    return [
      warning(
        'services',
        'there is no init that runs any',
        'let your own init run ttkmdctl boot and ttkmdctl daemon',
      ),
    ];
  return all.map(({ name, installed, enabled, masked, running }) => {
    const check = `service ${name}`;
    if (!installed)
      return failure(check, 'not installed', 'install ttkmd again from its release, as root: ./bootstrap.sh');
    if (masked) return warning(check, 'masked', `if that was not meant, as root: systemctl unmask ${name}`);
    if (!enabled) return failure(check, 'not enabled', 'as root: ttkmdctl service enable --now');
    if (running === 'failed')
      return failure(check, 'failed', 'ttkmdctl service status says where its log is');
    if (running === 'stopped')
      return warning(check, 'enabled, and does not run', 'as root: ttkmdctl service enable --now');
    return ok(check, running === undefined ? 'enabled' : `enabled, ${running}`);
  });
}

/** Nobody misses these who has not asked for them. */
const BY_CHOICE: readonly string[] = ['tt-topology'];

function tools({ tools: all }: DoctorFacts): Diagnosis[] {
  const seen = all.filter(({ name, installed }) => installed || !BY_CHOICE.includes(name));
  return seen.map(({ name, installed, version, said }) => {
    if (!installed)
      return warning(name, 'not installed', `as root: ttkmdctl bootstrap --only packages,${name}`);
    if (version !== undefined) return ok(name, `starts, and is ${version}`);
    return failure(
      name,
      `does not start: ${said}`,
      `as root: ttkmdctl bootstrap --only ${name}, after removing /opt/ttkmd`,
    );
  });
}

function devicesSeen({ seenBySmi, devices }: DoctorFacts): Diagnosis[] {
  if (seenBySmi === undefined || devices.length === 0) return [];
  return seenBySmi >= devices.length
    ? [ok('tt-smi sees the cards', `${seenBySmi} of ${devices.length}`)]
    : [
        failure(
          'tt-smi sees the cards',
          `${seenBySmi} of ${devices.length}`,
          'tt-smi says what it misses; ttkmdctl status tells of the driver',
        ),
      ];
}

function containers({ containers: name, containersSay }: DoctorFacts): Diagnosis {
  if (name === undefined) return ok('containers', 'no container runtime, which is by choice');
  return containersSay === undefined
    ? failure('containers', `${name} does not start`, `${name} info says why`)
    : ok('containers', containersSay);
}

function ok(check: string, evidence: string): Diagnosis {
  return { check, result: 'ok', evidence, remedy: undefined };
}

function warning(check: string, evidence: string, remedy: string): Diagnosis {
  return { check, result: 'warning', evidence, remedy };
}

function failure(check: string, evidence: string, remedy: string): Diagnosis {
  return { check, result: 'failure', evidence, remedy };
}
