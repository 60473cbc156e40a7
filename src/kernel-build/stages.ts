// The stages from sources to a kernel that boots, as commands: data, so that they can be shown before they are run. Pure.
import { quoted } from '../host/shell-word.ts';
import { readOption } from '../kernels/configuration.ts';
import type { Adapted } from './options.ts';
import type { Base } from './tree.ts';

export const STAGES = ['configure', 'build', 'install'] as const;

export type StageName = (typeof STAGES)[number];

export interface StageCommand {
  readonly argv: readonly string[];
  /** In words, for the line that is seen while it runs. */
  readonly text: string;
  /** It runs other programs of the system, hooks among them, that must see all processes and end in good order. */
  readonly open?: boolean;
}

export interface Stage {
  readonly name: StageName;
  /** The configuration is written before the commands are run. */
  readonly write?: { readonly path: string; readonly text: string; readonly backup: string | undefined };
  /** What a person should know of it. */
  readonly notes: readonly string[];
  readonly commands: readonly StageCommand[];
}

/** Where a kernel is built. */
export interface Places {
  /** The sources. */
  readonly tree: string;
  /** What make leaves, the configuration first of all: the sources themselves, or a folder for it alone. */
  readonly folder: string;
}

export interface StageInput extends Places {
  readonly stages: readonly StageName[];
  /** For the stage `configure`. */
  readonly base: Base;
  readonly adapted: Adapted;
  /** The text of the tree's .config as it is. */
  readonly present: string | undefined;
  readonly jobs: number;
  readonly load: string | undefined;
  /** Milliseconds since 1970: names the copy of a configuration that is replaced. */
  readonly now: number;
}

export function planStages(input: StageInput): Stage[] {
  return STAGES.filter((name) => input.stages.includes(name)).map((name) => STAGE_PLANS[name](input));
}

/** A stage as a shell would do it. */
export function describeStage({ write, notes, commands }: Stage): string[] {
  return [
    ...notes.map((note) => `# ${note}`),
    ...(write?.backup === undefined ? [] : [`cp -p ${quoted(write.path)} ${quoted(write.backup)}`]),
    ...commands.map(({ argv }) => argv.map(quoted).join(' ')),
  ];
}

/** What make needs to be told of places and configuration: what clang built, clang builds again. */
export function makeArguments({ tree, folder }: Places, config: string): string[] {
  return [
    '-C',
    tree,
    ...(folder === tree ? [] : [`O=${folder}`]),
    ...(readOption(config, 'CC_IS_CLANG') === 'y' ? ['LLVM=1'] : []),
  ];
}

const STAGE_PLANS: Readonly<Record<StageName, (input: StageInput) => Stage>> = {
  configure(input) {
    const { folder, base, adapted, present, now } = input;
    const path = `${folder}/.config`;
    const isNew = adapted.text !== present;
    const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
    const backup = isNew && present !== undefined ? `${path}.${stamp}` : undefined;
    return {
      name: 'configure',
      ...(isNew ? { write: { path, text: adapted.text, backup } } : {}),
      notes: [
        base.own ? `begins with its own configuration ${base.from}` : `begins with ${base.from}`,
        ...adapted.changes.map((change) => `sets ${change}`),
        ...(backup === undefined ? [] : [`keeps the configuration that is there as ${backup}`]),
      ],
      commands: [{ argv: make(input, 'olddefconfig'), text: `bring ${path} up to date` }],
    };
  },
  build(input) {
    const limits = [`-j${input.jobs}`, ...(input.load === undefined ? [] : [`-l${input.load}`])];
    return {
      name: 'build',
      notes: [],
      commands: [
        { argv: make(input, ...limits), text: `build the kernel and its modules in ${input.folder}` },
      ],
    };
  },
  install(input) {
    return {
      name: 'install',
      notes: ['installkernel makes the initramfs and the boot entry, as it is set up here'],
      commands: [
        { argv: make(input, 'modules_install'), text: 'install its modules' },
        {
          argv: make(input, 'install'),
          text: 'install its image, initramfs and boot entry by installkernel',
          open: true,
        },
      ],
    };
  },
};

function make(input: StageInput, ...args: readonly string[]): string[] {
  return ['make', ...makeArguments(input, input.adapted.text), ...args];
}
