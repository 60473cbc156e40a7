// What is brought by choice only: SFPI, podman, the command tt-metalium.
import { withoutCommand } from '../obstacles.ts';
import type { Bench, BootstrapStep, Work, Wrong } from '../step.ts';
import { unpack, unpackedVersion } from './archive.ts';
import { checkPackages, planPackages } from './packages.ts';

const LIMIT = 20 * 60_000;

export const sfpi: BootstrapStep = {
  name: 'sfpi',
  title: "SFPI, the compiler for the cards' cores",
  async check(bench) {
    const wanted = bench.versions.sfpi?.version;
    const found = unpackedVersion(bench, 'sfpi');
    const done = wanted !== undefined && found === wanted;
    return {
      done,
      why: done ? `${found} is there` : `${found ?? 'none'} is there, and ${wanted ?? 'one'} is wanted`,
    };
  },
  obstacle: async (bench) =>
    sfpiArchive(bench) === undefined ? noSfpi(bench) : withoutCommand(bench, 'sfpi', 'xz'),
  async plan(bench) {
    const found = sfpiArchive(bench);
    if (found !== undefined) return unpack(bench, { name: 'sfpi', ...found });
    const text = 'there is a release of SFPI for this machine';
    return [{ kind: 'insist', text, wrong: async () => noSfpi(bench) }];
  },
};

function sfpiArchive({ host, versions: { sfpi: released } }: Bench) {
  const { arch } = host.machine;
  const download = arch === 'x86_64' || arch === 'aarch64' ? released?.[arch] : undefined;
  return released === undefined || download === undefined
    ? undefined
    : { version: released.version, download };
}

function noSfpi({ host }: Bench): Wrong {
  return {
    message: `SFPI has no release for ${host.machine.arch} in these versions.`,
    hint: 'Leave sfpi out.',
  };
}

/** Debian only recommends what rootless containers cannot do without. */
const PODMAN = {
  apt: ['podman', 'uidmap', 'slirp4netns', 'fuse-overlayfs'],
  portage: ['app-containers/podman'],
};
/** Ids that a user's containers get, as useradd hands them out. */
const IDS = 65_536;
const FIRST_ID = 100_000;

export const podman: BootstrapStep = {
  name: 'podman',
  title: 'podman',
  async check(bench) {
    const there = await checkPackages(bench, PODMAN, false);
    if (!there.done) return there;
    const lacking = lacksIds(bench);
    return lacking.length === 0
      ? { done: true, why: 'it is set up' }
      : { done: false, why: `${bench.choices.user} has no ids for containers in ${lacking.join(' and ')}` };
  },
  async plan(bench) {
    const ids = lacksIds(bench).map((file): Work => {
      const kind = file === '/etc/subuid' ? 'subuids' : 'subgids';
      const user = bench.choices.user ?? '';
      const range = freeRange(bench, file);
      return {
        kind: 'run',
        argv: ['usermod', `--add-${kind}`, range, user],
        timeLimit: LIMIT,
        // usermod keeps what was there before it, when it takes ids away, too.
        undo: () => [
          ...(bench.host.fs.exists(`${file}-`) ? [] : [{ kind: 'tree', path: `${file}-` } as const]),
          { kind: 'run', argv: ['usermod', `--del-${kind}`, range, user] },
        ],
      };
    });
    return [...(await planPackages(bench, PODMAN, false)), ...ids];
  },
};

function lacksIds({ host, choices: { user } }: Bench): string[] {
  if (user === undefined || user === 'root') return [];
  return ['/etc/subuid', '/etc/subgid'].filter(
    (file) => !new RegExp(`^${user}:`, 'm').test(host.fs.readText(file) ?? ''),
  );
}

/** Behind all that anybody has. */
function freeRange({ host }: Bench, file: string): string {
  const ends = [...(host.fs.readText(file) ?? '').matchAll(/^[^:\n]+:(\d+):(\d+)$/gm)].map(
    ([, start, count]) => Number(start) + Number(count),
  );
  const start = Math.max(FIRST_ID, ...ends);
  return `${start}-${start + IDS - 1}`;
}

const METALIUM = '/usr/local/bin/tt-metalium';

export const metalium: BootstrapStep = {
  name: 'tt-metalium',
  title: 'the command tt-metalium',
  async check(bench) {
    const done = bench.host.fs.readText(METALIUM) === metaliumScript(bench);
    return { done, why: done ? `${METALIUM} is there` : `${METALIUM} is not there, or for another image` };
  },
  async plan(bench) {
    return [{ kind: 'write', path: METALIUM, text: metaliumScript(bench), mode: 0o755 }];
  },
};

/** The image is fetched into the storage of whoever calls it first. */
function metaliumScript({ versions, facts }: Bench): string {
  const { image = '', tag = '' } = versions.metalium ?? {};
  return `#!/bin/sh
# Runs a command, or a shell, in the container of TT-Metalium, with the cards and the hugepages of this machine.
set -eu
terminal=
[ -t 0 ] && terminal=--tty
mounts=
[ -d /dev/hugepages-1G ] && mounts=--volume=/dev/hugepages-1G:/dev/hugepages-1G
# shellcheck disable=SC2086 # Each is one option, or none.
exec ${facts.containers ?? 'podman'} run --rm --interactive $terminal $mounts --log-driver none --network host --security-opt label=disable \\
  --device /dev/tenstorrent --volume "$HOME:/home/user" --workdir /home/user \\
  --env HOME=/home/user --env "TERM=\${TERM:-xterm-256color}" --entrypoint /bin/bash \\
  ${image}:${tag} \${1+-c "$*"}
`;
}
