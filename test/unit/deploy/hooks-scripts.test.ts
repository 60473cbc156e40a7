// The hook scripts and the launcher, really run by /bin/sh, with their absolute paths moved to a scratch folder.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOOKS } from '../../../src/deploy/manifest.ts';

const POISON = {
  NODE_OPTIONS: '--require /nonexistent',
  LD_PRELOAD: '/nonexistent.so',
  NODE_PATH: '/nonexistent',
  MAKEFLAGS: 'CC=false',
  ARCH: 'amd64',
  PATH: '/nonexistent',
  MAKEOPTS: '-j3 --load 2',
};
const ARGUMENTS = ['add', 'a b', '', '*', '$(false)', "it's", '-n'];

let scratch = '';
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'ttkmd-hooks-'));
});
afterEach(() => rmSync(scratch, { recursive: true }));

/** A script of the package with every path that it names below the scratch folder. */
function moved(path: string): string {
  const text = readFileSync(`hooks${path}`, 'utf8').replaceAll(
    /\/usr\/(bin\/(ttkmdctl|node)|local\/bin\/node|lib\/ttkmd)/g,
    (place) => scratch + place,
  );
  return put(path, text, 0o755);
}

function put(path: string, text: string, mode: number): string {
  const place = join(scratch, path);
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(place, text);
  chmodSync(place, mode);
  return place;
}

/** A program in Node's place that tells how it was called, then ends as told. */
function putNode(path: string, end: string): void {
  put(path, `#!/bin/sh\nfor argument; do echo "[$argument]"; done\n/usr/bin/env\n${end}\n`, 0o755);
  put('/usr/lib/ttkmd/main.js', '', 0o644);
}

function run(path: string, args: readonly string[] = ARGUMENTS, env: NodeJS.ProcessEnv = POISON) {
  const { status, signal, stdout, stderr } = spawnSync(path, args, { env, encoding: 'utf8' });
  return { status, signal, stdout, stderr, lines: stdout.split('\n') };
}

describe.each(HOOKS)('$path', ({ path, way }) => {
  test('hands its arguments over in a clean environment', () => {
    put(
      '/usr/bin/ttkmdctl',
      '#!/bin/sh\nfor argument; do echo "[$argument]"; done\n/usr/bin/env\nexit 6\n',
      0o755,
    );
    const { status, lines, stderr } = run(moved(path), ARGUMENTS, { ...POISON, TERM: 'x y', SECRET: 's' });
    const called = ['kernel-event', way, ...ARGUMENTS].map((argument) => `[${argument}]`);
    expect(lines.slice(0, called.length)).toEqual(called);
    const names = lines.slice(called.length).map((line) => line.split('=')[0]);
    // dash adds PWD to what it hands on.
    expect(names.filter((name) => name && name !== 'PWD' && name !== 'SHLVL' && name !== '_').sort()).toEqual(
      ['MAKEOPTS', 'PATH', 'TERM'],
    );
    expect(lines).toContain('MAKEOPTS=-j3 --load 2');
    expect(status).toBe(6);
    // The dynamic linker complains about the hook's own shell, before any line of it; about nothing else.
    expect(stderr.split('\n').filter((line) => line !== '')).toHaveLength(1);
  });

  test.each([false, true])('without ttkmdctl (there but not executable: %s)', (there) => {
    if (there) put('/usr/bin/ttkmdctl', '#!/bin/sh\nexit 1\n', 0o644);
    const { status, stdout, stderr } = run(moved(path), ['6.1', '/x'], {});
    expect([status, stdout]).toEqual([0, '']);
    expect(stderr).toMatch(
      /^ttkmd: .*ttkmdctl is missing or not executable, so .*; install ttkmd again, or delete .*\n$/,
    );
    expect(stderr.split('\n')).toHaveLength(2);
  });

  test('has a name that its caller takes', () => {
    expect(basename(path)).toMatch(path.startsWith('/etc') ? /^[A-Za-z0-9_-]+$/ : /^[0-9]{2}-.*\.install$/);
  });
});

test('the hooks differ in nothing but the way and their words', () => {
  const bodies = HOOKS.map(({ path, way }) =>
    readFileSync(`hooks${path}`, 'utf8')
      .split('\n')
      .filter((line) => !/^(# | {2}echo)/.test(line))
      .join('\n')
      .replace(` ${way} `, ' WAY '),
  );
  expect(new Set(bodies).size).toBe(1);
});

test('the launcher lets through whatever a hook lets through', () => {
  const names = (path: string): string[] =>
    [...readFileSync(path, 'utf8').matchAll(/\$\{(\w+)\+/g)].map(([, name = '']) => name);
  const launcher = names('hooks/usr/bin/ttkmdctl');
  for (const { path } of HOOKS) expect(launcher).toEqual(expect.arrayContaining(names(`hooks${path}`)));
});

describe('the launcher', () => {
  const own = '/usr/lib/ttkmd/node/bin/node';
  const systems = '/usr/bin/node';

  test('starts the program in a clean environment', () => {
    putNode(systems, 'exit 5');
    const { status, lines } = run(moved('/usr/bin/ttkmdctl'), ARGUMENTS);
    const called = [`${scratch}/usr/lib/ttkmd/main.js`, ...ARGUMENTS].map((argument) => `[${argument}]`);
    expect(lines.slice(0, called.length)).toEqual(called);
    expect(status).toBe(5);
    expect(lines.filter((line) => /NODE|LD_|MAKEFLAGS|ARCH|nonexistent/.test(line))).toEqual([]);
  });

  test.each([
    [own, [own, systems]],
    [systems, [systems, '/usr/local/bin/node']],
    ['/usr/local/bin/node', ['/usr/local/bin/node']],
  ])('chooses %s', (chosen, there) => {
    for (const path of there) putNode(path, `echo is ${path}`);
    expect(run(moved('/usr/bin/ttkmdctl'), []).lines).toContain(`is ${chosen}`);
  });

  test('a real Node.js starts under poison', () => {
    put('/usr/lib/ttkmd/main.js', 'console.log(process.argv.length, process.env.NODE_OPTIONS)', 0o644);
    put(systems, `#!/bin/sh\nexec ${process.execPath} "$@"\n`, 0o755);
    expect(run(moved('/usr/bin/ttkmdctl'), ['a b']).stdout).toBe('3 undefined\n');
  });

  test.each<[string[], number]>([
    [['status'], 127],
    [['kernel-event', 'kernel-install'], 0],
    [[], 127],
  ])('without Node.js: %j', (args, expected) => {
    const { status, stderr } = run(moved('/usr/bin/ttkmdctl'), args, {});
    expect(status).toBe(expected);
    expect(stderr).toMatch(
      /^ttkmd: there is no Node\.js, so nothing was done; install Node\.js 22\.22 or newer/,
    );
  });

  test('without the program', () => {
    putNode(systems, '');
    rmSync(join(scratch, '/usr/lib/ttkmd/main.js'));
    const { status, stderr } = run(moved('/usr/bin/ttkmdctl'), ['status'], {});
    expect(status).toBe(127);
    expect(stderr).toContain('main.js is missing, so nothing was done; install ttkmd again');
  });

  test.each([
    ['exit 0', 0],
    ['exit 6', 6],
    ['exit 143', 143],
    ['exit 1', 0],
    ['exit 77', 0],
    ['exit 127', 0],
    ['kill -SEGV $$', 0],
    ['kill -KILL $$', 0],
  ])('a kernel event that ends with `%s`', (end, expected) => {
    putNode(systems, end);
    const { status, signal, stderr } = run(moved('/usr/bin/ttkmdctl'), ['kernel-event', 'preinst.d'], {});
    expect([status, signal]).toEqual([expected, null]);
    const told = stderr.includes('before its work was done; run: ttkmdctl reconcile --all');
    expect(told).toBe(expected === 0 && end !== 'exit 0');
  });

  test('a kernel event ends with its launcher', { timeout: 20_000 }, () => {
    if (!existsSync('/usr/bin/setpriv')) return;
    putNode(systems, `trap 'kill $!; echo ended > ${scratch}/ended; exit 143' TERM; sleep 15 & wait`);
    const { signal } = spawnSync(moved('/usr/bin/ttkmdctl'), ['kernel-event'], {
      timeout: 500,
      stdio: 'ignore',
    });
    expect(signal).toBe('SIGTERM');
    for (let tries = 0; tries < 50 && !existsSync(join(scratch, 'ended')); tries += 1) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
    expect(existsSync(join(scratch, 'ended'))).toBe(true);
  });
});
