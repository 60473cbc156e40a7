// `ttkmdctl kernels check`: whether kernels are configured so that the driver can be built for them and works.
import type { Config } from '../config/config.ts';
import { observeSources } from '../driver/sources.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import { installedConfiguration } from '../kernels/configuration.ts';
import { observeKernels } from '../kernels/inventory.ts';
import type { Kernel } from '../kernels/kernel.ts';
import {
  configFragment,
  FRAGMENT_PATH,
  howToSet,
  type LackingOption,
  lackingOptions,
} from '../kernels/needed-options.ts';
import { compareReleases } from '../kernels/versions.ts';
import { withRememberedOrigins } from '../reconcile/observe-inputs.ts';
import { wantedSource } from '../reconcile/wanted-source.ts';
import { loadState } from '../state/state.ts';
import { type GlobalOptions, openContext } from './context.ts';
import { type Terminal, wrap } from './terminal.ts';

interface Checked {
  readonly kernel: Kernel;
  /** Undefined where nothing tells its configuration. */
  readonly fits: boolean | undefined;
  readonly lacking: readonly LackingOption[];
}

/** Exit status 0 where all that were asked for fit, 1 where one does not, or where nothing tells. */
export async function checkKernels(
  release: string | undefined,
  options: GlobalOptions & { readonly json?: boolean },
): Promise<number> {
  const { host, config, terminal } = openContext(options);
  const { checked, version } = checkHost(host, config, release);
  if (options.json) {
    const document = {
      schema: 1,
      driver: version ?? null,
      kernels: checked.map(entry),
      fragment: fragmentOf(checked),
    };
    terminal.line(JSON.stringify(document, undefined, 2));
  } else for (const line of renderChecks(checked, version, terminal)) terminal.line(line);
  const asked = release === undefined ? checked.filter(({ fits }) => fits !== undefined) : checked;
  return asked.every(({ fits }) => fits === true) ? EXIT.ok : EXIT.unhealthy;
}

/** The kernels of a host, or the one that is asked for, compared with what the driver of that version needs. */
export function checkHost(
  host: Host,
  config: Config,
  release: string | undefined,
): { checked: Checked[]; version: string | undefined } {
  const state = loadState(host.fs);
  const sources = observeSources(host.fs, state.sources);
  const source = wantedSource(
    sources.sort((a, b) => compareReleases(b.version, a.version)),
    config,
  );
  const kernels = withRememberedOrigins(observeKernels(host), state);
  const checked = chosen(kernels, release).map((kernel): Checked => {
    const known = isKnown(kernel)
      ? kernel
      : { ...kernel, configuration: installedConfiguration(host.fs, kernel.release) };
    const lacking = lackingOptions(known, source?.calls);
    const fits = isKnown(known) ? lacking.every(({ breaks }) => breaks !== 'surely') : undefined;
    return { kernel, fits, lacking };
  });
  return { checked, version: source?.version };
}

function isKnown({ configuration }: Kernel): boolean {
  return Object.keys(configuration).length > 0;
}

/** What nobody boots and nobody will build is not asked about, unless by its name. */
function chosen(kernels: readonly Kernel[], release: string | undefined): Kernel[] {
  if (release === undefined) {
    return kernels.filter(({ kind, running }) => running || (kind !== 'backup' && kind !== 'leftover'));
  }
  const found = kernels.filter((kernel) => kernel.release === release);
  if (found.length > 0) return found;
  throw new TtkmdError(
    'unknown-kernel',
    `There is no kernel ${release} on this machine.`,
    'which there are: ttkmdctl kernels',
    EXIT.usage,
  );
}

function entry({ kernel, fits, lacking }: Checked): object {
  return {
    release: kernel.release,
    kind: kernel.kind,
    fits: fits ?? null,
    lacking: lacking.map(({ option, breaks }) => ({
      option: `CONFIG_${option.name}`,
      breaks,
      without: option.without,
      menu: option.menu,
      set: `CONFIG_${option.set}=y`,
    })),
    hint: lacking.length === 0 ? null : howToSet(kernel, lacking),
  };
}

function fragmentOf(checked: readonly Checked[]): string {
  const lacking = checked.flatMap((one) => one.lacking);
  const once = lacking.filter(
    ({ option }, index) => lacking.findIndex((other) => other.option === option) === index,
  );
  return configFragment(once);
}

const CONSEQUENCE: Readonly<Record<LackingOption['breaks'], string>> = {
  surely: '',
  maybe: 'under some condition ',
  use: '',
};

/** The lines of the screen. */
export function renderChecks(
  checked: readonly Checked[],
  version: string | undefined,
  terminal: Terminal,
): string[] {
  const what = version === undefined ? 'tt-kmd, of which no source is here' : `tenstorrent ${version}`;
  const lines = [
    ...marked('', `what ${what} needs of each kernel:`, terminal),
    ...checked.flatMap((one) => checkLines(one, terminal)),
  ];
  const fragment = fragmentOf(checked);
  if (fragment === '') return lines;
  const head = marked(
    '',
    `for ${FRAGMENT_PATH}, which dist-kernels merge into their configuration:`,
    terminal,
  );
  return [...lines, '', ...head, '', ...fragment.trimEnd().split('\n')];
}

function checkLines({ kernel, fits, lacking }: Checked, terminal: Terminal): string[] {
  const [verdict, style] =
    fits === undefined
      ? (['unknown: nothing here tells its configuration', 'dim'] as const)
      : fits
        ? ([lacking.length === 0 ? 'fits' : 'fits, with something missing', 'green'] as const)
        : (['does not fit', 'red'] as const);
  const sure = terminal.style('red', '✗');
  const unsure = terminal.style('yellow', '·');
  const arrow = terminal.style('cyan', '→');
  return [
    `${kernel.release}: ${terminal.style(style, verdict)}`,
    ...lacking.flatMap(({ option, breaks }) => [
      ...marked(
        `  ${breaks === 'surely' ? sure : unsure} `,
        `CONFIG_${option.name} is off: ${CONSEQUENCE[breaks]}${option.without}`,
        terminal,
      ),
      ...marked('    ', `menuconfig: ${option.menu}`, terminal),
    ]),
    ...(lacking.length > 0 ? marked(`  ${arrow} `, howToSet(kernel, lacking), terminal) : []),
  ];
}

/** A text behind a mark of four columns, or of none. */
function marked(mark: string, text: string, terminal: Terminal): string[] {
  const indent = mark === '' ? 0 : 4;
  const [first = '', ...rest] = wrap(text, terminal.width - indent);
  return [`${mark}${first}`, ...rest.map((line) => `${' '.repeat(indent)}${line}`)];
}
