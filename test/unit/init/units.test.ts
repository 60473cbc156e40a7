// The units as files: what they must say, and what they must never say.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { wantedOptions } from '../../../src/hugepages/mount-table.ts';
import { SERVICES } from '../../../src/init/services.ts';
import { memoryHost } from '../support/memory-host.ts';

const PROJECT = join(import.meta.dirname, '../../..');
const UNITS = join(PROJECT, 'units/usr/lib/systemd/system');
const SCRIPTS = join(PROJECT, 'openrc/etc/init.d');

/** A unit's settings, in their order. */
function settings(unit: string): [string, string][] {
  const lines = readFileSync(join(UNITS, unit), 'utf8').split('\n');
  return lines.flatMap((line): [string, string][] => {
    const [, key, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    return key === undefined || value === undefined ? [] : [[key, value]];
  });
}

const value = (unit: string, key: string): string | undefined =>
  settings(unit).find(([name]) => name === key)?.[1];

/** exec_needs_mount_namespace() of systemd's src/core/execute.c, and what implies one of these. */
const MOUNT_NAMESPACE =
  /^(Root|Bind|Private|Protect(?!Clock$)|ProcSubset|ReadOnly|ReadWrite|Inaccessible|Exec(Paths|SearchPath)|NoExecPaths|TemporaryFileSystem|Mount|Extension|DynamicUser|LogNamespace|JoinsNamespaceOf|NetworkNamespacePath|IPCNamespacePath|StateDirectory|LogsDirectory|CacheDirectory)/;

/** Started by whatever needs the path, and not by itself. */
const MOUNT = 'dev-hugepages\\x2d1G.mount';

describe('the units', () => {
  it('are those that are enabled, and one that others can watch', () => {
    const names = [...SERVICES.map(({ unit }) => unit), 'ttkmd-health.service', MOUNT];
    expect(readdirSync(UNITS).sort()).toEqual(names.sort());
    expect(readdirSync(SCRIPTS).sort()).toEqual(SERVICES.flatMap(({ script }) => script ?? []).sort());
  });

  it.each(['ttkmd.service', 'ttkmd-boot.service', 'ttkmd-hugepages.service'])(
    '%s builds and mounts in the mount namespace of process 1',
    (unit) => {
      expect(settings(unit).filter(([key]) => MOUNT_NAMESPACE.test(key))).toEqual([]);
    },
  );

  it('confine both that build alike', () => {
    const confinement =
      /^(Capability|NoNew|Restrict(?!PreventExit)|IPAddress|Device|ProtectClock|Lock|Keyring|SystemCall|UMask)/;
    const of = (unit: string): unknown =>
      settings(unit)
        .filter(([key]) => confinement.test(key))
        .sort();
    expect(of('ttkmd-boot.service')).toEqual(of('ttkmd.service'));
    expect(settings('ttkmd.service').filter(([key]) => confinement.test(key)).length).toBeGreaterThan(12);
  });

  it('let those that reconcile mount, and the early one come before all that fills memory', () => {
    for (const unit of ['ttkmd.service', 'ttkmd-boot.service', 'ttkmd-hugepages.service']) {
      const filters = settings(unit).filter(([key]) => key === 'SystemCallFilter');
      const [denied = '', allowed = ''] = filters.map(([, text]) => text);
      const words = allowed.split(' ');
      expect(
        !denied.includes('@mount') || ['mount', 'fsmount', 'move_mount'].every((one) => words.includes(one)),
        unit,
      ).toBe(true);
    }
    const before = settings('ttkmd-hugepages.service').flatMap(([key, text]) =>
      key === 'Before' ? text.split(' ') : [],
    );
    expect(before).toEqual(
      expect.arrayContaining(['sysinit.target', 'ttkmd-boot.service', 'tenstorrent.target']),
    );
    expect(value('ttkmd-hugepages.service', 'DefaultDependencies')).toBe('no');
  });

  it('have the mount by the name that its path has, with the options that hold unless set', () => {
    const { hugepages } = loadConfig(memoryHost().fs).config;
    expect(MOUNT).toBe(`${hugepages.mount.slice(1).replaceAll('-', '\\x2d').replaceAll('/', '-')}.mount`);
    expect(value(MOUNT, 'Where')).toBe(hugepages.mount);
    expect(value(MOUNT, 'Options')).toBe(wantedOptions(hugepages, 0));
  });

  it('keep what dkms looks at process 1 with, or it would not sign', () => {
    const kept = settings('ttkmd.service').flatMap(([key, text]) =>
      key === 'CapabilityBoundingSet' ? text.split(' ') : [],
    );
    expect(kept).toContain('CAP_SYS_PTRACE');
  });

  it('hide no kernel from the one that tells of health', () => {
    const hiding = ['ProtectKernelModules', 'PrivateDevices', 'ProcSubset', 'PrivateNetwork'];
    expect(settings('ttkmd-health.service').filter(([key]) => hiding.includes(key))).toEqual([]);
  });

  it('give the boot longer than the program takes by default, and nobody requires it but the target', () => {
    const minutes = Number(/^(\d+)min$/.exec(value('ttkmd-boot.service', 'TimeoutStartSec') ?? '')?.[1]);
    const { boot } = loadConfig(memoryHost().fs).config;
    expect(minutes * 60_000).toBeGreaterThanOrEqual(boot.timeLimit + 90_000);
    for (const { unit } of SERVICES) {
      const required = settings(unit).filter(([key]) =>
        /^(Requires|BindsTo|Requisite|RequiredBy)$/.test(key),
      );
      expect(required).toEqual(unit === 'tenstorrent.target' ? [['Requires', 'ttkmd-boot.service']] : []);
    }
  });

  it('have the target come after the hugepages, and not fail with them', () => {
    expect(value('tenstorrent.target', 'Wants')).toBe('ttkmd-hugepages.service');
    expect(value('tenstorrent.target', 'After')?.split(' ')).toContain('ttkmd-hugepages.service');
  });

  it('leave kernel, modules and hugepages of a container to its host, as the init scripts do', () => {
    for (const { unit, script, role } of SERVICES) {
      // What others wait for is reached in a container, too: there its host has seen to it.
      const condition = role === 'target' ? undefined : '!container';
      expect(value(unit, 'ConditionVirtualization'), unit).toBe(condition);
      if (script === undefined) continue;
      expect(readFileSync(join(SCRIPTS, script), 'utf8')).toMatch(/^\tkeyword -containers$/m);
    }
  });

  it('have what the early one reads mounted before it, but nothing that a network may bring', () => {
    expect(value('ttkmd-hugepages.service', 'RequiresMountsFor')).toBe('/var/lib');
    expect(value('ttkmd-hugepages.service', 'After')?.split(' ')).toContain('local-fs.target');
  });
});
