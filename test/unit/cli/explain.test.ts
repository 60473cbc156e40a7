// `ttkmdctl status --explain`: the evidence, for people and for programs.
import { describe, expect, it } from 'vitest';
import { renderExplanation } from '../../../src/cli/explain.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { explainDocument } from '../../../src/reconcile/evidence-document.ts';
import { kernelOf } from '../../../src/reconcile/readiness.ts';
import { STATE_PATH } from '../../../src/state/state.ts';
import { driverSource, gentooKernel, judgeHost, machine, modulesFolder } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { workingDkms } from '../support/working-dkms.ts';

const A = '6.12.58-gentoo-dist';
const B = '6.12.60-gentoo-dist';
const TREE = `/usr/src/linux-${A}`;
const MODULE = `/lib/modules/${A}/kernel/extra/tenstorrent.ko`;

const TERMINAL: Terminal = { width: 200, live: false, style: (_, text) => text, line() {}, raw() {} };

async function built(): Promise<MemoryHost> {
  const tree = { symbols: { module_layout: '0x1', _printk: '0x2' } };
  const host = machine(
    { ...gentooKernel(A, tree), ...modulesFolder(B), ...driverSource('2.9.0') },
    { exec: workingDkms },
  );
  await runReconcile(host);
  return host;
}

async function screen(host: MemoryHost, release = A): Promise<string> {
  const judgement = await judgeHost(host);
  return renderExplanation(judgement, kernelOf(judgement, release), TERMINAL).join('\n');
}

interface Document {
  readonly state: string;
  readonly module: Record<string, unknown> | null;
  readonly facts: readonly {
    readonly fact: string;
    readonly equal: boolean | null;
    readonly matters: boolean;
  }[];
  readonly symbols: Record<string, unknown> | null;
}

async function document(host: MemoryHost, release = A): Promise<Document> {
  const judgement = await judgeHost(host);
  return JSON.parse(JSON.stringify(explainDocument(judgement, kernelOf(judgement, release)))) as Document;
}

const factOf = ({ facts }: Document, name: string) => facts.find(({ fact }) => fact === name);

describe('the evidence about a module', () => {
  it('says of each fact that it fits, and who put the module there', async () => {
    const host = await built();
    const text = await screen(host);
    expect(text).toMatch(new RegExp(`^${A}: current\n`));
    expect(text).toContain(MODULE);
    expect(text).toMatch(/put there by ttkmd \d+ s ago \(cli\)/);
    expect(text).toMatch(
      /✓ symbols +fits\n +built from +2 imported\n +now +2 of them alike\n +by +.*Module\.symvers/,
    );
    expect(text).not.toContain('✗');
    const { module, facts, symbols } = await document(host);
    expect(module).toMatchObject({ path: MODULE, version: '2.9.0', installedBy: 'ttkmd', trigger: 'cli' });
    expect(symbols).toEqual({ compared: 2, differing: 0, first: [] });
    expect(facts.filter(({ equal }) => equal === false)).toEqual([]);
    for (const { fact } of facts) expect(text).toMatch(new RegExp(`[✓·] ${fact} `));
  });

  it('says of another configuration that it does not matter where the versions of symbols fit', async () => {
    const host = await built();
    const conf = `${TREE}/include/config/auto.conf`;
    host.put({ [conf]: `${host.fs.readText(conf)}CONFIG_USB=y\n` });
    expect(await screen(host)).toMatch(
      /· configuration +differs, and does not matter: vermagic and the versions/,
    );
    const found = await document(host);
    expect(found.state).toBe('current');
    expect(factOf(found, 'configuration')).toMatchObject({ equal: false, matters: false });
  });

  it('names the symbols that differ, with both versions', async () => {
    const host = await built();
    host.put({ [`${TREE}/Module.symvers`]: '0x9\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n' });
    const text = await screen(host);
    expect(text).toMatch(/: drifted, 2 of the 2 symbols/);
    expect(text).toContain('_printk: 0x2 in the module, 0x9 in the kernel');
    expect(text).toContain('module_layout: 0x1 in the module, none in the kernel');
    expect((await document(host)).symbols).toEqual({
      compared: 2,
      differing: 2,
      first: [
        { name: 'module_layout', module: '0x1', kernel: null },
        { name: '_printk', module: '0x2', kernel: '0x9' },
      ],
    });
  });

  it("knows dkms's and other people's modules", async () => {
    const host = await built();
    host.fs.remove(STATE_PATH);
    expect(await screen(host)).toContain('put there by dkms, which somebody else ran');
    host.put({ [MODULE]: `${host.fs.readText(MODULE)}author=me\0` });
    expect(await screen(host)).toContain('put there by somebody else');
    const found = await document(host);
    expect(found).toMatchObject({ state: 'current', module: { installedBy: 'unknown', installedAt: null } });
    expect(factOf(found, 'configuration')).toMatchObject({ equal: null });
  });

  it('has nothing to compare where there is no module, and knows no other kernels', async () => {
    const host = await built();
    expect(await screen(host, B)).toContain('there is no module to compare');
    expect(await document(host, B)).toMatchObject({
      state: 'waiting',
      module: null,
      facts: [],
      symbols: null,
    });
    await expect(screen(host, '9.9.9')).rejects.toThrow('There is no kernel 9.9.9');
  });
});
