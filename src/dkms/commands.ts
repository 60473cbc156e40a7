// What dkms is asked to do, and what came of it.
import { BASE_ENVIRONMENT } from '../host/environment.ts';
import type { Host } from '../host/host.ts';
import { withoutPin } from '../host/without-pin.ts';
import { SOURCE_TREE } from './framework.ts';
import { builtModules } from './tree.ts';

/**
 * Builds are made in a tree of our own and moved into dkms's when they are proved good: a build that fails or is
 * killed leaves nothing in dkms's records, the module that was built before stays until its successor is there,
 * and a dkms that somebody else runs meanwhile shares no build folder with us.
 */
export const STAGING = '/var/lib/ttkmd/staging';

/** Milliseconds for dkms's short commands: add, install, remove. Depmod over many modules takes seconds. */
const SHORT_LIMIT = 5 * 60_000;

/** How often the growing make.log is looked at, in milliseconds. */
const TAIL_INTERVAL = 150;

export interface Target {
  readonly packageName: string;
  readonly version: string;
  readonly release: string;
  readonly arch: string;
}

/** What dkms signs with, in absolute paths. */
export interface DkmsSigning {
  readonly key: string;
  readonly certificate: string;
  readonly signFile: string;
}

export interface RunSettings {
  /** Where dkms keeps its records. */
  readonly tree: string;
  readonly jobs: number;
  /** A load above which make starts no further job; undefined for none. */
  readonly load: string | undefined;
  /** Assignments for make's command line, as `CC=gcc-12`. */
  readonly variables: readonly string[];
  /** A build tree that is not where dkms looks for it. */
  readonly kernelSource?: string | undefined;
  /** A folder to be searched for programs before others. */
  readonly path: string | undefined;
  /** Undefined for leaving modules unsigned, and making no key. */
  readonly signing?: DkmsSigning | undefined;
  readonly nice: number;
  /** Milliseconds. */
  readonly timeLimit: number;
  readonly signal: AbortSignal;
  /** The lock's descriptor. */
  readonly keepOpen: number;
  /** Each line of dkms and of make, as it comes. */
  readonly onLine: (line: string) => void;
}

export interface DkmsRun {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly timedOut: boolean;
  readonly cancelled: boolean;
  /** All that dkms printed. */
  readonly output: string;
}

export interface BuildRun extends DkmsRun {
  /** What make printed, from dkms's make.log. */
  readonly makeLog: string;
  /** The module that was built, in the staging tree; undefined where none was. */
  readonly module: string | undefined;
}

export interface BuildSource {
  readonly path: string;
  /** There is something for `make clean` to remove. */
  readonly hasObjects: boolean;
}

/** Before 3.1 dkms cleans the copy that it builds in, before it builds and before it removes it. */
const WITHOUT_CLEANING = ['--directive', 'CLEAN=true'];

/** Builds a module in the staging tree, which is emptied first. */
export async function build(
  host: Host,
  target: Target,
  source: BuildSource,
  settings: RunSettings,
): Promise<BuildRun> {
  clearStaging(host);
  const versionFolder = `${STAGING}/${target.packageName}/${target.version}`;
  const finished = stagedFolder(target);
  const growing = `${versionFolder}/build/make.log`;
  const stopTail = tail(host, growing, (line) => settings.onLine(withoutPin(line)));
  host.fs.makeFolder(STAGING, 0o755);
  // As `dkms add` does, which a build in an empty tree would do first.
  host.fs.makeFolder(versionFolder);
  host.fs.link(source.path, `${versionFolder}/source`);
  const where = settings.kernelSource === undefined ? [] : ['--kernelsourcedir', settings.kernelSource];
  const how = ['-j', String(settings.jobs), ...where, ...(source.hasObjects ? [] : WITHOUT_CLEANING)];
  const run = await dkms(host, ['build', ...identify(target), ...how], { ...settings, tree: STAGING });
  stopTail();
  const makeLog = readMakeLog(host, `${finished}/log/make.log`) ?? readMakeLog(host, growing) ?? '';
  return {
    ...run,
    makeLog,
    module: builtModules(host.fs, finished)[0],
  };
}

/** dkms and make say what they sign with, and the log goes with the build, where everybody may read it. */
function readMakeLog({ fs }: Host, path: string): string | undefined {
  const written = fs.readText(path);
  if (written === undefined) return undefined;
  const text = withoutPin(written);
  if (text !== written) fs.write(path, text);
  return text;
}

/** Where a finished build lies in the staging tree. */
export function stagedFolder(target: Target): string {
  return builtFolder(STAGING, target);
}

/** Where a finished build lies in a tree. */
export function builtFolder(tree: string, target: Target): string {
  return `${tree}/${target.packageName}/${target.version}/${target.release}/${target.arch}`;
}

/** Removes everything from the staging tree. */
export function clearStaging(host: Pick<Host, 'fs'>): void {
  host.fs.removeTree(STAGING);
}

/** Makes a driver source known to dkms. */
export function add(
  host: Host,
  target: Pick<Target, 'packageName' | 'version'>,
  settings: RunSettings,
): Promise<DkmsRun> {
  return dkms(host, ['add', '-m', target.packageName, '-v', target.version], brief(settings));
}

/**
 * Installs a built module. `--force` lets an older version replace a newer one and a rebuilt module its
 * predecessor; what is installed was verified before. The index is made here and once: dkms would make it first
 * with the module away, and 3.2 leaves it out afterwards where ours was the only module of the kernel.
 */
export async function install(host: Host, target: Target, settings: RunSettings): Promise<DkmsRun> {
  const run = await dkms(host, ['install', '--force', '--no-depmod', ...identify(target)], brief(settings));
  if (run.exitCode !== 0) return run;
  const failure = await makeIndex(host, target.release);
  return failure === undefined ? run : { ...run, exitCode: 6, output: `${run.output}\nerror: ${failure}` };
}

/** Makes modprobe's index of a release anew. Gives what depmod said where it failed. */
export async function makeIndex(host: Pick<Host, 'exec'>, release: string): Promise<string | undefined> {
  const { code, stderr } = await host.exec.query('depmod', ['-a', release], { timeLimit: SHORT_LIMIT });
  return code === 0 ? undefined : stderr || `depmod ended with ${code}`;
}

/** Forgets a version for every kernel; modules of other versions stay. */
export function removeVersion(
  host: Host,
  target: Pick<Target, 'packageName' | 'version'>,
  settings: RunSettings,
): Promise<DkmsRun> {
  return dkms(host, ['remove', '-m', target.packageName, '-v', target.version, '--all'], brief(settings));
}

function identify(target: Target): string[] {
  return ['-m', target.packageName, '-v', target.version, '-k', target.release, '-a', target.arch];
}

function brief(settings: RunSettings): RunSettings {
  return { ...settings, timeLimit: Math.min(settings.timeLimit, SHORT_LIMIT) };
}

async function dkms(host: Host, args: readonly string[], settings: RunSettings): Promise<DkmsRun> {
  const output: string[] = [];
  // What is said here counts more than its configuration: it works where we look, whatever that says.
  const places = ['--dkmstree', settings.tree, '--sourcetree', SOURCE_TREE];
  const run = await host.exec.run('dkms', [...args, ...places], {
    env: environment(settings),
    timeLimit: settings.timeLimit,
    signal: settings.signal,
    nice: settings.nice,
    keepOpen: settings.keepOpen,
    onLine(said) {
      const line = withoutPin(said);
      output.push(line);
      settings.onLine(line);
    },
  });
  return {
    exitCode: run.code,
    signal: run.signal,
    timedOut: run.timedOut,
    cancelled: run.cancelled,
    output: output.join('\n'),
  };
}

function environment({ load, variables, path, signing }: RunSettings): Record<string, string> {
  const flags = [
    ...(load === undefined ? [] : [`-l${load}`]),
    ...(variables.length > 0 ? ['--', ...variables] : []),
  ];
  return {
    ...(flags.length > 0 ? { MAKEFLAGS: flags.join(' ') } : {}),
    ...signingVariables(signing),
    ...(path === undefined ? {} : { PATH: `${path}:${BASE_ENVIRONMENT.PATH}` }),
  };
}

/** A program that is not there has dkms say so and go on; a token has it make no key. */
const NO_SIGNING: DkmsSigning = {
  signFile: '/nonexistent/sign-file',
  key: 'pkcs11:none',
  certificate: '/nonexistent/certificate',
};

/**
 * The variables of its framework.conf, which counts more where it sets them. A directive comes too late: 3.0 chooses
 * its key before it reads those, and makes one where there is none.
 */
function signingVariables(signing: DkmsSigning | undefined): Record<string, string> {
  const isPlain = Object.values(signing ?? {}).every((value) => PLAIN.test(value));
  const { signFile, key, certificate } = signing !== undefined && isPlain ? signing : NO_SIGNING;
  return { sign_file: signFile, mok_signing_key: key, mok_certificate: certificate };
}

/** What comes out of dkms's evaluation as it went in. */
const PLAIN = /^[\w@%+=:,./;-]+$/;

/** Hands on the lines of a file that grows; dkms sends what make prints there and nowhere else. */
function tail(host: Pick<Host, 'fs'>, path: string, onLine: (line: string) => void): () => void {
  let offset = 0;
  let rest = '';
  const look = (): void => {
    const news = host.fs.readFrom(path, offset);
    if (news === undefined || news.text === '') return;
    offset = news.next;
    const lines = (rest + news.text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  };
  const timer = setInterval(look, TAIL_INTERVAL);
  return () => clearInterval(timer);
}
