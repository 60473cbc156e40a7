// Why Tenstorrent's Python tools cannot come in the way that was chosen.
import { isCommand } from '../facts.ts';
import { withoutCommand } from '../obstacles.ts';
import type { Bench, Wrong } from '../step.ts';
import type { ToolName } from '../versions.ts';

export function obstacleOfTool(bench: Bench, name: ToolName): Wrong | undefined {
  const { host, facts, choices } = bench;
  if (choices.mirror !== undefined && !isTrusted(choices.mirror)) return untrusted(choices.mirror);
  switch (choices.python) {
    case 'active':
      return noActive(bench);
    case 'uv':
      if (facts.manager === 'portage') return withoutCommand(bench, name, 'uv');
      return isCommand(host, 'uv') ? undefined : NO_UV;
    case 'pipx':
      return withoutCommand(bench, name, 'pipx');
    case 'venv':
      return withoutCommand(bench, name, 'python3');
  }
}

/** Wheels of a mirror have no checksum that is known before: what brings them has to be safe. */
function isTrusted(mirror: string): boolean {
  return !/^http:\/\/(?!localhost[:/]|127\.|\[::1\])/.test(`${mirror}/`);
}

function untrusted(mirror: string): Wrong {
  return {
    message: `Nobody vouches for Python packages that come from ${mirror}: it is no https address.`,
    hint: 'Give --mirror an https address or a folder, or leave the tools out: --without tt-smi,tt-flash',
  };
}

const NO_UV: Wrong = {
  message: 'There is no command uv here, and the distribution has no package of it.',
  hint: 'Install uv by your own means, in /usr/local/bin, or choose --python pipx or venv.',
};

export function noActive({ host, choices }: Bench): Wrong | undefined {
  const { activeEnvironment: environment } = choices;
  if (environment !== undefined && host.fs.exists(`${environment}/bin/pip`)) return undefined;
  return {
    message: 'No virtual environment with pip is active.',
    hint: 'Activate one and let sudo keep it (sudo --preserve-env=VIRTUAL_ENV), or choose --python pipx, venv or uv.',
  };
}
