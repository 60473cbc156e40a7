// A report to attach to a bug: what the machine is and shows, and nothing that somebody has to keep to himself.
import type { Host } from '../host/host.ts';
import { withoutPin } from '../host/without-pin.ts';
import { newestLog } from './newest-log.ts';

/** What the report takes of other commands. */
export interface Answer {
  readonly title: string;
  readonly text: string;
}

/** Files that are shown as they are; none of them holds a secret. */
const FILES = ['/etc/os-release', '/proc/cmdline', '/etc/ttkmd/ttkmd.conf', '/var/lib/ttkmd/bootstrap.json'];

const COMMANDS: readonly (readonly [command: string, ...args: string[]])[] = [
  ['uname', '-srvm'],
  ['dkms', 'status'],
  ['lspci', '-nnk', '-d', '1e52:'],
  ['modinfo', 'tenstorrent'],
];

/** The most of a log that is taken. */
const LOG_LINES = 200;

export async function makeBundle(host: Host, answers: readonly Answer[]): Promise<string> {
  const files = FILES.map((path) => ({ title: path, text: host.fs.readText(path) ?? 'not there' }));
  const drops = host.fs.list('/etc/ttkmd/ttkmd.conf.d').map((name) => {
    const path = `/etc/ttkmd/ttkmd.conf.d/${name}`;
    return { title: path, text: host.fs.readText(path) ?? '' };
  });
  const commands = await Promise.all(
    COMMANDS.map(async ([command, ...args]) => {
      const { stdout, stderr } = await host.exec.query(command, args);
      return { title: [command, ...args].join(' '), text: `${stdout}${stderr}` };
    }),
  );
  const log = newestLog(host.fs);
  const logs =
    log === undefined
      ? []
      : [{ title: log, text: (host.fs.readText(log) ?? '').split('\n').slice(-LOG_LINES).join('\n') }];
  return [...answers, ...commands, ...files, ...drops, ...logs]
    .map(({ title, text }) => `== ${title}\n${withoutSecrets(text).trimEnd()}\n`)
    .join('\n');
}

/** Credentials in addresses, tokens and keys, names of the machine and its users, addresses of the network. */
export function withoutSecrets(text: string): string {
  return withoutPin(text)
    .replace(/(\w+:\/\/)[^\s/@]*@/g, '$1…@')
    .replace(
      /\b((?:[\w-]*(?:token|password|passwd|secret|api[_-]?key|credential)[\w-]*)["']?\s*[=:]\s*)\S+/gi,
      '$1…',
    )
    .replace(/-----BEGIN [^-]*PRIVATE KEY-----[\s\S]*?-----END [^-]*PRIVATE KEY-----/g, '…')
    .replace(/\b(?:\d{1,3}\.){3}\d{1,3}\b/g, (address) => (address.startsWith('127.') ? address : '….….….…'))
    .replace(/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/gi, '…')
    .replace(/\b((?:PART)?UUID=)[0-9a-f-]+/gi, '$1…')
    .replace(/(\/home\/)[^/\s"':]+/g, '$1…');
}
