// Commands that look, and the one that builds a kernel.
import { type Command, Option } from 'commander';
import { publishOption, type Run, wholeNumber } from './command.ts';

export function addLooks(program: Command, run: Run): void {
  program
    .command('status')
    .description('show the health of the driver, of every kernel, and what to do')
    .addOption(new Option('--json', 'print one JSON object (schema 1)').conflicts(['watch', 'quiet']))
    .addOption(publishOption())
    .option('--quiet', 'print what is wrong alone, and nothing where health is ok')
    .addOption(
      new Option(
        '--explain <release>',
        "show what a kernel's module was built from and what is there now",
      ).conflicts(['watch', 'quiet', 'publish']),
    )
    .option('--watch', 'draw it again whenever something happens, until Ctrl-C')
    .action(
      run(async (_, options) =>
        options.watch
          ? (await import('../watch-status.ts')).watchStatus(options)
          : (await import('../status.ts')).status(options),
      ),
    );
  program
    .command('ready')
    .description('tell whether the card will be there after a reboot; exit status 0 or 1')
    .argument('[release]', 'the kernel; the one that would boot next, the newest, unless told')
    .action(run(async ([release], options) => (await import('../ready.ts')).ready(release, options)));
  const kernels = program
    .command('kernels')
    .description('list every kernel, its origin, and whether its build tree is ready')
    .option('--json', 'print one JSON object (schema 1)')
    .helpCommand(false)
    .action(run(async (_, options) => (await import('../kernels.ts')).kernels(options)));
  kernels
    .command('check')
    .description(
      'compare the configuration of kernels with what the driver needs; exit status 0 where it fits, 1 where it does not',
    )
    .argument('[release]', 'this kernel alone')
    .option('--json', 'print one JSON object (schema 1)')
    .action(
      run(async ([release], options) => (await import('../check-kernels.ts')).checkKernels(release, options)),
    );
  addKernelsBuild(kernels, run);
  program
    .command('devices')
    .description('list the devices: what drives each, its node in /dev, its firmware, who holds it')
    .option('--json', 'print one JSON object (schema 1)')
    .action(run(async (_, options) => (await import('../devices.ts')).devices(options)));
  program
    .command('logs')
    .description('print the log of the newest build')
    .argument('[release]', 'for this kernel alone')
    .option('--list', 'list all build logs instead')
    .action(run(async ([release], options) => (await import('../logs.ts')).logs(release, options)));
  program
    .command('history')
    .description('list what was done when, by which trigger, and how it ended')
    .option('-n, --lines <count>', 'so many of the newest entries', wholeNumber, 30)
    .option('--all', 'the small steps that keep records in order, too')
    .option('--json', 'print one JSON object (schema 1), with all steps')
    .action(
      run(async (_, options) =>
        (await import('../history.ts')).history({ ...options, lines: Number(options.lines) }),
      ),
    );
}

function addKernelsBuild(kernels: Command, run: Run): void {
  kernels
    .command('build')
    .description(
      'take sources that nobody has built through configure, build and install, and build their driver; run again, it goes on where it stopped',
    )
    .argument(
      '[source-tree]',
      'a folder, or its name in /usr/src; /usr/src/linux unless told, else the newest',
    )
    .option(
      '--config <file>',
      "begin with this configuration; else with the tree's own, else with the running kernel's",
    )
    .option('--output <folder>', 'have make leave all of it there (O=), and the sources as they are')
    .option(
      '--stage <stages>',
      'these alone, separated by commas: configure, build, install; the others are yours to do',
    )
    .option('--jobs <count>', 'so many jobs at once, whatever build.jobs and MAKEOPTS say', wholeNumber)
    .option('--dry-run', 'print the commands and change nothing')
    .action(
      run(async ([tree], options) => (await import('../kernels-build.ts')).kernelsBuild(tree, options)),
    );
}
