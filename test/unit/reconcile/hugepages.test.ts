// Pages of 1 GiB in the loop: what is done, also early at boot, and what could not be had.
import { describe, expect, it } from 'vitest';
import type { Host } from '../../../src/host/host.ts';
import type { Policy } from '../../../src/reconcile/plan.ts';
import { loadState } from '../../../src/state/state.ts';
import { A, B, CARD, hostWith, run, TWO, working } from '../support/hugepage-hosts.ts';
import {
  card,
  kernelThatGives,
  MACHINE_POOL,
  mounted,
  numaNode,
  poolOf,
  withoutNodes,
} from '../support/hugepages.ts';
import { current, type Files, gentooKernel, machine } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';

describe('applying', () => {
  it('allocates on the nodes, mounts, remembers what is ours, and finds nothing to do the second time', async () => {
    const memory = working({ ...numaNode(0, { pages: 1 }), ...numaNode(1), ...TWO });
    const { host, asked } = kernelThatGives(memory, { [poolOf(0)]: [64], [poolOf(1)]: [64] });
    const report = await run(host);
    expect(report.done.map(({ outcome, text }) => `${outcome}: ${text}`)).toEqual([
      'done: 4 of 4 × 1 GiB are allocated on node 0',
      'done: 4 of 4 × 1 GiB are allocated on node 1',
      'done: mounted hugepages of 1 GiB at /dev/hugepages-1G',
    ]);
    expect(asked).toEqual(['node0/nr_hugepages 4', 'node1/nr_hugepages 4']);
    expect(memory.exec.calls.map(({ line }) => line).filter((line) => line.startsWith('mount'))).toEqual([
      'mount -t hugetlbfs -o pagesize=1G,mode=0777,nosuid,nodev hugetlbfs /dev/hugepages-1G',
    ]);
    expect(loadState(host.fs).pages).toEqual({ boot: 'this-boot', pages: { 'node 0': 3, 'node 1': 4 } });
    expect(report.after.health).toBe('ok');
    expect((await run(host)).outcome).toBe('nothing-to-do');
  });

  it('compacts memory and tries again, the node by itself', async () => {
    const memory = working({ ...numaNode(0), ...CARD, ...mounted() });
    const { host, asked } = kernelThatGives(memory, { [poolOf(0)]: [1, 2, 4] });
    expect((await run(host)).outcome).toBe('done');
    expect(asked).toEqual([
      'node0/nr_hugepages 4',
      'node0/compact 1',
      'node0/nr_hugepages 4',
      'node0/compact 1',
      'node0/nr_hugepages 4',
    ]);
  });

  it('gives up after a few times, and says how many of how many where, and what makes it sure', async () => {
    const memory = working({
      ...numaNode(0),
      ...numaNode(1, { pages: 4 }),
      ...TWO,
      ...mounted(),
      '/etc/default/grub': '',
    });
    const { host, asked } = kernelThatGives(memory, { [poolOf(0)]: [1, 3] });
    const { outcome, done, after } = await run(host);
    expect(outcome).toBe('failed');
    expect(done[0]).toMatchObject({
      outcome: 'failed',
      text: '3 of 4 × 1 GiB are allocated on node 0, though memory was compacted 3 times: no more of its memory is in one piece',
      hint: 'to be sure of them, add hugepagesz=1G hugepages=0:4,1:4 to GRUB_CMDLINE_LINUX in /etc/default/grub; then run grub-mkconfig -o /boot/grub/grub.cfg, and reboot',
    });
    expect(asked.filter((line) => line.includes('compact'))).toHaveLength(3);
    expect(after.health).toBe('degraded');
    expect(after.problems.filter(({ severity }) => severity !== 'note')).toMatchObject([
      {
        code: 'hugepages-short',
        message: '7 of 8 hugepages of 1 GiB are there (node 0: 3 of 4)',
        hint: expect.stringContaining('hugepagesz=1G hugepages=0:4,1:4'),
      },
    ]);
  });

  it('compacts the machine where it has no nodes', async () => {
    const memory = working({ ...withoutNodes(), ...CARD, ...mounted() });
    const { host, asked } = kernelThatGives(memory, { [MACHINE_POOL]: [3, 4] });
    const { done } = await run(host);
    expect(done[0]?.text).toBe('4 of 4 × 1 GiB are allocated on this machine');
    expect(asked[1]).toBe('/proc/sys/vm/compact_memory 1');
    expect(loadState(host.fs).pages?.pages).toEqual({ 'this machine': 4 });
  });

  it.each<[string, RegExp, RegExp]>([
    ['EINVAL', /makes no pages of 1 GiB while it runs/, /hugepagesz=1G hugepages=4/],
    ['EROFS', /may not be written to \(EROFS\)/, /in a container, run it on the host/],
    ['EPERM', /may not be written to \(EPERM\)/, /in a container/],
    ['EIO', /broken \(EIO\)/, /hugepagesz=1G/],
  ])('explains what the kernel refuses: %s', async (code, text, hint) => {
    const memory = working({ ...numaNode(0), ...CARD, ...mounted() });
    const fs = {
      ...memory.fs,
      writeInPlace() {
        throw Object.assign(new Error(`broken (${code})`), { code });
      },
    };
    const { outcome, done } = await run({ ...memory, fs });
    expect(outcome).toBe('failed');
    expect(done[0]?.text).toMatch(text);
    expect(done[0]?.hint).toMatch(hint);
  });

  it('says why nothing was mounted, and leaves no folder behind', async () => {
    const stderr =
      'mount: /dev/hugepages-1G: permission denied.\n       dmesg(1) may have more information.\n';
    const host = working({ ...numaNode(0, { pages: 4 }), ...CARD }, '', { code: 32, stderr });
    const { done } = await run(host);
    expect(done[0]).toMatchObject({
      outcome: 'failed',
      text: 'hugepages could not be mounted at /dev/hugepages-1G: mount: /dev/hugepages-1G: permission denied.',
      hint: expect.stringContaining(
        'mount -t hugetlbfs -o pagesize=1G,mode=0777,nosuid,nodev hugetlbfs /dev/hugepages-1G',
      ),
    });
    expect(host.fs.exists('/dev/hugepages-1G')).toBe(false);
  });

  it('mounts for a group where the settings say so', async () => {
    const host = working(
      { ...numaNode(0, { pages: 4 }), ...CARD, '/etc/group': 'root:x:0:\ncards:x:990:me\n' },
      'mount_mode = 0770\nmount_group = cards',
    );
    await run(host);
    expect(host.exec.calls.map(({ line }) => line)).toContain(
      'mount -t hugetlbfs -o pagesize=1G,mode=0770,gid=990,nosuid,nodev hugetlbfs /dev/hugepages-1G',
    );
  });

  it('needs root, and says for what', async () => {
    const host = hostWith({ ...numaNode(0), ...CARD }, '', {
      machine: { runningRelease: A, effectiveUser: 1000 },
    });
    await expect(run(host)).rejects.toMatchObject({
      exitStatus: 4,
      message: 'Allocating and mounting hugepages needs root.',
      hint: 'as root: ttkmdctl hugepages apply. What would be done: ttkmdctl hugepages apply --dry-run',
    });
  });
});

describe('what could not be had', () => {
  const SHORT: Files = { ...numaNode(0), ...CARD, ...mounted() };
  const short = (files: Files = SHORT) => {
    const memory = working(files);
    return { memory, ...kernelThatGives(memory, { [poolOf(0)]: [3] }) };
  };
  const again = async (host: Host, trigger: Policy['trigger']): Promise<number> =>
    (await run(host, { trigger, part: undefined })).done.filter(({ step }) => /Hugepages$/.test(step.kind))
      .length;

  it('is not tried again by the daemon, but by a person and at boot', async () => {
    const { host, asked } = short();
    expect(await again(host, 'watch')).toBe(1);
    const tried = asked.length;
    for (const trigger of ['watch', 'timer'] as const) expect(await again(host, trigger)).toBe(0);
    expect(asked).toHaveLength(tried);
    for (const trigger of ['cli', 'boot'] as const) expect(await again(host, trigger)).toBe(1);
  });

  it('is tried again where more is wanted, or where pages have gone since', async () => {
    const { memory, host } = short();
    await run(host, { trigger: 'boot' });
    memory.put(card(2, 'wormhole', { node: 0 }));
    expect(await again(host, 'watch')).toBe(1);
    expect(await again(host, 'watch')).toBe(0);
    memory.put({ [`${poolOf(0)}/nr_hugepages`]: '2\n', [`${poolOf(0)}/free_hugepages`]: '2\n' });
    expect(await again(host, 'watch')).toBe(1);
    expect(await again(host, 'watch')).toBe(0);
  });

  it('is not tried again where memory allows for less than before', async () => {
    const { memory, host } = short();
    memory.put(card(2, 'wormhole', { node: 0 }));
    await run(host, { trigger: 'boot' });
    memory.put(numaNode(0, { unused: 8.5, pages: 3 }));
    expect(await again(host, 'timer')).toBe(0);
  });

  it('is tried again after the next boot', async () => {
    const { memory, host } = short();
    await run(host, { trigger: 'boot' });
    memory.put({ '/proc/sys/kernel/random/boot_id': 'next-boot\n' });
    expect(await again(host, 'watch')).toBe(1);
  });

  it('is remembered of what the kernel refuses, and of a mount', async () => {
    const memory = working({ ...numaNode(0), ...CARD }, '', { code: 32, stderr: 'mount: denied\n' });
    const fs = {
      ...memory.fs,
      writeInPlace() {
        throw Object.assign(new Error('read-only'), { code: 'EROFS' });
      },
    };
    const host = { ...memory, fs };
    expect(await again(host, 'watch')).toBe(2);
    expect(await again(host, 'watch')).toBe(0);
    expect(await again(host, 'boot')).toBe(2);
    memory.put({ '/etc/ttkmd/ttkmd.conf': '[hugepages]\nmount = /mnt/huge\n' });
    expect(await again(host, 'timer')).toBe(1);
  });

  it('is forgotten once it could be had', async () => {
    const { memory, host } = short();
    await run(host);
    expect(loadState(memory.fs).pagesFailed?.nodes).toEqual({ 'node 0': { to: 4, allocated: 3 } });
    const generous = kernelThatGives(memory, { [poolOf(0)]: [64] });
    await run(generous.host);
    expect(loadState(memory.fs).pagesFailed?.nodes).toEqual({});
  });

  it('makes no run fail that has more to do than hugepages', async () => {
    const { host } = short();
    expect((await run(host, { part: undefined })).outcome).toBe('done');
    expect((await run(host)).outcome).toBe('failed');
  });
});

describe('early at boot', () => {
  const EARLY = { trigger: 'boot', part: 'hugepages' } as const;
  /** The same host, with the folders that are looked at or into, other than what the program must have. */
  function watched(memory: MemoryHost): { host: Host; touched: Set<string> } {
    const touched = new Set<string>();
    const fs = new Proxy(memory.fs, {
      get(target, name) {
        const found: unknown = Reflect.get(target, name);
        if (typeof found !== 'function') return found;
        return (...args: unknown[]): unknown => {
          const [, top = ''] =
            /^(\/(?:usr\/src|lib\/modules\/[^/]+|var\/lib\/\w+|[^/]+))/.exec(String(args[0])) ?? [];
          touched.add(top);
          return Reflect.apply(found, target, args);
        };
      },
    });
    return { host: { ...memory, fs }, touched };
  }

  it('touches nothing that may not be mounted yet, and remembers nothing of it', async () => {
    const sources = { '/usr/src/tenstorrent-2.9.0': { identity: 'x', hash: 'y' } };
    const memory = working({
      ...numaNode(0),
      ...CARD,
      ...gentooKernel(B),
      '/etc/default/grub': '',
      '/var/lib/ttkmd/state.json': JSON.stringify({ schema: 1, sources }),
    });
    const { host, touched } = watched(memory);
    const giving = kernelThatGives({ ...host, put: memory.put }, { [poolOf(0)]: [3] }).host;
    const { done, outcome } = await run(giving, EARLY);
    expect([outcome, done.length]).toEqual(['failed', 2]);
    expect(done[0]?.hint).toMatch(/kernel command line; ttkmdctl hugepages status says with which words/);
    const known = ['/sys', '/proc', '/etc', '/dev', '/opt', '/run', '/var/lib/ttkmd', `/lib/modules/${A}`];
    expect([...touched].filter((top) => top !== '' && !known.includes(top))).toEqual([]);
    expect(loadState(memory.fs).sources).toEqual(sources);
  });

  it.each<[string, string, number]>([
    ['is left for later where it would be mounted for it', '40 30 0:40 / /opt rw - autofs systemd-1 rw\n', 4],
    [
      'counts where it is mounted',
      '40 30 0:40 / /opt rw - autofs systemd-1 rw\n41 40 0:41 / /opt rw - nfs server:/opt rw\n',
      2,
    ],
  ])("upstream's override %s", async (_, table, total) => {
    const memory = working({
      ...numaNode(0),
      ...CARD,
      '/opt/tenstorrent/bin/hugepages-override.txt': '2\n',
      '/proc/self/mountinfo': table,
    });
    const { host, touched } = watched(memory);
    const { after } = await run(host, EARLY, true);
    expect(after.hugepages?.demand.total).toBe(total);
    expect(touched.has('/opt')).toBe(total === 2);
  });

  it.each<[string, Files, string, number]>([
    ['what is installed', current(A, '2.9.0'), '', 0],
    ['what was installed last', gentooKernel(A), '2.9.0', 0],
    ['nothing', gentooKernel(A), '', 4],
  ])('takes for the driver that will be loaded %s', async (_, files, version, total) => {
    const record = { version, sourceHash: '', at: 1, trigger: 'cli', seconds: 1 };
    const modules = version === '' ? {} : { [B]: record };
    const host = machine(
      {
        ...numaNode(0),
        ...card(1, 'blackhole', { node: 0, iommu: 'DMA' }),
        ...files,
        '/var/lib/ttkmd/state.json': JSON.stringify({ schema: 1, modules }),
      },
      { machine: { runningRelease: A } },
    );
    const { after } = await run(host, EARLY, true);
    expect(after.hugepages?.demand.total).toBe(total);
  });
});
