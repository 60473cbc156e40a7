// Tenstorrent's Python tools, each in an environment of its own: the distribution's Python is left alone (PEP 668).
import { basename } from 'node:path';
import type { HostFs } from '../../host/fs.ts';
import { pythonMirror } from '../mirror.ts';
import type { Bench, BootstrapStep, Check, Undo, Work } from '../step.ts';
import type { ToolName } from '../versions.ts';
import { noActive, obstacleOfTool } from './tools-obstacles.ts';

/** Everything that belongs to the tools is in here, but for the links to their commands. */
export const TOOLS_FOLDER = '/opt/ttkmd';
const COMMANDS = '/usr/local/bin';

const LIMIT = 30 * 60_000;

export function tool(name: ToolName): BootstrapStep {
  return {
    name,
    title: `${name} from PyPI`,
    check: async (bench) => checkTool(bench, name),
    obstacle: async (bench) => obstacleOfTool(bench, name),
    plan: async (bench) => planTool(bench, name),
  };
}

function checkTool(bench: Bench, name: ToolName): Check {
  const wanted = bench.versions.tools[name];
  if (wanted === undefined) return { done: true, why: 'the versions that were given name none' };
  const { fs } = bench.host;
  const found = toolVersion(fs, environmentOf(bench, name), name);
  if (found === undefined) return { done: false, why: `${name} ${wanted} is not there` };
  if (found !== wanted) return { done: false, why: `${name} ${found} is there, and ${wanted} is wanted` };
  if (isBroken(bench, name))
    return { done: false, why: `the Python that ${name} ${found} was installed with is gone` };
  if (bench.choices.python !== 'active' && !fs.exists(`${COMMANDS}/${name}`))
    return { done: false, why: `${name} ${found} is there, and its command is not` };
  return { done: true, why: `${name} ${found} is there` };
}

/** An environment of ours runs by a Python of the distribution's, which may have gone for a newer one. */
function isBroken(bench: Bench, name: ToolName): boolean {
  const environment = environmentOf(bench, name);
  const { fs } = bench.host;
  if (bench.choices.python === 'active' || !fs.exists(environment)) return false;
  const python = fs.realPath(`${environment}/bin/python`);
  if (python === undefined) return true;
  const version = basename(python);
  return /^python3\.\d+$/.test(version) && !fs.exists(`${environment}/lib/${version}`);
}

/** The virtual environment that a tool is in. */
export function environmentOf({ choices }: Bench, name: ToolName): string {
  switch (choices.python) {
    case 'pipx':
      return `${TOOLS_FOLDER}/pipx/venvs/${name}`;
    case 'venv':
      return `${TOOLS_FOLDER}/tools`;
    case 'uv':
      return `${TOOLS_FOLDER}/uv/${name}`;
    case 'active':
      return choices.activeEnvironment ?? '';
  }
}

/** The version of an installed Python package, by the folder that pip keeps of it. */
export function toolVersion(fs: HostFs, environment: string, name: string): string | undefined {
  const prefix = `${name.replaceAll('-', '_')}-`;
  for (const python of fs.list(`${environment}/lib`)) {
    for (const entry of fs.list(`${environment}/lib/${python}/site-packages`)) {
      if (entry.startsWith(prefix) && entry.endsWith('.dist-info'))
        return entry.slice(prefix.length, -'.dist-info'.length);
    }
  }
  return undefined;
}

function planTool(bench: Bench, name: ToolName): Work[] {
  const broken = isBroken(bench, name);
  return [
    ...(broken ? [{ kind: 'remove', path: environmentOf(bench, name) } as const] : []),
    ...installTool(bench, name),
  ];
}

function installTool(bench: Bench, name: ToolName): Work[] {
  const version = bench.versions.tools[name];
  if (version === undefined) return [];
  const { python } = bench.choices;
  const environment = environmentOf(bench, name);
  const spec = `${name}==${version}`;
  const command = `${environment}/bin/${name}`;
  const link: Undo = { kind: 'link', path: `${COMMANDS}/${name}`, target: command };
  const install = (argv: readonly string[], env: Record<string, string>, undo: readonly Undo[]): Work => ({
    kind: 'run',
    argv,
    env,
    network: true,
    timeLimit: LIMIT,
    undo: () => [...undo],
    hint: 'See that PyPI, or the mirror, can be reached and has that version for this Python, then run the same command again.',
  });
  const folder: Undo = { kind: 'folder', path: TOOLS_FOLDER };
  const there = toolVersion(bench.host.fs, environment, name) !== undefined;
  switch (python) {
    case 'pipx': {
      const home = `${TOOLS_FOLDER}/pipx`;
      const env = {
        PIPX_HOME: home,
        PIPX_BIN_DIR: COMMANDS,
        PIPX_MAN_DIR: `${home}/man`,
        PIP_NO_CACHE_DIR: '1',
      };
      const from = mirrorArguments(bench);
      const pip = from.length === 0 ? [] : [`--pip-args=${from.join(' ')}`];
      return [
        install(['pipx', 'install', ...(there ? ['--force'] : []), ...pip, spec], env, [
          folder,
          { kind: 'tree', path: home },
          link,
        ]),
      ];
    }
    case 'uv': {
      const home = `${TOOLS_FOLDER}/uv`;
      const env = {
        UV_TOOL_DIR: home,
        UV_TOOL_BIN_DIR: COMMANDS,
        UV_NO_CACHE: '1',
        UV_PYTHON_DOWNLOADS: 'never',
      };
      return [
        install(['uv', 'tool', 'install', '--force', ...mirrorArguments(bench), spec], env, [
          folder,
          { kind: 'tree', path: home },
          link,
        ]),
      ];
    }
    case 'venv': {
      const made: readonly Undo[] = [folder, { kind: 'tree', path: environment }];
      const env = { PIP_NO_CACHE_DIR: '1', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
      return [
        { kind: 'run', argv: ['python3', '-m', 'venv', environment], timeLimit: LIMIT, undo: () => made },
        install([`${environment}/bin/pip`, 'install', ...mirrorArguments(bench), spec], env, []),
        { kind: 'link', target: command, path: `${COMMANDS}/${name}` },
      ];
    }
    case 'active':
      return planActive(bench, name, spec, install);
  }
}

/** The environment is its owner's: what is put into it is put there as that user. */
function planActive(
  bench: Bench,
  name: ToolName,
  spec: string,
  install: (argv: readonly string[], env: Record<string, string>, undo: readonly Undo[]) => Work,
): Work[] {
  const { activeEnvironment: environment, user } = bench.choices;
  const pip = `${environment}/bin/pip`;
  const as = user === undefined ? [] : ['runuser', '-u', user, '--'];
  return [
    {
      kind: 'insist',
      text: 'a virtual environment is active',
      wrong: async () => noActive(bench),
    },
    install([...as, pip, 'install', ...mirrorArguments(bench), spec], { PIP_NO_CACHE_DIR: '1' }, [
      { kind: 'run', argv: [...as, pip, 'uninstall', '--yes', name] },
    ]),
  ];
}

/** From a mirror and from nowhere else. */
function mirrorArguments({ choices }: Bench): string[] {
  return choices.mirror === undefined ? [] : ['--no-index', '--find-links', pythonMirror(choices.mirror)];
}
