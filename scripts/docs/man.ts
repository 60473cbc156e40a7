// The man pages, made from the command line's and the settings' own definitions.
import { EXIT_STATUSES } from '../../src/cli/exit-statuses.ts';
import { SECTIONS, SETTINGS } from '../../src/config/schema.ts';
import type { DocumentedCommand, DocumentedOption, DocumentedProgram } from './commands.ts';
import {
  CALLS,
  EXAMPLES,
  FILES,
  HOOK_NAMES,
  HOOK_RULES,
  HOOK_VARIABLES,
  LOGIN_COMMANDS,
  SERVICES,
  SOURCE_COMMANDS,
  STATES,
} from './facts.ts';

/** ttkmdctl(8). */
export function commandPage(program: DocumentedProgram): string {
  return [
    heading('TTKMDCTL', '8', program.version),
    '.SH NAME',
    `ttkmdctl \\- ${lower(protect(program.description)).replace(/\.$/, '')}`,
    '.SH SYNOPSIS',
    ...program.commands.flatMap((command) => ['.PP', usage(program, command)]),
    '.SH DESCRIPTION',
    protect(
      'ttkmd keeps the DKMS package tenstorrent built, installed and verified for every kernel of the machine. ' +
        'Hooks call it when a kernel is installed; everything that it does is one operation, the reconcile, ' +
        'which looks at the machine, judges what it sees, plans, and carries the plan out.',
    ),
    '.SH COMMANDS',
    ...program.commands.flatMap(commandEntry),
    '.SH GLOBAL OPTIONS',
    ...program.options.flatMap(optionEntry),
    '.SH MODULE STATES',
    protect('What "ttkmdctl status" says of the module for a kernel:'),
    ...STATES.flatMap(entry),
    ".SH THE DRIVER'S SOURCE",
    protect(
      'tt-kmd is not in the Gentoo tree. Its source belongs to root and into /usr/src/tenstorrent-<version>; as root, for the version of your choice:',
    ),
    ...example(SOURCE_COMMANDS),
    '.PP',
    protect(
      "The tags there are called ttkmd-<version> too; they are the driver's and have nothing to do with this program.",
    ),
    '.SH HOOKS',
    protect(`What the admin puts into /etc/ttkmd/hooks.d ${HOOK_RULES}`),
    ...HOOK_NAMES.flatMap(entry),
    '.PP',
    protect('In their environment:'),
    ...HOOK_VARIABLES.flatMap(entry),
    '.SH SERVICES',
    protect('"ttkmdctl service enable --now", as root, starts them now and at each boot:'),
    ...SERVICES.flatMap(entry),
    '.SH SOCKETS',
    protect(
      'The daemon answers on two Unix sockets, in HTTP and JSON; GET / on either lists its calls. Times are ISO 8601. An answer of 400 and more is an object with the reason in "error". For example: curl --unix-socket /run/ttkmd/status.sock http://localhost/status',
    ),
    ...[...new Set(CALLS.map(({ socket }) => socket))].flatMap((socket) => [
      `.SS ${protect(socket)}`,
      ...CALLS.filter((one) => one.socket === socket).flatMap(({ call, what }) =>
        entry([call, protect(what)]),
      ),
    ]),
    '.SH A LINE AT LOGIN',
    protect(
      '/usr/share/ttkmd/login-message.sh prints a line while health is not ok. Nothing runs it until one of these does, as root; the second is for Debian:',
    ),
    ...example(LOGIN_COMMANDS),
    '.SH EXIT STATUS',
    ...EXIT_STATUSES.flatMap(entry),
    '.SH ENVIRONMENT',
    ...entry(['NO_COLOR', 'No colours, whatever the terminal can.']),
    ...entry(['MAKEOPTS', 'Of its options only \\-j and \\-l with numbers count, for builds.']),
    '.SH FILES',
    ...FILES.flatMap(entry),
    '.SH SEE ALSO',
    '.BR ttkmd.conf (5),\n.BR dkms (8),\n.BR kernel\\-install (8)',
    '',
  ].join('\n');
}

/** ttkmd.conf(5). */
export function settingsPage(program: DocumentedProgram): string {
  return [
    heading('TTKMD.CONF', '5', program.version),
    '.SH NAME',
    'ttkmd.conf \\- settings of ttkmd',
    '.SH DESCRIPTION',
    protect(
      'An ini file. Files in /etc/ttkmd/ttkmd.conf.d whose names end in .conf are read after it, by name; later ones win. ' +
        'Durations are written as 90s, 15m or 6h, sizes as 4G. "ttkmdctl config check" finds mistakes, ' +
        '"ttkmdctl config show" prints each setting and where it came from.',
    ),
    ...SECTIONS.flatMap(({ name, description }) => [
      `.SH [${name}]`,
      protect(description),
      ...SETTINGS.filter((setting) => setting.section === name).flatMap((setting) =>
        entry([
          setting.key,
          `${setting.description} ${setting.written === '' ? 'Empty unless set.' : `Default: ${setting.written}.`} Expected: ${protect(setting.parser.expected)}.`,
        ]),
      ),
    ]),
    '.SH EXAMPLES',
    protect(
      'In /etc/ttkmd/ttkmd.conf, or in a file of your own such as /etc/ttkmd/ttkmd.conf.d/50-own.conf.',
    ),
    ...EXAMPLES.flatMap(([what, lines]) => ['.PP', protect(what), ...example(lines)]),
    '.SH SEE ALSO',
    '.BR ttkmdctl (8)',
    '',
  ].join('\n');
}

/** Lines as they are typed. */
function example(lines: readonly string[]): string[] {
  return ['.PP', '.EX', ...lines.map((line) => protect(line)), '.EE'];
}

function heading(title: string, section: string, version: string): string {
  return `.TH ${title} ${section} "" "ttkmd ${version}" "ttkmd"`;
}

function usage(program: DocumentedProgram, command: DocumentedCommand): string {
  const options = command.options.map((option) => `[${option.flags.split(', ').at(-1)}]`).join(' ');
  return `.B ${protect(`${program.name} ${command.name}`)}\n${protect(`${options} ${command.args}`.trim())}`.trimEnd();
}

function commandEntry(command: DocumentedCommand): string[] {
  return [
    '.TP',
    `.B ${protect(command.name)} ${protect(command.args)}`.trimEnd(),
    sentence(command.description),
    ...command.arguments
      .filter(([, what]) => what !== '')
      .flatMap(([name, what]) => ['.RS', ...entry([name, sentence(what)]), '.RE']),
    ...command.options.flatMap((option) => ['.RS', ...optionEntry(option), '.RE']),
  ];
}

function optionEntry(option: DocumentedOption): string[] {
  const choices = option.choices.length === 0 ? '' : ` One of ${option.choices.join(', ')}.`;
  const usual = option.default === undefined ? '' : ` Default: ${option.default}.`;
  return entry([option.flags, `${sentence(option.description)}${protect(`${choices}${usual}`)}`]);
}

function entry([term, text]: readonly [string, string]): string[] {
  return ['.TP', `.B ${protect(term)}`, escapeLeading(text)];
}

function sentence(text: string): string {
  return `${protect(text.charAt(0).toUpperCase() + text.slice(1))}.`.replace(/\.\.$/, '.');
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** A hyphen in an option is to stay one that can be searched for and copied. */
function protect(text: string): string {
  return escapeLeading(text.replace(/\\(?!-)/g, '\\e').replace(/(?<!\\)-/g, '\\-'));
}

/** A line that begins with a dot or an apostrophe would be taken for a request. */
function escapeLeading(text: string): string {
  return text.replace(/^([.'])/gm, '\\&$1');
}
