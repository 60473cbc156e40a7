// Whose services a host is given.
import type { Host } from '../host/host.ts';
import { installedInits } from '../init/detect.ts';
import type { InitKind } from '../init/services.ts';

/** Units lie ready wherever units lie; init scripts only where OpenRC is. */
export function wantedServices({ fs }: Host): readonly InitKind[] {
  const found = installedInits(fs);
  const units = found.includes('systemd') || fs.exists('/usr/lib/systemd/system');
  return [...(units ? ['systemd' as const] : []), ...(found.includes('openrc') ? ['openrc' as const] : [])];
}
