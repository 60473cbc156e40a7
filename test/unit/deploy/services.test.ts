// Units and init scripts on a host: who gets them, and what becomes of edited ones.
import { describe, expect, test } from 'vitest';
import { type InstallOptions, install, remove } from '../../../src/deploy/deploy.ts';
import { memoryHost } from '../support/memory-host.ts';
import { memoryPackage } from './support.ts';

const OWN_NODE: InstallOptions = { systemNode: '24.1.0' };
const BOTH: InstallOptions = { ...OWN_NODE, services: ['systemd', 'openrc'] };
const UNIT = '/usr/lib/systemd/system/ttkmd.service';
const SCRIPT = '/etc/init.d/ttkmd';
const CONF = '/etc/conf.d/ttkmd';

const NEWER = memoryPackage({
  'units/usr/lib/systemd/system/ttkmd.service': '[Service]\n# newer\n',
  'openrc/etc/init.d/ttkmd': '#!/sbin/openrc-run\n# newer\n',
  'openrc/etc/conf.d/ttkmd': '# newer\n',
});

describe('services', () => {
  test('come, are replaced while nobody has changed them, and go with the rest', () => {
    const host = memoryHost();
    install(host, memoryPackage(), BOTH);
    expect(host.fs.stat(SCRIPT)?.mode).toBe(0o755);
    install(host, NEWER, BOTH);
    for (const path of [UNIT, SCRIPT, CONF]) expect(host.fs.readText(path)).toContain('# newer');
    remove(host);
    for (const path of [UNIT, SCRIPT, CONF]) expect(host.fs.exists(path), path).toBe(false);
  });

  test('in /etc are the admin’s from the first edit on', () => {
    const host = memoryHost();
    install(host, memoryPackage(), BOTH);
    host.put({ [SCRIPT]: { text: '# mine\n', mode: 0o755 }, [CONF]: 'ttkmd_log=/var/log/mine\n' });
    install(host, NEWER, BOTH);
    expect(host.fs.readText(SCRIPT)).toBe('# mine\n');
    expect(host.fs.readText(CONF)).toBe('ttkmd_log=/var/log/mine\n');
  });

  test('leave the mount of another package alone, and are installed all the same', () => {
    const mount = '/usr/lib/systemd/system/dev-hugepages\\x2d1G.mount';
    const found = memoryPackage({ [`units${mount}`]: '[Mount]\n# ours\n' });
    const host = memoryHost({ files: { [mount]: '[Mount]\n# of tt-system-tools\n' } });
    install(host, found, BOTH);
    expect(host.fs.readText(mount)).toContain('# of tt-system-tools');
    expect(host.fs.exists(UNIT)).toBe(true);
    remove(host);
    expect(host.fs.exists(mount)).toBe(true);
    const other = memoryHost();
    install(other, found, BOTH);
    expect(other.fs.readText(mount)).toContain('# ours');
    remove(other);
    expect(other.fs.exists(mount)).toBe(false);
  });

  test('go when the init that they were for has gone', () => {
    const host = memoryHost();
    install(host, memoryPackage(), BOTH);
    install(host, memoryPackage(), { ...OWN_NODE, services: ['systemd'] });
    expect(host.fs.exists(UNIT)).toBe(true);
    expect(host.fs.exists(SCRIPT)).toBe(false);
  });
});
