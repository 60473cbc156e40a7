// Commands that set the machine up: bootstrap, doctor, settings, hooks, services.
import { Argument, type Command, Option } from 'commander';
import type { Run } from './command.ts';

export function addBootstrap(program: Command, run: Run): void {
  program
    .command('bootstrap')
    .description('bring a fresh machine to a working card; what is there already is left alone')
    .addArgument(
      new Argument(
        '[action]',
        'fetch: fill a folder with every download, for --mirror on machines without a network',
      ).choices(['fetch']),
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
      "where tt-kmd comes from instead of upstream's release: a folder, a tarball, URL#TAG, or ebuild",
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
        const { bootstrap } = await import('../bootstrap.ts');
        return bootstrap(options as unknown as Parameters<typeof bootstrap>[0], action, dir);
      }),
    );
}

export function addDoctor(program: Command, run: Run): void {
  program
    .command('doctor')
    .description('check that the finished machine works, from packages to cards; exit status 0 or 1')
    .option('--json', 'print one JSON object (schema 1)')
    .option('--bundle <file>', 'write a report without secrets, to attach to a bug')
    .action(
      run(async (_, options) => {
        const { doctor } = await import('../doctor.ts');
        return doctor(options as unknown as Parameters<typeof doctor>[0]);
      }),
    );
}

export function addConfig(program: Command, run: Run): void {
  const config = program.command('config').description('show and check the settings').helpCommand(false);
  config
    .command('show')
    .description('print each setting, its value, and where it came from')
    .option('--json', 'print one JSON object (schema 1)')
    .action(run(async (_, options) => (await import('../config.ts')).showConfig(options)));
  config
    .command('check')
    .description('check the configuration files; exit status 3 where something is wrong')
    .option('--json', 'print one JSON object (schema 1)')
    .action(run(async (_, options) => (await import('../config.ts')).checkConfig(options)));
}

export function addHooks(program: Command, run: Run): void {
  const hooks = program
    .command('hooks')
    .description('the hooks that kernel installations call')
    .helpCommand(false);
  hooks
    .command('status')
    .description('tell which way kernel installations take here, and whether they reach ttkmd')
    .option('--json', 'print one JSON object (schema 1)')
    .action(run(async (_, options) => (await import('../hooks.ts')).hooksStatus(options)));
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
          const { installHooks, removeHooks } = await import('../hooks.ts');
          return name === 'install' ? installHooks(options) : removeHooks(options);
        }),
      );
  }
}

export function addService(program: Command, run: Run): void {
  program
    .command('boot')
    .description(
      'load the driver, and build it first if it must be; what ttkmd-boot runs when the machine starts',
    )
    .action(run(async (_, options) => (await import('../boot.ts')).boot(options)));
  const service = program
    .command('service')
    .description('the services, under systemd and OpenRC')
    .helpCommand(false);
  service
    .command('status')
    .description('tell whether the services are enabled and running; exit status 0 or 1')
    .option('--json', 'print one JSON object (schema 1)')
    .action(run(async (_, options) => (await import('../service.ts')).serviceStatus(options)));
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
          const { disableServices, enableServices } = await import('../service.ts');
          return name === 'enable' ? enableServices(options) : disableServices(options);
        }),
      );
  }
}
