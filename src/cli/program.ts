// The command line's definitions, from which help, man page and completions are made too. Commands are loaded
// when they are called: most of the start-up time would else go into code that is not needed.
import { type Command, Command as CommanderCommand, InvalidArgumentError, Option } from 'commander';
import { EXIT } from '../host/errors.ts';
import { exitStatusHelp } from './exit-statuses.ts';
import { VERSION } from './version.ts';

const TRIGGERS = ['boot', 'kernel-event', 'watch', 'timer', 'cli', 'bootstrap'];

/** Seconds that a reconcile waits for another one unless told. */
const DEFAULT_WAIT = 3600;

/** What the command line reaches and that does not belong to it. */
export interface Parts {
  readonly kernelEvent: {
    readonly ways: readonly string[];
    readonly run: (way: string, args: readonly string[]) => Promise<number>;
  };
  readonly daemon: { readonly run: (root: string) => Promise<number> };
}

type Options = Record<string, unknown> & { readonly root: string };

/**
 * The whole command line.
 * @param done is given the exit status of the command that ran
 */
export function createProgram(parts: Parts, done: (status: number) => void): Command {
  const program = new CommanderCommand('ttkmdctl')
    .description("Keeps Tenstorrent's kernel driver working through every kernel change.")
    .version(VERSION, '-V, --version', 'print the version')
    .option('--root <dir>', 'work on the system in this folder instead of the running one', '/')
    .configureHelp({ showGlobalOptions: true })
    .helpOption('-h, --help', 'print the help')
    .addHelpText('after', () => `\n${exitStatusHelp()}`)
    // What is wrong with a call is said by us, with a next step.
    .configureOutput({ writeErr() {} })
    .exitOverride();
  // Commander repeats every option in a call's arguments; what a command gets is its arguments and all options.
  const run =
    (command: (args: string[], options: Options) => Promise<number>) =>
    async (...given: unknown[]): Promise<void> => {
      const self = given.at(-1) as Command;
      done(await command(self.args, self.optsWithGlobals<Options>()));
    };

  addLooks(program, run);
  addWork(program, run);
  addBootstrap(program, run);
  addDoctor(program, run);
  addHugepages(program, run);
  addDriver(program, run);
  addSigning(program, run);
  addConfig(program, run);
  addHooks(program, run);
  addService(program, run);
  addInternals(program, run, parts);
  addHelp(program, done);
  return program;
}

type Run = (
  command: (args: string[], options: Options) => Promise<number>,
) => (...given: unknown[]) => Promise<void>;

function addLooks(program: Command, run: Run): void {
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
          ? (await import('./watch-status.ts')).watchStatus(options)
          : (await import('./status.ts')).status(options),
      ),
    );
  program
    .command('ready')
    .description('tell whether the card will be there after a reboot; exit status 0 or 1')
    .argument('[release]', 'the kernel; the one that would boot next, the newest, unless told')
    .action(run(async ([release], options) => (await import('./ready.ts')).ready(release, options)));
  const kernels = program
    .command('kernels')
    .description('list every kernel, its origin, and whether its build tree is ready')
    .option('--json', 'print one JSON object (schema 1)')
    .helpCommand(false)
    .action(run(async (_, options) => (await import('./kernels.ts')).kernels(options)));
  kernels
    .command('check')
    .description(
      'compare the configuration of kernels with what the driver needs; exit status 0 where it fits, 1 where it does not',
    )
    .argument('[release]', 'of this kernel alone')
    .option('--json', 'print one JSON object (schema 1)')
    .action(
      run(async ([release], options) => (await import('./check-kernels.ts')).checkKernels(release, options)),
    );
  addKernelsBuild(kernels, run);
  program
    .command('devices')
    .description('list the devices: what drives each, its node in /dev, its firmware, who holds it')
    .option('--json', 'print one JSON object (schema 1)')
    .action(run(async (_, options) => (await import('./devices.ts')).devices(options)));
  program
    .command('logs')
    .description('print the log of the newest build')
    .argument('[release]', 'of this kernel alone')
    .option('--list', 'list all build logs instead')
    .action(run(async ([release], options) => (await import('./logs.ts')).logs(release, options)));
  program
    .command('history')
    .description('list what was done when, by which trigger, and how it ended')
    .option('-n, --lines <count>', 'so many of the newest entries', wholeNumber, 30)
    .option('--all', 'the small steps that keep records in order, too')
    .option('--json', 'print one JSON object (schema 1), with all steps')
    .action(
      run(async (_, options) =>
        (await import('./history.ts')).history({ ...options, lines: Number(options.lines) }),
      ),
    );
}

function addKernelsBuild(kernels: Command, run: Run): void {
  kernels
    .command('build')
    .description(
      'take sources that nobody has built through configure, build and install, and build their driver; run again, it goes on where it stopped',
    )
    .argument('[source-tree]', 'a folder, or its name in /usr/src; /usr/src/linux unless told')
    .option(
      '--config <file>',
      "begin with this configuration; else with the tree's own, else with the running kernel's",
    )
    .option(
      '--stage <stages>',
      'these alone, separated by commas: configure, build, install; the others are yours to do',
    )
    .option('--jobs <count>', 'so many jobs at once, whatever build.jobs and MAKEOPTS say', wholeNumber)
    .option('--dry-run', 'print the commands and change nothing')
    .action(run(async ([tree], options) => (await import('./kernels-build.ts')).kernelsBuild(tree, options)));
}

function addWork(program: Command, run: Run): void {
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
        const { reconcile } = await import('./reconcile.ts');
        return reconcile(options as unknown as Parameters<typeof reconcile>[0]);
      }),
    );
  program
    .command('cancel')
    .description('end a reconcile that is under way')
    .action(run(async (_, options) => (await import('./cancel.ts')).cancel(options)));
}

function addBootstrap(program: Command, run: Run): void {
  program
    .command('bootstrap')
    .description('bring a fresh machine to a working card; what is there already is left alone')
    .argument(
      '[action]',
      'fetch: fill a folder with every download, for --mirror on machines without a network',
    )
    .argument('[dir]', 'the folder to fill')
    .option('--yes', 'ask nothing')
    .option('--dry-run', 'print each command and file, and change nothing')
    .option('--list', 'list the steps, and which would be done here')
    .option('--with <steps>', 'do these too, separated by commas')
    .option('--without <steps>', 'leave these out')
    .option('--only <steps>', 'do these alone')
    .option(
      '--kmd-source <source>',
      "tt-kmd from a folder, a tarball, URL#TAG, or ebuild, instead of upstream's release",
    )
    .option(
      '--versions <file>',
      'install the versions, and do the steps, that a file names; or latest: what the publishers have now, as far as they vouch for it with checksums',
    )
    .option(
      '--export <file>',
      'write what this machine has to such a file (- for standard output), and do nothing else',
    )
    .option('--mirror <place>', 'take every download from this folder or address')
    .addOption(
      new Option('--python <way>', 'how the Python tools are installed').choices([
        'pipx',
        'venv',
        'uv',
        'active',
      ]),
    )
    .option('--getbinpkg', 'let emerge take binary packages')
    .option('--update-firmware', "write the cards' firmware, too")
    .addOption(
      new Option('--reboot <when>', 'what to do where a reboot is needed')
        .choices(['ask', 'never', 'always'])
        .default('ask'),
    )
    .action(
      run(async ([action, dir], options) => {
        const { bootstrap } = await import('./bootstrap.ts');
        return bootstrap(options as unknown as Parameters<typeof bootstrap>[0], action, dir);
      }),
    );
}

function addDoctor(program: Command, run: Run): void {
  program
    .command('doctor')
    .description('check that the finished machine works, from packages to cards; exit status 0 or 1')
    .option('--json', 'print one JSON object (schema 1)')
    .option('--bundle <file>', 'write a report without secrets, to attach to a bug')
    .action(
      run(async (_, options) => {
        const { doctor } = await import('./doctor.ts');
        return doctor(options as unknown as Parameters<typeof doctor>[0]);
      }),
    );
}

function addHugepages(program: Command, run: Run): void {
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
    .action(run(async (_, options) => (await import('./hugepages.ts')).hugepagesStatus(options)));
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
        const { applyHugepages } = await import('./hugepages.ts');
        return applyHugepages(options as unknown as Parameters<typeof applyHugepages>[0]);
      }),
    );
}

function addSigning(program: Command, run: Run): void {
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
    .action(run(async (_, options) => (await import('./signing.ts')).signingStatus(options)));
  signing
    .command('enroll')
    .description(
      'have the firmware trust the key that signs: asks for a password that the MOK manager wants at the next boot; without a terminal prints the commands, with exit status 1',
    )
    .action(run(async (_, options) => (await import('./signing.ts')).signingEnroll(options)));
}

function addDriver(program: Command, run: Run): void {
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
        const { driverCommand } = await import('./driver.ts');
        return driverCommand(name, { ...options, wait: Number(options.wait) });
      }),
    );
  }
}

function addConfig(program: Command, run: Run): void {
  const config = program.command('config').description('show and check the settings').helpCommand(false);
  config
    .command('show')
    .description('print each setting, its value, and where it came from')
    .option('--json', 'print one JSON object (schema 1)')
    .action(run(async (_, options) => (await import('./config.ts')).showConfig(options)));
  config
    .command('check')
    .description('check the configuration files; exit status 3 where something is wrong')
    .option('--json', 'print one JSON object (schema 1)')
    .action(run(async (_, options) => (await import('./config.ts')).checkConfig(options)));
}

function addHooks(program: Command, run: Run): void {
  const hooks = program
    .command('hooks')
    .description('the hooks that kernel installations call')
    .helpCommand(false);
  hooks
    .command('status')
    .description('tell which way kernel installations take here, and whether they reach ttkmd')
    .option('--json', 'print one JSON object (schema 1)')
    .action(run(async (_, options) => (await import('./hooks.ts')).hooksStatus(options)));
  for (const [name, description] of [
    ['install', 'put the hooks where kernel installations look for them'],
    ['remove', 'take the hooks away again'],
  ] as const) {
    hooks
      .command(name)
      .description(description)
      .option('--dry-run', 'print what would be done and change nothing')
      .option('--force', 'replace or remove files that were changed, too')
      .option('--verbose', 'name each file')
      .action(
        run(async (_, options) => {
          const { installHooks, removeHooks } = await import('./hooks.ts');
          return name === 'install' ? installHooks(options) : removeHooks(options);
        }),
      );
  }
}

function addHelp(program: Command, done: (status: number) => void): void {
  program
    .command('help')
    .description('print the help of a command')
    .argument('[command...]', 'the command, e.g. config show')
    .action(async (words: string[]) => {
      const { namedCommand } = await import('./usage.ts');
      namedCommand(program, words).outputHelp();
      done(EXIT.ok);
    });
}

function addService(program: Command, run: Run): void {
  program
    .command('boot')
    .description(
      'load the driver, and build it first if it must be; what ttkmd-boot runs when the machine starts',
    )
    .action(run(async (_, options) => (await import('./boot.ts')).boot(options)));
  const service = program.command('service').description('the services, under systemd and OpenRC');
  service
    .command('status')
    .description('tell whether the services are enabled and running; exit status 0 or 1')
    .option('--json', 'print one JSON object (schema 1)')
    .action(run(async (_, options) => (await import('./service.ts')).serviceStatus(options)));
  for (const [name, description, now] of [
    ['enable', 'start the services at each boot', 'start them at once, too'],
    ['disable', 'start the services no more', 'stop them at once, too'],
  ] as const) {
    service
      .command(name)
      .description(description)
      .option('--now', now)
      .action(
        run(async (_, options) => {
          const { disableServices, enableServices } = await import('./service.ts');
          return name === 'enable' ? enableServices(options) : disableServices(options);
        }),
      );
  }
}

/** Called by hooks and by the release archive, not by people. */
function addInternals(program: Command, run: Run, { kernelEvent, daemon }: Parts): void {
  program
    .command('kernel-event', { hidden: true })
    .description('act on a kernel that an installer adds or removes')
    .addArgument(program.createArgument('<way>', 'who calls').choices(kernelEvent.ways))
    .argument('[arguments...]', "the caller's own arguments")
    .allowUnknownOption()
    .action(run(([way = '', ...rest]) => kernelEvent.run(way, rest)));
  program
    .command('deploy', { hidden: true })
    .description('install the program itself from an unpacked release')
    .option('--package <dir>', 'the unpacked release')
    .option('--dry-run', 'print what would be done and change nothing')
    .option('--force', 'replace files that are not ours, too')
    .option('--verbose', 'name each file')
    .option('--with-node', "bring the release's own Node.js even where the system's would do")
    .action(run(async (_, options) => (await import('./deploy.ts')).deployProgram(options)));
  program
    .command('daemon')
    .description('watch for kernels and keep the driver right; what the service runs')
    .action(run((_, { root }) => daemon.run(root)));
  program
    .command('uninstall')
    .description(
      'take ttkmd off this system, with its state, history, logs and all that a bootstrap brought; a driver of your own stays',
    )
    .option('--dry-run', 'print what would be done and change nothing')
    .option('--keep-driver', 'leave the driver and dkms that a bootstrap brought')
    .option('--force', 'remove files that were changed, too')
    .option('--verbose', 'name each file')
    .action(run(async (_, options) => (await import('./deploy.ts')).uninstallProgram(options)));
}

/** For the daemon, which starts these commands. */
function publishOption(): Option {
  return new Option('--publish', 'write the status file and print a digest').hideHelp();
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}
