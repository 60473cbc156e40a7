// Commands that hooks and the release archive call, and people do not.
import type { Command } from 'commander';
import type { Parts, Run } from './command.ts';

/** Called by hooks and by the release archive, not by people. */
export function addInternals(program: Command, run: Run, { kernelEvent, daemon }: Parts): void {
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
    .action(run(async (_, options) => (await import('../deploy.ts')).deployProgram(options)));
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
    .action(run(async (_, options) => (await import('../deploy.ts')).uninstallProgram(options)));
}
