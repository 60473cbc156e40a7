// What a process belongs to, from the lines that real kernels, container runtimes and init systems give.
import { describe, expect, it } from 'vitest';
import { belonging, belongingText } from '../../../src/driver/belonging.ts';

const ID = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef';
const SHORT = '0123456789ab';
const POD = 'pod8f1f0c1e_23f6_4c6e_9d5f_9f1d6f2b7a10';

describe('a container', () => {
  it.each([
    ['docker under systemd', `0::/system.slice/docker-${ID}.scope`, `docker container ${SHORT}`],
    ['docker without it', `0::/docker/${ID}`, `docker container ${SHORT}`],
    [
      'docker, version 1',
      `12:cpuset:/docker/${ID}\n1:name=systemd:/docker/${ID}`,
      `docker container ${SHORT}`,
    ],
    [
      'docker under OpenRC, version 1',
      `4:devices:/docker/${ID}\n1:name=openrc:/docker`,
      `docker container ${SHORT}`,
    ],
    [
      'docker of a user',
      `0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope`,
      `docker container ${SHORT}`,
    ],
    ['podman', `0::/machine.slice/libpod-${ID}.scope/container`, `podman container ${SHORT}`],
    [
      'podman of a user',
      `0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container`,
      `podman container ${SHORT}`,
    ],
    ['podman without systemd', `0::/libpod_parent/libpod-${ID}`, `podman container ${SHORT}`],
    ['podman as a unit', `0::/system.slice/infer.service/libpod-payload-${ID}`, `podman container ${SHORT}`],
    [
      'containerd of Kubernetes',
      `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-${POD}.slice/cri-containerd-${ID}.scope`,
      `containerd container ${SHORT}`,
    ],
    [
      '… as containerd itself names it',
      `0::/system.slice/containerd.service/kubepods-burstable-${POD}.slice:cri-containerd:${ID}`,
      `containerd container ${SHORT}`,
    ],
    [
      '… without systemd',
      `0::/kubepods/burstable/pod8f1f0c1e-23f6-4c6e-9d5f-9f1d6f2b7a10/${ID}`,
      `kubernetes container ${SHORT}`,
    ],
    ['CRI-O', `0::/kubepods.slice/kubepods-${POD}.slice/crio-${ID}.scope`, `cri-o container ${SHORT}`],
    ['nerdctl', `0::/system.slice/nerdctl-${ID}.scope`, `containerd container ${SHORT}`],
    [
      'a pod in a machine of kind',
      `0::/system.slice/docker-${ID}.scope/kubelet/kubepods/${POD}/${ID.replaceAll('0', 'f')}`,
      `docker container ${SHORT}`,
    ],
    ['LXC', '0::/lxc.payload.tt-box/system.slice/tt.service', 'lxc container tt-box'],
    [
      'LXC, version 1',
      '3:devices:/lxc/tt-box\n1:name=systemd:/lxc/tt-box/init.scope',
      'lxc container tt-box',
    ],
    [
      'systemd-nspawn',
      '0::/machine.slice/systemd-nspawn@tt\\x2dbox.service/payload/system.slice/tt.service',
      'nspawn container tt-box',
    ],
    [
      'a machine of machinectl',
      '0::/machine.slice/machine-tt\\x2dbox.scope/payload',
      'nspawn container tt-box',
    ],
  ])('%s', (_, text, expected) => {
    const found = belonging(`${text}\n`);
    expect(found?.kind).toBe('container');
    expect(found === undefined ? undefined : belongingText(found)).toBe(expected);
  });

  it('keeps its whole id', () => {
    expect(belonging(`0::/docker/${ID}\n`)).toEqual({ kind: 'container', name: ID, runtime: 'docker' });
  });
});

describe('everything else', () => {
  it.each([
    ['a unit', '0::/system.slice/tt-inference.service', 'unit tt-inference.service'],
    ['a unit of a template', '0::/system.slice/system-tt.slice/tt@0.service', 'unit tt@0.service'],
    ['a unit with groups of its own', '0::/system.slice/tt.service/worker/0.scope', 'unit tt.service'],
    ['a scope', '0::/system.slice/run-r1234.scope', 'unit run-r1234.scope'],
    [
      'a unit, version 1',
      '9:devices:/system.slice/tt.service\n1:name=systemd:/system.slice/tt.service\n0::/',
      'unit tt.service',
    ],
    [
      'a unit whose controllers are elsewhere',
      '9:devices:/\n1:name=systemd:/system.slice/tt.service',
      'unit tt.service',
    ],
    [
      'a unit of a user',
      '0::/user.slice/user-1000.slice/user@1000.service/app.slice/jupyter.service',
      'user unit jupyter.service',
    ],
    [
      "a user's own systemd",
      '0::/user.slice/user-1000.slice/user@1000.service/init.scope',
      'unit user@1000.service',
    ],
    ['a login', '0::/user.slice/user-1000.slice/session-3.scope', 'session 3'],
    ['a login with elogind', '0::/3', 'session 3'],
    ['… version 1', '1:name=elogind:/c2\n2:name=openrc:/', 'session c2'],
    ['a service of OpenRC', '0::/openrc.tt-inference', 'service tt-inference'],
    ['… of an older one', '0::/tt-inference', 'service tt-inference'],
    ['… version 1', '5:memory:/openrc_tt-inference\n1:name=openrc:/tt-inference', 'service tt-inference'],
    ['… in the tree of a controller alone', '5:memory:/openrc_net.eth0', 'service net.eth0'],
    [
      "the monitor of podman's container",
      `0::/machine.slice/libpod-conmon-${ID}.scope`,
      `unit libpod-conmon-${ID}.scope`,
    ],
    [
      'a virtual machine',
      '0::/machine.slice/machine-qemu\\x2d1\\x2dtt.scope/libvirt/emulator',
      'unit machine-qemu-1-tt.scope',
    ],
    ['nothing', '0::/', undefined],
    ['a kernel without groups', '', undefined],
    ["the monitor of LXC's container", '0::/lxc.monitor.tt-box', undefined],
  ])('%s', (_, text, expected) => {
    const found = belonging(`${text}\n`);
    expect(found === undefined ? undefined : belongingText(found)).toBe(expected);
  });
});
