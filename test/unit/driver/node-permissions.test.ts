// The permissions of device nodes beside what udev's rules say.
import { expect, it } from 'vitest';
import { observeWrongNodes } from '../../../src/driver/node-permissions.ts';
import type { Files } from '../support/machines.ts';
import { memoryHost } from '../support/memory-host.ts';

const RULE = '/usr/lib/udev/rules.d/50-tenstorrent.rules';
const UPSTREAM = '# comment\nSUBSYSTEM=="tenstorrent", MODE="0666"\n';
const NODE = '/dev/tenstorrent/0';
const node = (mode: number, group = 0): Files => ({ [NODE]: { text: '', mode, group } });
const GROUPS: Files = { '/etc/group': 'root:x:0:\ntt:x:77:\n' };

it.each<[string, Files, string | undefined]>([
  ['as the rule says', { [RULE]: UPSTREAM, ...node(0o666) }, undefined],
  ['tighter', { [RULE]: UPSTREAM, ...node(0o600) }, `0600, not 0666 of ${RULE}`],
  ['without a rule', node(0o600), undefined],
  ['without a node', { [RULE]: UPSTREAM }, undefined],
  [
    'after a file of the admin’s in its place',
    { [RULE]: UPSTREAM, '/etc/udev/rules.d/50-tenstorrent.rules': '', ...node(0o600) },
    undefined,
  ],
  [
    'after a later rule of the admin’s',
    {
      ...GROUPS,
      [RULE]: UPSTREAM,
      '/etc/udev/rules.d/90-tt.rules': 'SUBSYSTEM=="tenstorrent", GROUP="tt", MODE="0660"\n',
      ...node(0o660, 77),
    },
    undefined,
  ],
  [
    'not after it',
    {
      ...GROUPS,
      [RULE]: UPSTREAM,
      '/etc/udev/rules.d/90-tt.rules': 'KERNEL=="tenstorrent*", GROUP="tt", MODE:="0660"\n',
      ...node(0o666),
    },
    '0666 group 0, not 0660 group tt of /etc/udev/rules.d/90-tt.rules',
  ],
  [
    'where another attribute decides',
    { [RULE]: 'SUBSYSTEM=="tenstorrent", ATTR{type}=="x", MODE="0600"\n', ...node(0o666) },
    undefined,
  ],
  [
    'with a group that is not known',
    { [RULE]: 'SUBSYSTEM=="tenstorrent", GROUP="nobodys"\n', ...node(0o666) },
    undefined,
  ],
  ['by a rule for other devices', { [RULE]: 'SUBSYSTEM=="usb", MODE="0600"\n', ...node(0o666) }, undefined],
])('%s', (_, files, expected) => {
  const [first] = observeWrongNodes(memoryHost({ files }).fs);
  const text = first === undefined ? undefined : `${first.found}, not ${first.wanted} of ${first.rule}`;
  expect(text).toBe(expected);
});
