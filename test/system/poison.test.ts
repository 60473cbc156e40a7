// What the caller's environment holds never reaches Node.js, dkms or make: each poison is first shown to work.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insist, installedVersion, prepared, printed, SAMPLE } from './support/machine.ts';
import { parts } from './support/parts.ts';
import {
  clearTraces,
  layPoisons,
  MORE_POISONS,
  POISON_FOLDER,
  POISONS,
  portageEnvironment,
  rounds,
  traces,
} from './support/poisons.ts';
import type { RunResult, Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

const PLUGIN = '/usr/lib/kernel/install.d/35-ttkmd.install';
const NODE = '/usr/lib/ttkmd/node/bin/node';

const release = kernels.v61.gentooRelease;

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  // As on Gentoo. Bash takes more from its environment than dash does.
  await sandbox.link('bash', '/usr/bin/sh');
  await layPoisons(sandbox);
});

afterAll(() => sandbox.dispose());

interface PlainBuild {
  code: number;
  /** What dkms printed, and make.log. */
  text: string;
}

/** A `dkms build` of the same driver for the same kernel by itself, in a tree of its own. */
async function plainBuild(env: Record<string, string>): Promise<PlainBuild> {
  const tree = '/tmp/plain';
  await sandbox.run(['sh', '-ec', `rm -rf ${tree}; mkdir ${tree}`]);
  await clearTraces(sandbox);
  // Into a file: dkms's progress dots would hold a pipe open for three seconds.
  const script = `exec /usr/sbin/dkms build --dkmstree ${tree} -m tenstorrent -v ${SAMPLE} -k ${release} > ${tree}/output 2>&1`;
  const { code } = await sandbox.run(['/usr/bin/sh', '-c', script], { env, allowFailure: true });
  const log = `${tree}/tenstorrent/${SAMPLE}/build/make.log`;
  const makeLog = (await sandbox.exists(log)) ? await sandbox.read(log) : '';
  return { code, text: (await sandbox.read(`${tree}/output`)) + makeLog };
}

/** As if the driver had never been built here. */
async function forgetModule(): Promise<void> {
  await sandbox.run([
    'sh',
    '-ec',
    `rm -rf /var/lib/dkms/tenstorrent /var/lib/ttkmd/state.json /lib/modules/${release}/kernel/extra
    depmod ${release}`,
  ]);
  expect(await installedVersion(sandbox, release)).toBeUndefined();
}

/** The hook as kernel-install calls it, from nothing to a module. */
async function hook(env: Record<string, string>): Promise<RunResult> {
  await forgetModule();
  await clearTraces(sandbox);
  return sandbox.run([PLUGIN, 'add', release, `/boot/entry/${release}`, `/boot/vmlinuz-${release}`], {
    env,
    allowFailure: true,
  });
}

async function expectBuilt(result: RunResult): Promise<void> {
  expect(printed(result)).toMatch(/^exit status 0\n.*built, installed, verified/);
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
  const { stdout } = await sandbox.run(['modinfo', '-k', release, '-F', 'vermagic', 'tenstorrent']);
  expect(stdout.split(' ')[0]).toBe(release);
}

test('without a poison, plain dkms and the hook both build', async () => {
  expect(await plainBuild({})).toMatchObject({ code: 0 });
  const result = await hook({});
  await expectBuilt(result);
  expect(result.stderr).toBe('');
  expect(await traces(sandbox)).toEqual([]);
});

describe('breaks plain dkms and does nothing to the hook:', () => {
  test.each(rounds(POISONS))('%s', async (_, round) => {
    for (const { name, env, says } of round) {
      const plain = await plainBuild(env);
      expect(plain.code, name).not.toBe(0);
      expect(plain.text, name).toMatch(says);
    }
    const result = await hook(Object.assign({}, ...round.map(({ env }) => env)));
    await expectBuilt(result);
    expect(result.stderr).toBe('');
    // The shell that reads the hook's first line is loaded before anything of ours can be said.
    expect((await traces(sandbox)).filter((trace) => trace !== 'preloaded sh')).toEqual([]);
  });

  test('what the traces are worth', async () => {
    await plainBuild(poison('LD_PRELOAD'));
    expect(await traces(sandbox)).toEqual(expect.arrayContaining(['preloaded cc1', 'preloaded make']));
    await plainBuild(poison('a PATH'));
    expect(await traces(sandbox)).toContain('called uname');
  });

  test('more of them, all at once', async () => {
    for (const { name, env, says } of MORE_POISONS) {
      const plain = await plainBuild(env);
      expect(plain.code, name).not.toBe(0);
      expect(plain.text, name).toMatch(says);
    }
    const all = Object.assign({}, ...[...MORE_POISONS, ...POISONS].map(({ env }) => env));
    const result = await hook(all);
    await expectBuilt(result);
    expect((await traces(sandbox)).filter((trace) => trace !== 'preloaded sh')).toEqual([]);

    // The command by itself, as a person calls it in a shell like that.
    await forgetModule();
    await insist(sandbox, ['reconcile', '--kernel', release], 0, { env: all });
    expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
    expect((await traces(sandbox)).filter((trace) => trace !== 'preloaded sh')).toEqual([]);
  });
});

function poison(start: string): Record<string, string> {
  return POISONS.find(({ name }) => name.startsWith(start))?.env ?? {};
}

test('LD_PRELOAD with a library that is not there: noise in each process of dkms, one line with us', async () => {
  const env = { LD_PRELOAD: `${POISON_FOLDER}/missing.so` };
  const complaints = (text: string): number => text.match(/missing\.so/g)?.length ?? 0;
  expect(complaints((await plainBuild(env)).text)).toBeGreaterThan(20);
  const result = await hook(env);
  await expectBuilt({ ...result, stderr: '' });
  expect(complaints(result.stderr)).toBe(1);
  expect(result.stderr.trim().split('\n')).toHaveLength(1);
});

test('NODE_OPTIONS acts before any code of a program, and not before ours', async () => {
  const missing = { NODE_OPTIONS: `--require=${POISON_FOLDER}/missing.js` };
  const writing = { NODE_OPTIONS: `--require=${POISON_FOLDER}/evil.js`, NODE_PATH: POISON_FOLDER };
  const plain = (env: Record<string, string>): Promise<RunResult> =>
    sandbox.run([NODE, '-e', '0'], { env, allowFailure: true });
  expect((await plain({})).code).toBe(0);
  expect((await plain(missing)).code).not.toBe(0);
  expect((await plain(writing)).code).toBe(0);
  expect(await traces(sandbox)).toEqual(['required']);

  for (const env of [missing, writing]) {
    const result = await hook(env);
    await expectBuilt(result);
    expect(result.stderr).toBe('');
    await insist(sandbox, ['status'], 0, { env });
    expect(await traces(sandbox)).toEqual([]);
  }
});

test("Portage's environment, through the real kernel-install and Gentoo's installkernel", async () => {
  const env = portageEnvironment();
  expect(Object.keys(env).length).toBeGreaterThanOrEqual(230);
  const plain = await plainBuild(env);
  expect(plain.code).not.toBe(0);
  expect(plain.text).toContain('arch/amd64/Makefile');

  await forgetModule();
  const installed = await sandbox.kernelInstall('add', release, undefined, { env });
  await expectBuilt(installed);
  // Portage's users get lines in the style of Portage.
  expect(installed.stdout).toMatch(/^ \* ttkmd: .* {3}\[ ok \]\n$/);
  expect(installed.stderr).toBe('');

  await forgetModule();
  const traditional = await sandbox.gentooInstallkernel(release, undefined, { env });
  expect(traditional.stdout).toContain('built, installed, verified');
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
});

test('of MAKEOPTS the numbers of -j and -l count, and nothing else', async () => {
  const evil = '-j3 -l5 SHELL=/evil';
  const raw = await plainBuild({ MAKEFLAGS: evil });
  expect(raw.code).not.toBe(0);
  expect(raw.text).toContain('/evil: ');

  // The driver's own Makefile says what make was started with.
  const makefile = `/usr/src/tenstorrent-${SAMPLE}/Makefile`;
  const text = await sandbox.read(makefile);
  await sandbox.write(makefile, `$(info make was told $(shell echo $$MAKEFLAGS) SHELL=$(SHELL))\n${text}`);
  const told = async (env: Record<string, string>): Promise<string> => {
    await expectBuilt(await hook(env));
    const { stdout } = await insist(sandbox, ['logs', release], 0);
    return stdout
      .split('\n')
      .filter((line) => /^# command: make|^make was told/.test(line))
      .join('\n');
  };
  const limited = await told({ MAKEOPTS: `${evil} --dry-run CC=false -f /evil -j` });
  expect(limited).toMatch(/^# command: make -j3 KERNELRELEASE=/);
  expect(limited).toMatch(/^make was told .* -j3 -l5 .*SHELL=\/bin\/sh$/m);
  expect(limited).not.toMatch(/evil|dry-run|CC=/);
  expect(await told({})).not.toMatch(/ -j3 | -l/);
  await sandbox.write(makefile, text);
});
