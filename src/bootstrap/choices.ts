// What the caller chose, and what follows from it: which steps, in which order. Pure.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Facts } from './facts.ts';
import type { StepName } from './step.ts';

export type PythonWay = 'pipx' | 'venv' | 'uv' | 'active';

export interface Choices {
  readonly with: readonly StepName[];
  readonly without: readonly StepName[];
  /** Empty where all that is usual is meant. */
  readonly only: readonly StepName[];
  /** A folder, a tarball, `URL#tag` of a git repository, or `ebuild`; undefined is upstream's release archive. */
  readonly kmdSource: string | undefined;
  readonly python: PythonWay;
  /** The virtual environment that was active when we were called. */
  readonly activeEnvironment: string | undefined;
  /** A folder or an address that has every download. */
  readonly mirror: string | undefined;
  readonly updateFirmware: boolean;
  readonly getBinaryPackages: boolean;
  /** Who called sudo. */
  readonly user: string | undefined;
  /** The folder of the unpacked release or checkout that the program runs from; undefined where it is installed. */
  readonly package: string | undefined;
}

interface Rule {
  readonly name: StepName;
  readonly summary: string;
  /** Done unless it is left out. */
  readonly usual: (facts: Facts) => boolean;
  /** What it cannot be without. */
  readonly needs: readonly StepName[];
}

const always = (): boolean => true;
const onDemand = (): boolean => false;

/** In the order in which they are done. */
export const RULES: readonly Rule[] = [
  { name: 'program', summary: 'ttkmd itself, under /usr', usual: always, needs: [] },
  {
    name: 'packages',
    summary: "dkms and what else builds drivers, from the distribution's packages",
    usual: always,
    needs: [],
  },
  {
    name: 'kernel-options',
    summary: "options that the driver needs, for Gentoo's dist-kernels",
    usual: ({ kernelsWithout, manager }) => manager === 'portage' && kernelsWithout.some(({ dist }) => dist),
    needs: [],
  },
  { name: 'source', summary: "tt-kmd's source in /usr/src", usual: always, needs: [] },
  {
    name: 'hugepages',
    summary: 'pages of 1 GiB, before builds fill the memory, and their mount',
    usual: ({ chrooted }) => !chrooted,
    needs: [],
  },
  {
    name: 'driver',
    summary: 'the driver, built for every kernel and loaded',
    usual: always,
    needs: ['packages', 'source'],
  },
  { name: 'hooks', summary: 'the hooks that kernel installations call', usual: always, needs: ['program'] },
  {
    name: 'service',
    summary: 'the services, now and at each boot',
    usual: ({ init }) => init !== undefined,
    needs: ['program'],
  },
  { name: 'tt-smi', summary: 'shows and resets cards (PyPI)', usual: always, needs: [] },
  { name: 'tt-flash', summary: 'writes firmware to cards (PyPI)', usual: always, needs: [] },
  { name: 'tt-topology', summary: 'sets up meshes of Wormhole cards (PyPI)', usual: onDemand, needs: [] },
  {
    name: 'firmware',
    summary: "the cards' firmware; only with --update-firmware",
    usual: onDemand,
    needs: ['tt-flash'],
  },
  {
    name: 'sfpi',
    summary: "the compiler for the cards' cores, in /opt/tenstorrent/sfpi",
    usual: onDemand,
    needs: [],
  },
  {
    name: 'podman',
    summary: 'containers, rootless for the user who called sudo',
    usual: onDemand,
    needs: [],
  },
  {
    name: 'tt-metalium',
    summary: "a command that runs upstream's container of TT-Metalium",
    usual: onDemand,
    needs: ['podman'],
  },
  {
    name: 'tt-inference-server',
    summary: "upstream's servers of models, in containers; a version that --versions FILE names",
    usual: onDemand,
    needs: ['podman'],
  },
];

export const STEP_NAMES: readonly StepName[] = RULES.map(({ name }) => name);

/**
 * The steps, in their order, with what they need.
 * @throws TtkmdError where choices contradict each other
 */
export function selectSteps(choices: Choices, facts: Facts): StepName[] {
  const { only, without } = choices;
  const wanted = new Set<StepName>(only.length > 0 ? only : usualSteps(choices, facts));
  for (const name of choices.with) wanted.add(name);
  if (choices.updateFirmware) wanted.add('firmware');
  if (wanted.has('firmware') && !choices.updateFirmware) {
    throw contradiction(
      'firmware is written only when asked for by --update-firmware',
      'Add --update-firmware.',
    );
  }
  for (const name of without) {
    if (choices.with.includes(name) || only.includes(name)) {
      throw contradiction(
        `${name} is both asked for and left out`,
        `Take ${name} out of --without, or of the others.`,
      );
    }
    wanted.delete(name);
  }
  // With --only somebody knows what is there already.
  if (only.length === 0) addNeeds(wanted, choices, facts);
  return STEP_NAMES.filter((name) => wanted.has(name));
}

function usualSteps(choices: Choices, facts: Facts): StepName[] {
  return RULES.filter(({ usual }) => usual(facts))
    .map(({ name }) => name)
    .filter((name) => !(name === 'source' && choices.kmdSource === 'none'));
}

function addNeeds(wanted: Set<StepName>, { without }: Choices, facts: Facts): void {
  for (const { name, needs } of RULES.toReversed()) {
    if (!wanted.has(name)) continue;
    for (const need of needs) {
      if (wanted.has(need) || (need === 'podman' && facts.containers !== undefined)) continue;
      // What is there already may be left out: the step's own check tells.
      if (!without.includes(need)) wanted.add(need);
      else if (need === 'podman' || need === 'tt-flash') {
        throw contradiction(
          `${name} needs ${need}, which is left out`,
          `Take ${need} out of --without, or ${name} out of --with.`,
        );
      }
    }
  }
}

/** Names from a list such as `tt-topology,podman`, each known. */
export function parseSteps(text: string): StepName[] {
  const names = text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  return names.map((name) => {
    const known = STEP_NAMES.find((one) => one === name);
    if (known !== undefined) return known;
    throw contradiction(`there is no step called ${name}`, `The steps are ${STEP_NAMES.join(', ')}.`);
  });
}

function contradiction(message: string, hint: string): TtkmdError {
  return new TtkmdError('bootstrap-choices', `Nothing was done: ${message}.`, hint, EXIT.usage);
}
