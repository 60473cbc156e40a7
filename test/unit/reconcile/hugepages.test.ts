// Pages of 1 GiB in the loop: what is planned, what is done, what is said, and what is never taken away.
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { Host } from '../../../src/host/host.ts';
import { cardsOf } from '../../../src/reconcile/look.ts';
import type { Policy } from '../../../src/reconcile/plan.ts';
import { type Report, reconcile } from '../../../src/reconcile/reconcile.ts';
import { statusDocument } from '../../../src/reconcile/status-document.ts';
import { loadState } from '../../../src/state/state.ts';
import {
  BOOT,
  card,
  kernelThatGives,
  MACHINE_POOL,
  mounted,
  NOT_MOUNTED,
  numaNode,
  poolOf,
  withoutNodes,
} from '../support/hugepages.ts';
import {
  current,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  judgeHost,
  machine,
  modinfo,
  POLICY,
  planHost,
} from '../support/machines.ts';
import type { MemoryHost, MemoryHostOptions } from '../support/memory-host.ts';

const A = '6.12.58-gentoo-dist';
const B = '6.12.60-gentoo-dist';
const LOADED: Files = { '/sys/module/tenstorrent/version': '2.9.0\n' };
const REST: Files = { ...current(A, '2.9.0'), ...driverSource('2.9.0'), ...LOADED, ...BOOT };
const NO_POOL: Files = {
  [MACHINE_POOL]: { folder: true },
  [`${MACHINE_POOL}/nr_hugepages`]: { link: '/nowhere' },
};
const CARD = card(1, 'blackhole', { node: 0 });
const TWO = { ...CARD, ...card(2, 'wormhole', { node: 1 }) };
const MOUNT = 'mount /dev/hugepages-1G';

function hostWith(files: Files, settings = '', options: MemoryHostOptions = {}): MemoryHost {
  return machine(
    { ...REST, ...NOT_MOUNTED, '/etc/ttkmd/ttkmd.conf': `[hugepages]\n${settings}\n`, ...files },
    { machine: { runningRelease: A }, ...options },
  );
}

describe('the plan', () => {
  it.each<[string, Files, string, Partial<Policy>, string[]]>([
    [
      'has the missing pages and the mount',
      { ...numaNode(0), ...CARD },
      '',
      {},
      ['allocate 4 of 4 on 0', MOUNT],
    ],
    [
      'at boot',
      { ...numaNode(0), ...CARD },
      '',
      { trigger: 'boot', only: A },
      ['allocate 4 of 4 on 0', MOUNT],
    ],
    ['by the daemon', { ...numaNode(0), ...CARD }, '', { trigger: 'watch' }, ['allocate 4 of 4 on 0', MOUNT]],
    ['by the clock', { ...numaNode(0), ...CARD }, '', { trigger: 'timer' }, ['allocate 4 of 4 on 0', MOUNT]],
    [
      'is not made while a kernel is installed',
      { ...numaNode(0), ...CARD },
      '',
      { trigger: 'kernel-event', only: B },
      [],
    ],
    [
      'is not made for another kernel',
      { ...numaNode(0), ...CARD, ...gentooKernel(B) },
      '',
      { only: B, part: 'hugepages' },
      [],
    ],
    [
      'has each node by itself',
      { ...numaNode(0, { pages: 4 }), ...numaNode(1, { pages: 1 }), ...TWO },
      '',
      {},
      ['allocate 4 of 4 on 1', MOUNT],
    ],
    ['is empty where all is there', { ...numaNode(0, { pages: 4 }), ...CARD, ...mounted() }, '', {}, []],
    ['leaves more than is wanted', { ...numaNode(0, { pages: 9 }), ...CARD, ...mounted() }, '', {}, []],
    [
      'does not count on surplus pages',
      { ...numaNode(0, { pages: 4, surplus: 2 }), ...CARD, ...mounted() },
      '',
      {},
      ['allocate 4 of 4 on 0'],
    ],
    ['mounts again what was unmounted', { ...numaNode(0, { pages: 4 }), ...CARD }, '', {}, [MOUNT]],
    [
      'leaves another mount alone',
      { ...numaNode(0, { pages: 4 }), ...CARD, ...mounted('rw,mode=770,pagesize=1024M') },
      '',
      {},
      [],
    ],
    [
      'mounts where the settings say',
      { ...numaNode(0, { pages: 4 }), ...CARD, ...mounted() },
      'mount = /mnt/huge',
      {},
      ['mount /mnt/huge'],
    ],
    [
      'has no mount where something is in the way',
      { ...numaNode(0, { pages: 4 }), ...CARD, '/dev/hugepages-1G/a': '' },
      '',
      {},
      [],
    ],
    ['has nothing without a device', numaNode(0), '', {}, []],
    ['has nothing where the mode is off', { ...numaNode(0), ...CARD }, 'mode = off', {}, []],
    [
      'has what the whole machine lacks where there are no nodes',
      { ...withoutNodes({ pages: 1 }), ...CARD },
      '',
      {},
      ['allocate 4 of 4 on all', MOUNT],
    ],
    ['has nothing where the kernel has no such pages', { ...NO_POOL, ...CARD }, '', {}, []],
    [
      'keeps memory free',
      { ...numaNode(0, { memory: 16, unused: 7.5 }), ...CARD, ...mounted() },
      '',
      {},
      ['allocate 3 of 4 on 0'],
    ],
    [
      'keeps as much as is asked for',
      { ...numaNode(0, { memory: 16, unused: 7.5 }), ...CARD, ...mounted() },
      'keep_free = 0',
      {},
      ['allocate 4 of 4 on 0'],
    ],
    [
      'takes nothing from a machine that is full',
      { ...numaNode(0, { memory: 16, unused: 4.9 }), ...CARD, ...mounted() },
      '',
      {},
      [],
    ],
    [
      'keeps a fair share free on each node',
      { ...numaNode(0, { unused: 5 }), ...numaNode(1, { unused: 60 }), ...TWO, ...mounted() },
      '',
      {},
      ['allocate 3 of 4 on 0', 'allocate 4 of 4 on 1'],
    ],
    [
      'keeps the whole of it free where one node is small',
      { ...numaNode(0, { unused: 1 }), ...numaNode(1, { unused: 6 }), ...TWO, ...mounted() },
      '',
      {},
      ['allocate 3 of 4 on 1'],
    ],
  ])('%s', async (_, files, settings, policy, expected) => {
    expect(inShort(await planHost(hostWith(files, settings), policy))).toEqual(expected);
  });

  it('is made before anything is built, and alone where that is asked for', async () => {
    const host = hostWith({ ...numaNode(0), ...CARD, ...gentooKernel(B) });
    expect(inShort(await planHost(host)).slice(0, 3)).toEqual([
      'allocate 4 of 4 on 0',
      MOUNT,
      `build ${B} 2.9.0`,
    ]);
    expect(inShort(await planHost(host, { part: 'hugepages' }))).toEqual(['allocate 4 of 4 on 0', MOUNT]);
  });

  it('is not made in a chroot', async () => {
    const host = hostWith({ ...numaNode(0), ...CARD }, '', { machine: { chrooted: true } });
    expect(await planHost(host, { part: 'hugepages' })).toEqual([]);
    const judged = await judgeHost(host);
    expect([judged.hugepages, judged.problems.filter(({ code }) => code.startsWith('hugepages'))]).toEqual([
      undefined,
      [],
    ]);
  });
});

function run(host: Host, policy: Partial<Policy> = {}, dryRun = false): Promise<Report> {
  return reconcile(host, {
    config: loadConfig(host.fs).config,
    configWarnings: [],
    policy: { ...POLICY, part: 'hugepages', ...policy },
    dryRun,
    patience: 0,
    signal: new AbortController().signal,
    makeOptions: undefined,
    onEvent() {},
    onWait() {},
  });
}

describe('behind an IOMMU that translates, pages are wanted or not by the driver', () => {
  const BEHIND: Files = {
    ...numaNode(0),
    ...card(1, 'blackhole', { node: 0, iommu: 'DMA-FQ' }),
    ...NOT_MOUNTED,
  };
  const loaded = (version: string): Files => ({ '/sys/module/tenstorrent/version': `${version}\n` });
  it.each<[string, Files, number]>([
    ['that is loaded', { ...current(A, '2.9.0'), ...loaded('1.28.0') }, 4],
    ['that is loaded, and new enough', { ...current(A, '1.28.0'), ...loaded('1.29.0') }, 0],
    ['that is installed, where none is loaded yet', current(A, '2.9.0'), 0],
    ['that is installed, though another is wanted', { ...current(A, '1.28.0'), ...driverSource('2.9.0') }, 4],
    ['that is wanted, where none is installed yet', { ...gentooKernel(A), ...driverSource('2.9.0') }, 0],
    ['that nobody knows', gentooKernel(A), 4],
  ])('%s', async (_, files, total) => {
    const host = machine({ ...BEHIND, ...files }, { machine: { runningRelease: A } });
    expect((await judgeHost(host)).hugepages?.demand.total).toBe(total);
  });
});

/** A host whose mount(8) mounts; nothing else is asked of it. */
function working(
  files: Files,
  settings = '',
  mount: { code: number; stderr?: string } = { code: 0 },
): MemoryHost {
  const host: MemoryHost = hostWith(files, settings, {
    exec(call, on) {
      if (call.command === 'modinfo') return modinfo(call, on);
      // Nobody writes to any tree.
      if (call.command === 'find') return '';
      if (call.command !== 'mount') return undefined;
      if (mount.code === 0) host.put(mounted());
      return mount;
    },
  });
  return host;
}

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

describe('giving back', () => {
  const asked = (pages: Record<string, number>, boot = 'this-boot'): Files => ({
    '/var/lib/ttkmd/state.json': JSON.stringify({ schema: 1, pages: { boot, pages } }),
  });
  const RETURN = { giveBack: true };

  it.each<[string, Files, Partial<Policy>, string[]]>([
    ['not by itself', { ...numaNode(0, { pages: 8 }), ...asked({ 'node 0': 8 }) }, {}, []],
    [
      'ours that nobody wants any more',
      { ...numaNode(0, { pages: 8 }), ...asked({ 'node 0': 8 }) },
      RETURN,
      ['return 8 on 0'],
    ],
    [
      'only what is more than wanted',
      { ...numaNode(0, { pages: 8 }), ...CARD, ...mounted(), ...asked({ 'node 0': 8 }) },
      RETURN,
      ['return 4 on 0'],
    ],
    [
      "not what is somebody else's",
      { ...numaNode(0, { pages: 8 }), ...asked({ 'node 0': 3 }) },
      RETURN,
      ['return 3 on 0'],
    ],
    [
      'not what is in use',
      { ...numaNode(0, { pages: 8, free: 2 }), ...asked({ 'node 0': 8 }) },
      RETURN,
      ['return 2 on 0'],
    ],
    [
      'not what is promised to somebody',
      {
        ...numaNode(0, { pages: 8, free: 2 }),
        ...asked({ 'node 0': 8 }),
        [`${MACHINE_POOL}/resv_hugepages`]: '1\n',
      },
      RETURN,
      ['return 1 on 0'],
    ],
    ['not on another node', { ...numaNode(0, { pages: 8 }), ...asked({ 'node 1': 8 }) }, RETURN, []],
    [
      'not what was asked for before the machine was booted',
      { ...numaNode(0, { pages: 8 }), ...asked({ 'node 0': 8 }, 'another') },
      RETURN,
      [],
    ],
    ['not what nobody remembers', numaNode(0, { pages: 8 }), RETURN, []],
  ])('%s', async (_, files, policy, expected) => {
    expect(inShort(await planHost(hostWith(files), policy))).toEqual(expected);
  });

  it('takes none away that are in use by the time, and remembers what is left of ours', async () => {
    const memory = working({ ...numaNode(0, { pages: 8 }), ...asked({ 'node 0': 6 }) });
    const { host } = kernelThatGives(memory, { [poolOf(0)]: [64] });
    // Somebody takes all but two between the look and the deed.
    let isTaken = false;
    const lateFs = {
      ...host.fs,
      readText: (path: string) =>
        isTaken && path === `${poolOf(0)}/free_hugepages` ? '2\n' : memory.fs.readText(path),
    };
    const lock: Host['lock'] = {
      acquire(...args) {
        isTaken = true;
        return host.lock.acquire(...args);
      },
    };
    const { done } = await run({ ...host, fs: lateFs, lock }, RETURN);
    expect(done[0]).toMatchObject({
      outcome: 'done',
      text: 'gave 2 pages of 1 GiB back on node 0; 6 are left',
    });
    expect(loadState(memory.fs).pages?.pages).toEqual({ 'node 0': 4 });
  });
});

describe('what is wrong', () => {
  const CPU: Files = { '/proc/cpuinfo': 'flags\t\t: fpu pse pdpe1gb rdtscp\n' };
  it.each<[string, Files, string, [string, RegExp, RegExp] | undefined]>([
    ['nothing', { ...numaNode(0, { pages: 4 }), ...CARD, ...mounted() }, '', undefined],
    ['nothing where nothing is wanted', numaNode(0), '', undefined],
    [
      'pages that can still be had',
      { ...numaNode(0, { pages: 1 }), ...CARD, ...mounted() },
      '',
      [
        'hugepages-short',
        /^1 of 4 hugepages of 1 GiB are there \(node 0: 1 of 4\)$/,
        /^as root: ttkmdctl hugepages apply; to be sure of them, add hugepagesz=1G hugepages=4 to /,
      ],
    ],
    [
      "pages, beside others' that the kernel command line asks for",
      {
        ...numaNode(0, { pages: 32 }),
        ...numaNode(1),
        ...card(1, 'blackhole', { node: 1 }),
        ...mounted(),
        '/proc/cmdline': 'ro hugepagesz=1G hugepages=0:32\n',
      },
      '',
      [
        'hugepages-short',
        /^0 of 4/,
        /add hugepagesz=1G hugepages=0:32,1:4 to .*, in place of hugepagesz=1G hugepages=0:32; reboot$/,
      ],
    ],
    [
      'no memory',
      { ...numaNode(0, { unused: 3 }), ...CARD, ...mounted() },
      '',
      ['hugepages-short', /^0 of 4/, /^there is not enough free memory with hugepages\.keep_free left over/],
    ],
    [
      'no mount',
      { ...numaNode(0, { pages: 4 }), ...CARD },
      '',
      ['hugepages-not-mounted', /^no hugepages are mounted at \/dev\/hugepages-1G$/, /hugepages apply$/],
    ],
    [
      'another mount',
      { ...numaNode(0, { pages: 4 }), ...CARD, ...mounted('rw,mode=770,pagesize=1024M') },
      '',
      ['hugepages-mount-differs', /left alone: mode 0770 instead of 0777$/, /umount \/dev\/hugepages-1G/],
    ],
    [
      'a file in the way',
      { ...numaNode(0, { pages: 4 }), ...CARD, '/dev/hugepages-1G': 'x' },
      '',
      ['hugepages-not-mounted', /is there, and is no folder$/, /move it away/],
    ],
    [
      'files in the way',
      { ...numaNode(0, { pages: 4 }), ...CARD, '/dev/hugepages-1G/a': '', '/dev/hugepages-1G/b': '' },
      '',
      ['hugepages-not-mounted', /is not empty: it holds a and 1 more$/, /hugepages\.mount/],
    ],
    [
      'a group that nobody knows',
      { ...numaNode(0, { pages: 4 }), ...CARD, '/etc/group': 'root:x:0:\n' },
      'mount_group = cards',
      ['hugepages-not-mounted', /\/etc\/group knows no group cards/, /groupadd --system cards/],
    ],
    [
      'a group that nobody knows, of a mount that is there',
      { ...numaNode(0, { pages: 4 }), ...CARD, ...mounted() },
      'mount_group = cards',
      ['hugepages-mount-differs', /knows no group cards/, /groupadd/],
    ],
    [
      'a processor without them',
      { ...NO_POOL, ...CARD, '/proc/cpuinfo': 'flags\t\t: fpu pse rdtscp\n' },
      '',
      ['hugepages-unsupported', /this processor has no pages of 1 GiB/, /virtual machine/],
    ],
    [
      'a kernel that makes them at boot only',
      { ...NO_POOL, ...CPU, ...CARD },
      '',
      ['hugepages-unsupported', /at boot only/, /hugepagesz=1G hugepages=4/],
    ],
  ])('%s', async (_, files, settings, expected) => {
    const { problems, health } = await judgeHost(hostWith(files, settings));
    const ours = problems.filter(({ code }) => code.startsWith('hugepages'));
    expect(ours.map(({ code }) => code)).toEqual(expected === undefined ? [] : [expected[0]]);
    expect(health).toBe(expected === undefined ? 'ok' : 'degraded');
    if (expected === undefined) return;
    expect(ours[0]?.message).toMatch(expected[1]);
    expect(ours[0]?.hint).toMatch(expected[2]);
  });

  it.each<[string, RegExp, RegExp]>([
    [
      '/sys/kernel/mm/hugepages',
      /^4 × 1 GiB of hugepages are wanted \(4 for each Blackhole\), and this kernel has no hugepages: CONFIG_HUGETLBFS is off$/,
      /^set CONFIG_HUGETLBFS=y/,
    ],
    ['/sys/kernel/mm', /sysfs is not mounted here$/, /mount -t sysfs/],
  ])('%s is missing', async (folder, message, hint) => {
    const host = hostWith(CARD);
    host.fs.removeTree(folder);
    const { problems } = await judgeHost(host);
    const found = problems.find(({ code }) => code === 'hugepages-unsupported');
    expect(found?.message).toMatch(message);
    expect(found?.hint).toMatch(hint);
    expect(await planHost(host, { part: 'hugepages' })).toEqual([]);
  });

  it("is noted of upstream's file, and spoils nothing", async () => {
    const files = {
      ...numaNode(0, { pages: 4 }),
      ...CARD,
      ...mounted(),
      '/opt/tenstorrent/bin/hugepages-override.txt': 'lots',
    };
    const { problems, health } = await judgeHost(hostWith(files));
    expect(problems.map(({ code, severity }) => [code, severity])).toContainEqual([
      'hugepages-override',
      'note',
    ]);
    expect(health).toBe('ok');
  });
});

it('the status document has demand, allocated and free of each node, and the mount', async () => {
  const host = hostWith({
    ...numaNode(0, { pages: 4, free: 1 }),
    ...numaNode(1, { pages: 2 }),
    ...TWO,
    ...mounted(),
  });
  const judgement = await judgeHost(host);
  expect(statusDocument(judgement, undefined, cardsOf(host, judgement))).toMatchObject({
    hugepages: {
      mode: 'auto',
      demand: 8,
      present: 6,
      why: '4 for each Blackhole, 4 for each Wormhole',
      supported: true,
      reason: null,
      override: null,
      nodes: [
        { node: 0, demand: 4, allocated: 4, free: 1, givable: 0 },
        { node: 1, demand: 4, allocated: 2, free: 2, givable: 0 },
      ],
      mount: { path: '/dev/hugepages-1G', state: 'mounted', reason: null },
      advice: expect.stringContaining('hugepagesz=1G'),
    },
  });
});
