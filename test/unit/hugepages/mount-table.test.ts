// What is mounted where, as the kernel writes it, and whether it is what was asked for.
import { describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../src/config/schema.ts';
import { differencesOf, mountAt, wantedOptions } from '../../../src/hugepages/mount-table.ts';

const PATH = '/dev/hugepages-1G';
const SETTINGS = defaultConfig().hugepages;
/** As kernel 6.18 shows `-o pagesize=1G,mode=0777,nosuid,nodev` and `-o pagesize=1G,mode=0770,gid=5`. */
const UPSTREAMS = `64 63 0:40 / ${PATH} rw,nosuid,nodev,relatime - hugetlbfs hugetlbfs rw,mode=777,pagesize=1024M`;
const GROUPS = `65 63 0:41 / ${PATH} rw,relatime shared:5 master:1 - hugetlbfs hugetlbfs rw,gid=5,mode=770,pagesize=1024M`;

describe('a mount', () => {
  it.each<[string, string, string, string | undefined]>([
    ['is found', `22 1 8:1 / / rw - ext4 /dev/sda1 rw\n${UPSTREAMS}\n`, PATH, 'hugetlbfs'],
    ['is the one on top', `${UPSTREAMS}\n70 64 0:50 / ${PATH} rw - tmpfs tmpfs rw\n`, PATH, 'tmpfs'],
    ['is not one below it', `70 64 0:50 / ${PATH}/a rw - tmpfs tmpfs rw\n`, PATH, undefined],
    [
      'with a space in its path',
      '70 64 0:50 / /mnt/huge\\040pages rw - hugetlbfs x rw\n',
      '/mnt/huge pages',
      'hugetlbfs',
    ],
    ['is not found where there is no table', '', PATH, undefined],
  ])('%s', (_, table, path, type) => {
    expect(mountAt(table, path)?.type).toBe(type);
  });

  it.each<[string, string, Partial<typeof SETTINGS>, number, string[]]>([
    ["is upstream's", UPSTREAMS, {}, 0, []],
    [
      'is stricter than that',
      GROUPS,
      {},
      0,
      ['mode 0770 instead of 0777', 'group 5 instead of 0', 'without nosuid', 'without nodev'],
    ],
    [
      'is wider than asked for',
      UPSTREAMS,
      { mountMode: 0o770 },
      5,
      ['mode 0777 instead of 0770', 'group 0 instead of 5'],
    ],
    ['is for the group', GROUPS.replace('rw,relatime', 'rw,nosuid,nodev'), { mountMode: 0o770 }, 5, []],
    ['has pages of another size', UPSTREAMS.replace('1024M', '2M'), {}, 0, ['pages of 2M instead of 1 GiB']],
    [
      'is something else',
      UPSTREAMS.replace('- hugetlbfs', '- tmpfs'),
      {},
      0,
      ['it is tmpfs instead of hugetlbfs'],
    ],
    ['says nothing of its mode', UPSTREAMS.replace('mode=777,', ''), { mountMode: 0o755 }, 0, []],
    ["is somebody's", UPSTREAMS.replace('mode=', 'uid=1000,mode='), {}, 0, ['user 1000 instead of root']],
    ['is read-only', UPSTREAMS.replace('hugetlbfs rw', 'hugetlbfs ro'), {}, 0, ['read-only']],
    ['is read-only for a unit that looks', UPSTREAMS.replace(' rw,nosuid', ' ro,nosuid'), {}, 0, []],
    ['has no bits that hugetlbfs does not know', UPSTREAMS, { mountMode: 0o6777 }, 0, []],
  ])('%s', (_, line, settings, group, differences) => {
    const found = mountAt(line, PATH);
    expect(found && differencesOf(found, { ...SETTINGS, ...settings }, group)).toEqual(differences);
  });

  it.each<[Partial<typeof SETTINGS>, number, string]>([
    [{}, 0, 'pagesize=1G,mode=0777,nosuid,nodev'],
    [{ mountMode: 0o770 }, 990, 'pagesize=1G,mode=0770,gid=990,nosuid,nodev'],
    [{ mountMode: 0o1777 }, 0, 'pagesize=1G,mode=1777,nosuid,nodev'],
  ])('is asked for with %j and group %i as %s', (settings, group, options) => {
    expect(wantedOptions({ ...SETTINGS, ...settings }, group)).toBe(options);
  });
});
