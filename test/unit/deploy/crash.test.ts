// Killed before every single change to the file system, and started again: the same end each time.
import { createFsFromVolume, Volume } from 'memfs';
import { expect, test } from 'vitest';
import { install, remove } from '../../../src/deploy/deploy.ts';
import { createHostFs, type RawFs } from '../../../src/host/fs.ts';
import type { Host } from '../../../src/host/host.ts';
import { memoryHost } from '../support/memory-host.ts';
import { memoryPackage, RELEASE } from './support.ts';

// Few files: every one of them is some twenty places to die at.
const KEPT = [
  'lib/main.js',
  'package.json',
  'share/ttkmd.conf',
  'hooks/usr/bin/ttkmdctl',
  'hooks/etc/kernel/postinst.d/35-ttkmd',
];
const BASE = Object.fromEntries(Object.entries(RELEASE).filter(([path]) => KEPT.includes(path)));
const small = (files: Record<string, string | undefined>) => memoryPackage(files, BASE);
const first = small({ 'lib/chunk-old.js': 'old' });
const second = small({ 'lib/main.js': 'new', 'hooks/etc/kernel/postinst.d/35-ttkmd': '#!/bin/sh\n# new\n' });
const options = { systemNode: '24.1.0' };

const CHANGES = new Set<string | symbol>([
  'openSync',
  'writeSync',
  'renameSync',
  'unlinkSync',
  'rmdirSync',
  'mkdirSync',
  'chmodSync',
]);

interface Machine {
  readonly volume: Volume;
  /** The host as a process sees it that dies before its change number `lives`. */
  host(lives?: number): Host;
}

function machine(): Machine {
  const volume = new Volume();
  // As on every machine; what lies above our own folders is nobody's to remove.
  volume.mkdirSync('/var/lib', { recursive: true });
  const raw = createFsFromVolume(volume) as unknown as RawFs;
  return {
    volume,
    host(lives = Number.POSITIVE_INFINITY) {
      let left = lives;
      const dying = new Proxy(raw, {
        get(target, name, receiver) {
          const real: unknown = Reflect.get(target, name, receiver);
          if (typeof real !== 'function') return real;
          return (...args: unknown[]): unknown => {
            if (CHANGES.has(name)) left -= 1;
            if (left < 0) throw new Error('killed');
            if (name === 'rmdirSync') return removeEmpty(volume, String(args[0]));
            return Reflect.apply(real, target, args);
          };
        },
      });
      return { ...memoryHost(), fs: createHostFs(dying, '/') };
    },
  };
}

/** memfs takes a folder for filled once a file in it was renamed over another. */
function removeEmpty(volume: Volume, path: string): void {
  if (volume.readdirSync(path).length > 0) throw new Error('ENOTEMPTY');
  volume.rmSync(path, { recursive: true });
}

/** Runs `work` with ever longer lives until it survives; after each death `check` looks at the machine. */
function dieEverywhere(
  prepare: (host: Host) => void,
  work: (host: Host) => void,
  check: (after: Machine) => void,
) {
  for (let lives = 0; ; lives += 1) {
    const mortal = machine();
    prepare(mortal.host());
    try {
      work(mortal.host(lives));
      return lives;
    } catch {
      check(mortal);
    }
  }
}

test('an installation', () => {
  const whole = machine();
  install(whole.host(), first, options);
  const deaths = dieEverywhere(
    () => {},
    (host) => install(host, first, options),
    (after) => {
      install(after.host(), first, options);
      expect(after.volume.toJSON()).toEqual(whole.volume.toJSON());
    },
  );
  expect(deaths).toBeGreaterThan(60);
});

test('an upgrade, then the upgrade again or a removal', () => {
  const whole = machine();
  install(whole.host(), first, options);
  install(whole.host(), second, options);
  let deaths = 0;
  dieEverywhere(
    (host) => install(host, first, options),
    (host) => install(host, second, options),
    (after) => {
      deaths += 1;
      if (deaths % 2 === 0) {
        install(after.host(), second, options);
        expect(after.volume.toJSON()).toEqual(whole.volume.toJSON());
      } else {
        const actions = remove(after.host());
        expect(actions.filter(({ kind }) => kind === 'keep')).toEqual([]);
        expect(after.volume.toJSON()).toEqual({ '/var/lib': null });
      }
    },
  );
  expect(deaths).toBeGreaterThan(20);
});

test('a removal', () => {
  const deaths = dieEverywhere(
    (host) => install(host, first, options),
    (host) => remove(host),
    (after) => {
      remove(after.host());
      expect(after.volume.toJSON()).toEqual({ '/var/lib': null });
    },
  );
  expect(deaths).toBeGreaterThan(20);
});
