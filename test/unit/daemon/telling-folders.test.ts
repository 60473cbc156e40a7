// Which folders are watched: few, and those in which it happens.
import { describe, expect, it } from 'vitest';
import { tellingFolders, watchIdentity } from '../../../src/daemon/telling-folders.ts';
import { driverSource, type Files, gentooKernel } from '../support/machines.ts';
import { memoryHost } from '../support/memory-host.ts';

const A = '6.12.58-gentoo-dist';
const TREE = `/usr/src/linux-${A}`;
const BASE: Files = { '/boot': { folder: true }, '/run/ttkmd': { folder: true } };

const watched = (files: Files): string[] =>
  [...tellingFolders(memoryHost({ files: { ...BASE, ...files } }).fs).keys()].sort();

describe('the telling folders', () => {
  it('are the roots on an empty machine, or what is above them', () => {
    expect(watched({})).toEqual(['/boot', '/run/ttkmd']);
    expect(watched({ '/lib/modules': { folder: true }, '/usr/src': { folder: true }, '/etc/x': '' })).toEqual(
      ['/boot', '/lib/modules', '/run/ttkmd', '/usr/src'],
    );
  });

  it('are four for each kernel, whatever its tree holds', () => {
    const few = watched({ ...gentooKernel(A), '/etc/ttkmd/ttkmd.conf.d/a.conf': '' });
    const more = watched({
      ...gentooKernel(A),
      '/etc/ttkmd/ttkmd.conf.d/a.conf': '',
      ...Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`${TREE}/drivers/d${n}/Makefile`, ''])),
    });
    expect(more).toEqual(few);
    expect(few.filter((path) => path.includes(A))).toEqual([
      `/lib/modules/${A}`,
      TREE,
      `${TREE}/include/generated`,
      `${TREE}/scripts/mod`,
    ]);
  });

  it('are the nearest ones where a tree is only beginning', () => {
    const files = { [`/lib/modules/${A}/kernel/a.ko`]: '', [`${TREE}/include/linux/x.h`]: '' };
    expect(watched(files).filter((path) => path.includes(A))).toEqual([
      `/lib/modules/${A}`,
      TREE,
      `${TREE}/include`,
    ]);
  });

  it('are not counted twice where a kernel and its sources are one tree, reached by links', () => {
    const files = { ...gentooKernel(A), '/usr/src/linux': { link: `linux-${A}` } };
    expect(watched(files)).toEqual(watched(gentooKernel(A)));
  });

  it('take in driver sources', () => {
    expect(watched(driverSource('2.9.0'))).toContain('/usr/src/tenstorrent-2.9.0');
  });

  it('are another watch when a folder was made anew under its old name', () => {
    const host = memoryHost({ files: { '/lib/modules/a/x': '' } });
    const before = watchIdentity(host.fs, ['/lib/modules', '/lib/modules/a']);
    expect(watchIdentity(host.fs, ['/lib/modules/a', '/lib/modules'])).toBe(before);
    host.fs.removeTree('/lib/modules/a');
    host.put({ '/lib/modules/a/x': '' });
    expect(watchIdentity(host.fs, ['/lib/modules', '/lib/modules/a'])).not.toBe(before);
  });
});
