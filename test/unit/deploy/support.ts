// A package folder in memory, beside the host that it is installed to.

import { createFsFromVolume, Volume } from 'memfs';
import { HOOKS } from '../../../src/deploy/manifest.ts';
import { openPackage, type PackageFolder } from '../../../src/deploy/package.ts';
import { createHostFs, type RawFs } from '../../../src/host/fs.ts';

/** The files of a small release: a program of two chunks, all hooks, a Node.js, docs. */
export const RELEASE: Readonly<Record<string, string>> = {
  'lib/main.js': "import './chunk-1.js';",
  'lib/chunk-1.js': '// one',
  'package.json': '{"type":"module"}',
  LICENSE: 'Apache-2.0',
  'share/ttkmd.conf': '# settings\n',
  'node/bin/node': 'ELF',
  'node/LICENSE': 'MIT',
  'share/man/man8/ttkmdctl.8': '.TH',
  'share/completions/ttkmdctl.zsh': '#compdef ttkmdctl',
  'hooks/usr/bin/ttkmdctl': '#!/bin/sh\n# launcher\n',
  'hooks/usr/lib/dracut/dracut.conf.d/50-ttkmd.conf': 'omit_drivers+=" tenstorrent "\n',
  'hooks/usr/share/ttkmd/login-message.sh': '#!/bin/sh\n',
  'units/usr/lib/systemd/system/ttkmd.service': '[Service]\n',
  'units/usr/lib/systemd/system/tenstorrent.target': '[Unit]\n',
  'openrc/etc/init.d/ttkmd': '#!/sbin/openrc-run\n',
  'openrc/etc/conf.d/ttkmd': '#ttkmd_log="syslog"\n',
  ...Object.fromEntries(HOOKS.map(({ path, way }) => [`hooks${path}`, `#!/bin/sh\n# ${way}\n`])),
};

export function memoryPackage(
  files: Readonly<Record<string, string | undefined>> = {},
  base: Readonly<Record<string, string>> = RELEASE,
): PackageFolder {
  const volume = new Volume();
  for (const [path, text] of Object.entries({ ...base, ...files })) {
    if (text === undefined) continue;
    volume.mkdirSync(`/package/${path}/..`, { recursive: true });
    volume.writeFileSync(`/package/${path}`, text);
  }
  return openPackage('/package', createHostFs(createFsFromVolume(volume) as unknown as RawFs, '/package'));
}
