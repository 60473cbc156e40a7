// tt-inference-server: upstream's program that fetches models and serves them from containers.
import type { Bench, BootstrapStep, Work, Wrong } from '../step.ts';
import { folderOf, unpack, unpackedVersion } from './archive.ts';

const NAME = 'tt-inference-server';
const COMMAND = `/usr/local/bin/${NAME}`;

/** It keeps environments, secrets and logs beside itself, so the folder is its user's. */
const SCRIPT = `#!/bin/sh
# Runs upstream's run.py in its own folder, where it keeps its environments, secrets and logs.
set -eu
cd ${folderOf(NAME)}
exec python3 run.py "$@"
`;

export const inferenceServer: BootstrapStep = {
  name: NAME,
  title: NAME,
  async check(bench) {
    const wanted = bench.versions.inference?.version;
    const found = unpackedVersion(bench, NAME);
    const done = wanted !== undefined && found === wanted && bench.host.fs.readText(COMMAND) === SCRIPT;
    return {
      done,
      why: done ? `${found} is there` : `${found ?? 'none'} is there, and ${wanted ?? 'one'} is wanted`,
    };
  },
  obstacle: async ({ versions }) => (versions.inference === undefined ? UNKNOWN : undefined),
  async plan(bench) {
    const { inference } = bench.versions;
    if (inference === undefined) return [unknown()];
    const there = unpackedVersion(bench, NAME) === inference.version;
    const { version } = inference;
    return [
      ...(there ? [] : unpack(bench, { name: NAME, version, download: inference, owner: owner(bench) })),
      { kind: 'write', path: COMMAND, text: SCRIPT, mode: 0o755 },
    ];
  },
};

function owner({ choices: { user } }: Bench): string | undefined {
  return user === 'root' ? undefined : user;
}

const UNKNOWN: Wrong = {
  message: 'This release names no version of tt-inference-server whose checksum it knows.',
  hint: 'Add "inference": {"version", "url", "sha256"} to a file of versions, which ttkmdctl bootstrap --export FILE writes, and give it by --versions FILE. The archives are those of the tags of tenstorrent/tt-inference-server.',
};

function unknown(): Work {
  return {
    kind: 'insist',
    text: 'a version with a known checksum is named',
    wrong: async () => UNKNOWN,
  };
}
