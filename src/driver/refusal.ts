// Why a kernel does not take the module: what modprobe, the kernel's messages and the blacklists say.
import type { HostFs } from '../host/fs.ts';
import type { Host } from '../host/host.ts';

/** In the order of modprobe.d(5). */
const BLACKLIST_FOLDERS = [
  '/etc/modprobe.d',
  '/run/modprobe.d',
  '/usr/local/lib/modprobe.d',
  '/usr/lib/modprobe.d',
  '/lib/modprobe.d',
];

const COMMAND_LINE = '/proc/cmdline';

/** How many of the kernel's last messages are worth repeating. */
const MOST_LINES = 3;

/** The files that modprobe reads its settings from: of those of one name, that of the first folder alone counts. */
export function modprobeSettings(fs: HostFs): { readonly path: string; readonly text: string }[] {
  const names = new Set<string>();
  return BLACKLIST_FOLDERS.flatMap((folder) =>
    fs.list(folder).flatMap((name) => {
      if (!name.endsWith('.conf') || names.has(name)) return [];
      names.add(name);
      return [{ path: `${folder}/${name}`, text: fs.readText(`${folder}/${name}`) ?? '' }];
    }),
  );
}

/** Where a module is blacklisted; undefined where it is not. */
export function isBlacklisted(fs: HostFs, name: string): string | undefined {
  const line = new RegExp(`^\\s*blacklist\\s+${name}\\s*$`, 'm');
  const file = modprobeSettings(fs).find(({ text }) => line.test(text));
  return file?.path ?? (onCommandLine(fs, name) ? COMMAND_LINE : undefined);
}

/** `modprobe.blacklist=` is heeded by modprobe, `module_blacklist=` by the kernel itself. */
function onCommandLine(fs: HostFs, name: string): boolean {
  const words = (fs.readText(COMMAND_LINE) ?? '').trim().split(/\s+/);
  return words.some((word) => {
    const names = /^(?:modprobe\.blacklist|module_blacklist)=(.*)$/.exec(word)?.[1];
    return names?.split(',').includes(name) ?? false;
  });
}

/** The kernel's last messages that tell of a module, or of refusing one, the oldest first. */
export async function kernelMessages(host: Host, name: string): Promise<string[]> {
  const { stdout } = await host.exec.query('dmesg', [], { timeLimit: 5000 });
  const lines = stdout
    .split('\n')
    .filter(
      (line) => line.includes(name) || /Loading of .* is rejected|module loading is restricted/.test(line),
    )
    .map((line) => line.replace(/^\[[^\]]*\]\s*/, '').trim());
  // Each attempt says the same again; where it was said last counts.
  return [...new Set(lines.reverse())].slice(0, MOST_LINES).reverse();
}

/** What each refusal means, by the words of the kernel and of modprobe. */
const MEANINGS: readonly {
  readonly pattern: RegExp;
  readonly why: (release: string) => string;
  readonly hint: (release: string) => string;
}[] = [
  {
    pattern: /Key was rejected|Required key not available|is rejected|loading is restricted/i,
    why: () =>
      'this kernel takes signed modules only, and does not know the key that the module is signed with, if any',
    hint: () =>
      'sign with a key that the kernel trusts (see which key that is: ttkmdctl signing status; with Secure Boot, as root: ttkmdctl signing enroll, and reboot), then: ttkmdctl reconcile --force',
  },
  {
    pattern: /module_blacklist|is blacklisted/i,
    why: () => 'the kernel command line blacklists it',
    hint: () => `take it off module_blacklist= in the boot loader's configuration, and reboot`,
  },
  {
    pattern: /Invalid module format|Exec format error|version magic|disagrees about version of symbol/i,
    why: () => 'the module was built for another kernel than the running one',
    hint: (release) => `build it anew: ttkmdctl reconcile --kernel ${release} --force`,
  },
  {
    pattern: /Unknown symbol/i,
    why: () => 'the running kernel lacks something that the module uses',
    hint: (release) => `build it anew: ttkmdctl reconcile --kernel ${release} --force`,
  },
  {
    pattern: /not found in directory/i,
    why: () => 'modprobe does not find it',
    hint: (release) => `index the modules anew: depmod ${release}`,
  },
  {
    pattern: /install command/i,
    why: () => 'an install line in modprobe.d takes the place of loading it, and failed',
    hint: () => 'see the line: modprobe --showconfig | grep tenstorrent',
  },
  {
    pattern: /Operation not permitted/i,
    why: () => 'loading modules is not permitted here',
    hint: () => 'in a container: load it on the host; else see: sysctl kernel.modules_disabled',
  },
];

/** @param lines the kernel's own messages */
export function explainRefusal(
  release: string,
  stderr: string,
  lines: readonly string[],
): { text: string; hint: string } {
  const said = stderr
    .trim()
    .split('\n')
    .map((line) => line.replace(/^modprobe: (?:ERROR|FATAL): /, ''))
    .filter((line) => line !== '');
  const evidence = [...said, ...lines];
  // The kernel's old messages may be those of another attempt: what modprobe says goes first.
  const meaning =
    MEANINGS.find(({ pattern }) => said.some((line) => pattern.test(line) && !/not permitted/.test(line))) ??
    MEANINGS.find(({ pattern }) => evidence.some((line) => pattern.test(line)));
  const why = meaning?.why(release) ?? 'the kernel did not take it';
  return {
    text: `not loaded: ${why}${evidence.length === 0 ? '' : ` (${evidence.join('; ')})`}`,
    hint: meaning?.hint(release) ?? 'see what the kernel says: dmesg | grep tenstorrent',
  };
}
