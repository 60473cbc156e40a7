// The commands that look, the settings, and who may do what: as a user, and in a system in another folder.

import { expect, test } from 'vitest';
import {
  changes,
  history,
  insist,
  installedVersion,
  modulePath,
  prepared,
  printed,
  SAMPLE,
  type StatusDocument,
  snapshot,
  states,
  statusOf,
} from './support/machine.ts';
import { parts } from './support/parts.ts';

const { kernels, dkms } = parts();

test('without root everything can be looked at and nothing can be changed', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const asNobody = (...args: string[]) =>
    sandbox.run([...nobody, '/usr/bin/ttkmdctl', ...args], { allowFailure: true });

  const fresh = await snapshot(sandbox);
  const refused = await asNobody('reconcile');
  expect(refused.code, printed(refused)).toBe(4);
  expect(refused.stderr).toMatch(/needs root.*\n {2}→ as root: ttkmdctl reconcile\./);
  expect((await asNobody('reconcile', '--dry-run')).code).toBe(0);
  expect(changes(fresh, await snapshot(sandbox))).toEqual([]);

  await insist(sandbox, ['reconcile'], 0);
  const settled = await snapshot(sandbox);
  const seen = await asNobody('status', '--json');
  expect(seen.code, printed(seen)).toBe(0);
  const document = JSON.parse(seen.stdout) as StatusDocument;
  expect(document.health).toBe('ok');
  expect(document.unreadable).toEqual([]);
  expect(document.kernels.find((one) => one.release === release)?.module.state).toBe('current');
  for (const args of [['ready', release], ['kernels'], ['history'], ['logs', release], ['config', 'check']]) {
    const looked = await asNobody(...args);
    expect(looked.code, `${args.join(' ')}: ${printed(looked)}`).toBe(0);
  }
  expect((await asNobody('reconcile')).stdout).toContain('nothing to do');

  // What is hidden from this user is named, and the rest is shown all the same.
  await sandbox.run(['chmod', '700', '/var/lib/dkms', '/var/lib/ttkmd']);
  const hidden = await asNobody('status');
  expect(hidden.stdout).toMatch(/\/var\/lib\/dkms\S* may not be read by this user/);
  expect(hidden.stdout).toMatch(/\/var\/lib\/ttkmd\S* may not be read by this user/);
  expect(hidden.stdout).toMatch(new RegExp(`${escapeRegExp(release)} .*unknown`));
  expect(hidden.stdout).not.toMatch(/missing|drifted/);
  expect((await asNobody('reconcile')).code).toBe(4);
  await sandbox.run(['chmod', '755', '/var/lib/dkms', '/var/lib/ttkmd']);
  for (const path of [
    `/lib/modules/${release}/modules.dep`,
    await modulePath(sandbox, release),
    '/etc/ttkmd',
  ]) {
    await sandbox.run(['chmod', 'go-rx', path]);
    const { kernels: judged } = JSON.parse((await asNobody('status', '--json')).stdout) as StatusDocument;
    const { module } = judged.find((one) => one.release === release) ?? {};
    expect(module?.state, path).toBe('unknown');
    expect(module?.reason, path).toMatch(
      new RegExp(`^${escapeRegExp(path)}\\S* may not be read by this user$`),
    );
    await sandbox.run(['chmod', 'go+r', path]);
    if (path === '/etc/ttkmd') await sandbox.run(['chmod', 'go+x', path]);
  }
  const modes = (lines: readonly string[]) => lines.map((line) => line.replace(/ [\d.]+ [\d.]+ [^ ]*$/, ''));
  expect(changes(modes(settled), modes(await snapshot(sandbox)))).toEqual([]);
});

test('a system in another folder is worked on inside it, and nothing outside it is touched', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  const root = '/opt/other';
  // A system as a rescue disk would have it under /mnt: a /usr of its own with its own kernels and sources.
  await sandbox.run([
    'sh',
    '-c',
    `mkdir -p ${root} && cd ${root} && mkdir -p usr etc var/lib/dkms var/log var/tmp run tmp proc dev boot &&
     for link in bin sbin lib lib64; do ln -s usr/$link $link; done
     mount --bind /usr usr && mount -t tmpfs own usr/src && mount -t tmpfs own usr/lib/modules && mount -t tmpfs own usr/lib/udev &&
     cp -a /usr/src/. usr/src && cp -a /lib/modules/. usr/lib/modules && cp -a /etc/. etc && cp /boot/* boot &&
     mount --bind /dev dev`,
  ]);

  // Where /proc is not mounted in there, a run that was killed is still told from one that works, and the process
  // that has its number by now is left alone.
  const bystander = sandbox.spawn(['sleep', '1000'], { stdio: 'ignore' });
  await sandbox.write(
    `${root}/run/ttkmd/run.json`,
    `{"pid":${bystander.pid},"started":"","trigger":"boot","since":1700000000000}\n`,
  );
  expect((await sandbox.ttkmdctl(['--root', root, 'status', '--json'])).stdout).toContain('"run": null');
  expect((await insist(sandbox, ['--root', root, 'cancel'], 0)).stdout).toContain('nothing to cancel');
  expect(bystander.signalCode).toBeNull();
  bystander.kill();

  await sandbox.run(['mount', '-t', 'proc', 'proc', `${root}/proc`]);
  const outside = await snapshot(sandbox);
  await insist(sandbox, ['--root', root, 'reconcile'], 0);
  expect(changes(outside, await snapshot(sandbox))).toEqual([]);
  expect(await sandbox.list('/run/ttkmd')).not.toContain('events.jsonl');
  const inside = await statusOf(sandbox, '--root', root);
  expect(inside.health).toBe('ok');
  expect(inside.kernels).toMatchObject([{ release, module: { state: 'current', version: SAMPLE } }]);
  expect(await sandbox.list(`${root}/var/lib/dkms/tenstorrent`)).toContain(`kernel-${release}-x86_64`);
  expect(await sandbox.list(`${root}/var/lib/ttkmd`)).toContain('state.json');
  expect(await sandbox.list(`${root}/var/log/ttkmd/builds`)).toHaveLength(1);
  expect((await insist(sandbox, ['--root', root, 'reconcile'], 0)).stdout).toContain('nothing to do');
  expect((await insist(sandbox, ['--root', root, 'ready', release], 0)).stdout).toMatch(/^ready: /);
  // Only root may run modinfo in there: to others a module is unknown, and not broken, unless root has kept what it
  // says.
  const others = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '/usr/bin/ttkmdctl'];
  const asOthers = async (): Promise<StatusDocument> => {
    const looked = await sandbox.run([...others, '--root', root, 'status', '--json'], { allowFailure: true });
    return JSON.parse(looked.stdout) as StatusDocument;
  };
  expect((await asOthers()).kernels).toMatchObject([{ release, module: { state: 'current' } }]);
  await sandbox.remove(`${root}/var/lib/ttkmd/checks.json`);
  const { kernels: judged, unreadable } = await asOthers();
  expect(judged).toMatchObject([{ release, module: { state: 'unknown' } }]);
  expect(unreadable).toEqual([expect.stringMatching(/tenstorrent\.ko/)]);
  expect(await installedVersion(sandbox, release)).toBeUndefined();
  expect((await insist(sandbox, ['--root', '/nowhere', 'status'], 2)).stderr).toContain('/nowhere');
});

test('the looking commands answer in words and in documents', async () => {
  await using sandbox = await prepared({
    dkms: dkms.v32,
    tree: 'gentoo',
    kernels: [kernels.v61, kernels.older],
  });
  const [merged, split] = [kernels.v61.gentooRelease, kernels.older.gentooRelease];

  const notYet = await insist(sandbox, ['ready', merged], 1);
  expect(notYet.stdout).toMatch(new RegExp(`^not ready: ${merged} .*\n$`));
  expect((await insist(sandbox, ['ready', '9.9.9-nowhere'], 2)).stderr).toContain('9.9.9-nowhere');
  expect((await insist(sandbox, ['logs', merged], 1)).stderr).toMatch(
    /^ttkmdctl: no build for .*\n {2}→ (?!.*logs)/,
  );
  expect((await insist(sandbox, ['logs', '--list'], 0)).stdout).toBe(
    'no build has left a log in /var/log/ttkmd/builds\n',
  );
  expect((await insist(sandbox, ['history'], 0)).stdout).toContain('nothing has been done yet');
  const machine = await insist(sandbox, ['kernels'], 0);
  for (const release of [merged, split]) {
    expect(machine.stdout).toMatch(
      new RegExp(`${release} +installed +sys-kernel/gentoo-kernel\\S* +.*gcc-12 .*ready`),
    );
  }

  await insist(sandbox, ['reconcile', '--trigger', 'boot'], 0);
  expect((await insist(sandbox, ['ready', merged], 0)).stdout).toBe(
    `ready: ${merged} will come up with tenstorrent ${SAMPLE}\n`,
  );
  expect((await insist(sandbox, ['ready'], 0)).stdout).toMatch(/^ready: .* 1 other kernel\n$/);
  const log = await insist(sandbox, ['logs', split], 0);
  expect(log.stdout).toContain(`tenstorrent ${SAMPLE} for ${split}`);
  expect(log.stdout).toMatch(/CC \[M\] .*tenstorrent\.o/);
  const listed = await insist(sandbox, ['logs', '--list'], 0);
  expect(listed.stdout.match(/\.log$/gm)).toHaveLength(2);
  const told = await history(sandbox);
  expect(told.map(({ step }) => step)).toEqual([
    'takeOver',
    'register',
    'placeRule',
    'build',
    'install',
    'build',
    'install',
  ]);
  expect(told.every(({ trigger, outcome }) => trigger === 'boot' && outcome === 'done')).toBe(true);
  expect((await insist(sandbox, ['history', '-n', '1'], 0)).stdout.trim().split('\n')).toHaveLength(2);
  expect((await insist(sandbox, ['history', '-n', '0'], 0)).stdout).toBe('');

  // Both shapes that emerge --depclean leaves: the kernel still boots, and keeps its module.
  await sandbox.depclean(merged, 'merged');
  await sandbox.depclean(split, 'split');
  const listing = await insist(sandbox, ['kernels', '--json'], 0);
  const found = (JSON.parse(listing.stdout) as { kernels: StatusDocument['kernels'] }).kernels;
  const missing = (release: string) =>
    found.find((one) => one.release === release)?.buildTree.missing.map(({ code }) => code);
  expect(missing(merged)).toEqual(['no-build-link']);
  expect(missing(split)).toEqual(['dangling-build-link']);
  expect(found.find((one) => one.release === merged)?.origin).toContain('gentoo-kernel');
  expect(await states(sandbox)).toEqual({ [merged]: 'current', [split]: 'current' });
  const settled = await snapshot(sandbox);
  await insist(sandbox, ['reconcile'], 0);
  expect(changes(settled, await snapshot(sandbox))).toEqual([]);
  expect((await insist(sandbox, ['ready'], 0)).stdout).toMatch(/^ready: /);
});

test('settings: shown with their places, checked to the line, and bad usage is told from bad settings', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  expect((await insist(sandbox, ['config', 'check'], 0)).stdout).toContain('fine');
  await sandbox.write('/etc/ttkmd/ttkmd.conf', '[kernels]\narchive = yes\n');
  expect((await insist(sandbox, ['config', 'check'], 0)).stdout).toBe('the configuration is fine\n');
  await sandbox.write('/etc/ttkmd/ttkmd.conf', '[build]\nnice = 5\n\n[driver]\nversoin = newest\n');
  await sandbox.write('/etc/ttkmd/ttkmd.conf.d/10-jobs.conf', '[build]\njobs = many\nnice = 7\n');

  const shown = await insist(sandbox, ['config', 'show'], 3);
  expect(shown.stdout).toMatch(/^build\.nice +7 +\/etc\/ttkmd\/ttkmd\.conf\.d\/10-jobs\.conf:3$/m);
  expect(shown.stdout).toMatch(/^driver\.keep_old +1 +default$/m);
  const checked = await insist(sandbox, ['config', 'check'], 3);
  expect(checked.stdout).toMatch(/\/etc\/ttkmd\/ttkmd\.conf:5.*versoin/);
  expect(checked.stdout).toContain('Did you mean version?');
  expect(checked.stdout).toMatch(/10-jobs\.conf:2.*jobs/);
  // A person is asked to mend it first; a machine that boots builds with the defaults.
  const before = await snapshot(sandbox);
  const stopped = await insist(sandbox, ['reconcile'], 3);
  expect(stopped.stderr).toMatch(/\/etc\/ttkmd\/ttkmd\.conf:5/);
  expect(changes(before, await snapshot(sandbox))).toEqual([]);
  await insist(sandbox, ['reconcile', '--trigger', 'boot'], 0);
  expect(await installedVersion(sandbox, kernels.v61.gentooRelease)).toBe(SAMPLE);
  const status = await statusOf(sandbox);
  expect(status.problems.filter(({ code }) => code === 'config')).toHaveLength(2);
  expect(status.health).toBe('degraded');

  for (const args of [
    ['recncile'],
    ['reconcile', '--frobnicate'],
    ['reconcile', '--trigger', 'nobody'],
    ['reconcile', '--all', '--kernel', 'x'],
    ['reconcile', '--wait', 'soon'],
    ['ready', 'one', 'two'],
    ['history', '--lines', '-3'],
    ['config'],
    [],
  ]) {
    const bad = await insist(sandbox, args, 2);
    expect(bad.stderr, args.join(' ')).not.toBe('');
    expect(bad.stderr).not.toMatch(/at .*\.js:\d+/);
  }

  await sandbox.remove('/etc/ttkmd');
  // A reader that has seen enough is no error; the many lines of a log are more than a pipe holds.
  await sandbox.write(
    `/var/log/ttkmd/builds/20990101T000000.000Z.9999_${kernels.v61.gentooRelease}_${SAMPLE}.log`,
    'line\n'.repeat(200_000),
  );
  for (const line of ['status', 'status --json', 'logs', 'kernels', 'config show', 'help']) {
    const { code, stdout, stderr } = await sandbox.run([
      'bash',
      '--norc',
      '-c',
      `ttkmdctl ${line} | head -n 1; exit \${PIPESTATUS[1]}`,
    ]);
    expect([line, code, stderr]).toEqual([line, 0, '']);
    expect(stdout.split('\n')).toHaveLength(2);
  }
});
function escapeRegExp(text: string): string {
  return text.replaceAll(/[.+]/g, '\\$&');
}
