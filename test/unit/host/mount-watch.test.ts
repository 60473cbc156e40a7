// The watch over a mount, on the real machine: a mount namespace of its own, asked by a process of its own.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const WATCH = join(import.meta.dirname, '../../../src/host/mount-watch.ts');

/** What a program that has `watchMount`, `sh` and a file system at `path` prints, each line of it. */
function inNamespace(program: string): string[] {
  const script = `
    import { execFileSync } from 'node:child_process';
    import { mkdtempSync } from 'node:fs';
    import { tmpdir } from 'node:os';
    import { join } from 'node:path';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { watchMount } from '${WATCH}';
    const sh = (text) => execFileSync('sh', ['-c', text], { encoding: 'utf8' });
    const path = mkdtempSync(join(tmpdir(), 'mount-'));
    const other = mkdtempSync(join(tmpdir(), 'mount-'));
    sh(\`mount -t tmpfs none \${path}\`);
    ${program}
    sh(\`umount -q \${path} || true; rm -f \${other}/link; rmdir \${other}; rmdir \${path} || true\`);`;
  const namespace = process.geteuid?.() === 0 ? ['-m'] : ['-Urm'];
  const node = [process.execPath, '--input-type=module', '-e', script];
  const ended = spawnSync('unshare', [...namespace, ...node], { encoding: 'utf8', timeout: 20_000 });
  expect(ended.status, ended.stderr).toBe(0);
  return ended.stdout.trim().split('\n');
}

it('tells that it has gone, of no other mount, and lets the program end', () => {
  const said = inNamespace(`
    watchMount(path, (hasGone) => console.log('gone', hasGone));
    await sleep(700);
    sh(\`mount -t tmpfs none \${other}; umount \${other}\`);
    await sleep(300);
    console.log('other');
    sh(\`umount \${path}\`);
    await sleep(500);`);
  expect(said).toEqual(['other', 'gone true']);
});

it.each([
  ['tells what went before findmnt looked', 'umount $M', '', ['gone true']],
  ['… its folder too', 'umount $M; rmdir $M', '', ['gone true']],
  ['says nothing of one that is still there', 'true', '', ['']],
  ['… and is reached by a link', 'ln -s $M $O/link', '/link', ['']],
])('%s', (_, before, link, expected) => {
  const said = inNamespace(`
    sh(\`M=\${path} O=\${other}; ${before}\`);
    const stop = watchMount('${link}' === '' ? path : other + '${link}', (hasGone) => console.log('gone', hasGone), 300);
    await sleep(800);
    stop();`);
  expect(said).toEqual(expected);
});

it('says nothing once it is stopped, and leaves no process behind', () => {
  const said = inNamespace(`
    const stop = watchMount(path, (hasGone) => console.log('gone', hasGone), 800);
    await sleep(500);
    console.log(sh(\`pgrep -cf "findmnt.*\${path}$" || true\`).trim());
    stop();
    await sleep(500);
    console.log(sh(\`pgrep -cf "findmnt.*\${path}$" || true\`).trim());`);
  expect(said.map(Number)).toEqual([2, 0]);
});

it('leaves nothing behind where the program is killed', () => {
  const said = inNamespace(`
    const text = "import { watchMount } from '${WATCH}'; watchMount('" + path + "', () => {}); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 500)";
    sh(\`\${process.execPath} --input-type=module -e "\${text}" || true\`);
    await sleep(500);
    console.log(sh(\`pgrep -cf "findmnt.*\${path}$" || true\`).trim());`);
  expect(said.map(Number)).toEqual([0]);
});

it('says so where there is no findmnt, or it is killed', () => {
  const said = inNamespace(`
    watchMount(path, (hasGone) => console.log('gone', hasGone));
    await sleep(500);
    sh(\`pkill -KILL -x findmnt --nslist mnt --ns \${process.pid}\`);
    await sleep(500);`);
  expect(said).toEqual(['gone false']);
});

it('costs little: both processes together hold less than a MiB of their own', () => {
  const [pids = ''] = inNamespace(`
    watchMount(path, () => {});
    await sleep(500);
    const own = sh(\`pgrep -f "findmnt.*\${path}$"\`).trim().split('\\n');
    const sizes = own.map((pid) => { try { return sh(\`sed -n 's/^RssAnon:[^0-9]*//p' /proc/\${pid}/status\`); } catch { return '0'; } });
    console.log(sizes.map((text) => Number.parseInt(text, 10) || 0).reduce((a, b) => a + b));
    process.exit(0);`);
  expect(Number(pids)).toBeLessThan(1024);
});
