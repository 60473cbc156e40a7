// `ttkmdctl kernels`: every kernel, what it is, and whether the driver can be built for it.
import { EXIT } from '../host/errors.ts';
import { type KernelArchive, observeArchives } from '../kernels/archive.ts';
import { observeKernels } from '../kernels/inventory.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { withRememberedOrigins } from '../reconcile/observe-inputs.ts';
import { isArchived } from '../reconcile/plan-archives.ts';
import { originText } from '../reconcile/status-document.ts';
import { loadState } from '../state/state.ts';
import { type GlobalOptions, openContext } from './context.ts';
import { type Column, table } from './terminal.ts';

const COLUMNS: readonly Column[] = [
  { title: 'KERNEL', expendable: 0 },
  { title: 'KIND', expendable: 3 },
  { title: 'ORIGIN', expendable: 2 },
  { title: 'COMPILER', expendable: 4 },
  { title: 'BUILD TREE', expendable: 0 },
];

export async function kernels(options: GlobalOptions & { readonly json?: boolean }): Promise<number> {
  const { host, terminal } = openContext(options);
  const archives = new Map(observeArchives(host.fs).map((one) => [one.release, one]));
  const found = withRememberedOrigins(observeKernels(host), loadState(host.fs));
  if (options.json) {
    terminal.line(
      JSON.stringify({ schema: 1, kernels: found.map((one) => kernelEntry(one, archives)) }, undefined, 2),
    );
    return EXIT.ok;
  }
  if (found.length === 0) {
    terminal.line('no kernels found in /lib/modules and /usr/src');
    return EXIT.ok;
  }
  const rows = found.map((kernel) => [
    kernel.release,
    kernel.kind,
    kernel.origin.kind === 'dist-kernel'
      ? kernel.origin.package.replace(/:.*/, '')
      : originText(kernel.origin),
    shortCompiler(kernel.compiler),
    treeText(kernel, archives),
  ]);
  const { head, lines } = table(COLUMNS, rows, terminal.width - 2);
  terminal.line(`  ${terminal.style('dim', head)}`);
  for (const [index, line] of lines.entries()) {
    terminal.line(`${found[index]?.running ? terminal.style('cyan', '▸') : ' '} ${line}`);
    for (const { text } of found[index]?.buildTree.missing.slice(1) ?? []) terminal.line(`      and ${text}`);
  }
  return EXIT.ok;
}

type Archives = ReadonlyMap<string, KernelArchive>;

function treeText(kernel: Kernel, archives: Archives): string {
  if (kernel.buildTree.ready) return 'ready';
  if (isArchived({ archives }, kernel)) return 'from the archive';
  return kernel.buildTree.missing[0]?.text ?? 'not ready';
}

function kernelEntry(kernel: Kernel, archives: Archives): object {
  return {
    release: kernel.release,
    kind: kernel.kind,
    running: kernel.running,
    origin: originText(kernel.origin),
    package: 'package' in kernel.origin ? kernel.origin.package : null,
    image: kernel.image ?? null,
    sourceTree: kernel.sourceTree ?? null,
    compiler: kernel.compiler ?? null,
    buildTree: {
      path: kernel.buildTree.path ?? null,
      ready: kernel.buildTree.ready,
      missing: kernel.buildTree.missing,
      archive: archives.get(kernel.release)?.path ?? null,
    },
  };
}

/** `gcc-12 (Debian 12.2.0-14) 12.2.0` is `gcc-12 12.2.0` to a reader. */
function shortCompiler(text: string | undefined): string {
  return text === undefined
    ? '–'
    : text
        .replace(/\s*\(.*\)\s*/, ' ')
        .replace(/ \d{8}$/, '')
        .trim();
}
