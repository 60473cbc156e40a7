// A syslog daemon's ear: whatever is sent to its socket, a line each.

import type { Sandbox } from './sandbox.ts';

// Its parent ends when the socket is there.
const LISTEN = `
use IO::Socket::UNIX;
my ($path, $file) = @ARGV;
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die "$path: $!\n";
exit if fork;
open(my $heard, '>', $file) or die "$file: $!\n";
$heard->autoflush;
print $heard "$message\n" while defined $socket->recv($message, 65536);
`;

/**
 * @param socket where programs look for it, e.g. /dev/log of a root inside
 * @returns what was heard until then, each message with its priority: `<30>Nov 21 20:51:55 ttkmd: words`
 */
export async function listenAsSyslog(sandbox: Sandbox, socket: string): Promise<() => Promise<string>> {
  const heard = `${socket}.heard`;
  await sandbox.run(['perl', '-e', LISTEN, socket, heard]);
  return () => sandbox.read(heard).catch(() => '');
}
