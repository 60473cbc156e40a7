// Commands that work on the driver: reconcile and cancel, load and unload, hugepages, signing.
import { type Command, Option } from 'commander';
import { publishOption, type Run, wholeNumber } from './command.ts';

const TRIGGERS = ['boot', 'kernel-event', 'watch', 'timer', 'cli', 'bootstrap'];

/** Seconds that a reconcile waits for another one unless told. */
const DEFAULT_WAIT = 3600;

export function addWork(program: Command, run: Run): void {
  program
    .command('reconcile')
    .description('build, install and verify the driver wherever it is not current')
    .addOption(new Option('--kernel <release>', 'for this kernel alone').conflicts('all'))
    .option('--all', 'for all kernels (the default)')
    .option('--dry-run', 'print the plan and change nothing')
    .option('--force', 'build what is current, and what failed before, too')
    .addOption(new Option('--trigger <who>', 'who asks, for the history').choices(TRIGGERS).default('cli'))
    .option('--wait <seconds>', 'wait so long for another run', wholeNumber, DEFAULT_WAIT)
    .addOption(publishOption())
    .option('--json', 'print one JSON object (schema 1)')
    .action(
      run(async (_, options) => {
        const { reconcile } = await import('../reconcile.ts');
        return reconcile(options as unknown as Parameters<typeof reconcile>[0]);
      }),
    );
  program
    .command('cancel')
    .description('end a reconcile that is under way')
    .action(run(async (_, options) => (await import('../cancel.ts')).cancel(options)));
}

export function addDriver(program: Command, run: Run): void {
  for (const [name, description] of [
    ['load', 'load the driver into the running kernel, or say why it cannot be'],
    [
      'unload',
      'unload the driver until it is asked for or the machine boots; refused while anybody uses a device',
    ],
    [
      'reload',
      'put the driver on disk in the place of the loaded one, and that back if it fails; refused while anybody uses a device that pre-reload has not freed',
    ],
  ] as const) {
    const command = program
      .command(name)
      .description(description)
      .option('--wait <seconds>', 'wait so long for another run', wholeNumber, DEFAULT_WAIT);
    if (name === 'reload') {
      command.option(
        '--force',
        'reload though there is no copy of the loaded driver, which would be put back if the other failed',
      );
    }
    command.action(
      run(async (_, options) => {
        const { driverCommand } = await import('../driver.ts');
        return driverCommand(name, { ...options, wait: Number(options.wait) });
      }),
    );
  }
}

export function addHugepages(program: Command, run: Run): void {
  const hugepages = program
    .command('hugepages')
    .description('the pages of 1 GiB that the cards are fed from')
    .helpCommand(false);
  hugepages
    .command('status')
    .description(
      'tell how many pages are wanted and why, how many are where, and the mount; exit status 0 or 1',
    )
    .option('--json', 'print one JSON object (schema 1)')
    .action(run(async (_, options) => (await import('../hugepages.ts')).hugepagesStatus(options)));
  hugepages
    .command('apply')
    .description('allocate the pages that are missing, and mount them; never takes any away by itself')
    .option(
      '--release',
      'give those back that ttkmd had allocated, that nobody uses and nothing asks for any more',
    )
    .option('--dry-run', 'print the plan and change nothing')
    .option('--wait <seconds>', 'wait so long for another run', wholeNumber, DEFAULT_WAIT)
    .option('--json', 'print one JSON object (schema 1)')
    .addOption(new Option('--boot', 'the machine boots: bad settings stop nothing').hideHelp())
    .action(
      run(async (_, options) => {
        const { applyHugepages } = await import('../hugepages.ts');
        return applyHugepages(options as unknown as Parameters<typeof applyHugepages>[0]);
      }),
    );
}

export function addSigning(program: Command, run: Run): void {
  const signing = program
    .command('signing')
    .description('signatures on modules, for kernels that load signed ones only')
    .helpCommand(false);
  signing
    .command('status')
    .description(
      'tell what each kernel enforces, which key signs for it, and whether its module loads at the next boot; exit status 0 or 1',
    )
    .option('--json', 'print one JSON object (schema 1)')
    .action(run(async (_, options) => (await import('../signing.ts')).signingStatus(options)));
  signing
    .command('enroll')
    .description(
      'have the firmware trust the key that signs: asks for a password that the MOK manager wants at the next boot; without a terminal prints the commands, with exit status 1',
    )
    .action(run(async (_, options) => (await import('../signing.ts')).signingEnroll(options)));
}
