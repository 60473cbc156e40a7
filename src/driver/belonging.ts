// What a process belongs to, as its /proc/<pid>/cgroup tells: a container, a unit of systemd, a login, a service.

export interface Belonging {
  readonly kind: /** A container; `runtime` says whose. */
    | 'container'
    /** A unit of the machine's systemd. */
    | 'unit'
    /** A unit of a user's own systemd. */
    | 'user-unit'
    /** A login, under systemd or elogind. */
    | 'session'
    /** A service of OpenRC. */
    | 'service';
  /** A container's whole id, or its name where it has one; a unit with its ending; a session's number. */
  readonly name: string;
  /** `docker`, `podman`, `containerd`, `cri-o`, `kubernetes` (which one is not told), `lxc`, `nspawn`. */
  readonly runtime: string | undefined;
}

const ID = '[0-9a-f]{64}';

/** A part of a path, and whose container it then is; its group is the name. A monitor beside a container is none. */
const CONTAINERS: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`^docker-(${ID})\\.scope$`), 'docker'],
  [new RegExp(`^libpod-(?:payload-)?(${ID})(?:\\.scope)?$`), 'podman'],
  [new RegExp(`^(?:.*:)?cri-containerd[-:](${ID})(?:\\.scope)?$`), 'containerd'],
  [new RegExp(`^nerdctl-(${ID})\\.scope$`), 'containerd'],
  [new RegExp(`^crio-(${ID})(?:\\.scope)?$`), 'cri-o'],
  [/^lxc\.payload\.(.+)$/, 'lxc'],
  [/^systemd-nspawn@(.+)\.service$/, 'nspawn'],
  [/^machine-(?!qemu)(.+)\.scope$/, 'nspawn'],
];

/** A bare name says by its folder whose it is. */
const FOLDERS: readonly (readonly [RegExp, RegExp, string])[] = [
  [/^docker$/, new RegExp(`^(${ID})$`), 'docker'],
  [/^pod[0-9a-f_-]+$/, new RegExp(`^(${ID})$`), 'kubernetes'],
  [/^kubepods.*-pod[0-9a-f_-]+\.slice$/, new RegExp(`^(${ID})$`), 'kubernetes'],
  [/^lxc(?:\.payload)?$/, /^(.+)$/, 'lxc'],
  // containerd's namespaces, by their usual names.
  [/^(?:default|k8s\.io|moby)$/, new RegExp(`^(${ID})$`), 'containerd'],
];

/**
 * The container, else the unit, login or service; undefined where it is none of these.
 * @param text of /proc/<pid>/cgroup, of version 1, 2, or both (cgroups(7))
 */
export function belonging(text: string): Belonging | undefined {
  const lines = text.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return controllers === undefined || path === undefined ? [] : [{ controllers, parts: partsOf(path) }];
  });
  // The trees that init systems keep know more than those of single controllers.
  const rank = (controllers: string): number =>
    controllers.startsWith('name=') ? 0 : controllers === '' ? 1 : 2;
  lines.sort((a, b) => rank(a.controllers) - rank(b.controllers));
  return (
    first(lines, ({ parts }) => containerOf(parts)) ??
    first(lines, ({ controllers, parts }) => ownerOf(controllers, parts))
  );
}

function first<T>(all: readonly T[], find: (one: T) => Belonging | undefined): Belonging | undefined {
  for (const one of all) {
    const found = find(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '..');
}

/** systemd writes some letters as `\x2d`. */
function unescaped(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

/** The outermost one, which is what this machine's commands know: what is inside it is its own affair. */
function containerOf(parts: readonly string[]): Belonging | undefined {
  for (const [index, part] of parts.entries()) {
    const folder = parts[index - 1] ?? '';
    for (const [pattern, runtime] of CONTAINERS) {
      const name = pattern.exec(part)?.[1];
      if (name !== undefined) return { kind: 'container', name: unescaped(name), runtime };
    }
    for (const [where, pattern, runtime] of FOLDERS) {
      const name = where.test(folder) ? pattern.exec(part)?.[1] : undefined;
      if (name !== undefined) return { kind: 'container', name, runtime };
    }
  }
  return undefined;
}

function ownerOf(controllers: string, parts: readonly string[]): Belonging | undefined {
  return sessionOf(controllers, parts) ?? serviceOf(controllers, parts) ?? unitOf(parts);
}

/** `session-3.scope` is systemd's; a bare number is elogind's, which has a tree of its own or the top of the one. */
function sessionOf(controllers: string, parts: readonly string[]): Belonging | undefined {
  const scope = first(parts, (part) => named('session', /^session-(.+)\.scope$/.exec(part)?.[1]));
  if (scope !== undefined) return scope;
  const isElogind = controllers === 'name=elogind' || (controllers === '' && parts.length === 1);
  return isElogind ? named('session', /^(c?\d+)$/.exec(parts.at(-1) ?? '')?.[1]) : undefined;
}

/**
 * What OpenRC's sh/rc-cgroup.sh makes: a tree `openrc`, `openrc_NAME` in those of controllers; in version 2
 * `openrc.NAME`, and before OpenRC 0.55 `NAME` alone at the top, where systemd has slices and scopes.
 */
function serviceOf(controllers: string, parts: readonly string[]): Belonging | undefined {
  const [top = ''] = parts;
  if (controllers === 'name=openrc') return named('service', top);
  if (controllers !== '') return named('service', /^openrc_(.+)$/.exec(top)?.[1]);
  const isOthers = parts.length > 1 || /\.(?:slice|scope|service|mount|swap|socket)$|^lxc\./.test(top);
  return named('service', /^openrc\.(.+)$/.exec(top)?.[1] ?? (isOthers ? undefined : top));
}

/** The outermost unit that is no slice; in a user's own systemd, the outermost of what that runs. */
function unitOf(parts: readonly string[]): Belonging | undefined {
  const units = parts.filter((part) => /\.(?:service|scope|socket|mount|swap)$/.test(part));
  const [outer, inner] = units;
  const isUsers = outer !== undefined && /^user@\d+\.service$/.test(outer);
  return isUsers && inner !== undefined && inner !== 'init.scope'
    ? named('user-unit', inner)
    : named('unit', outer);
}

function named(kind: Belonging['kind'], name: string | undefined): Belonging | undefined {
  return name === undefined || name === '' ? undefined : { kind, name: unescaped(name), runtime: undefined };
}

/** As people are told: `docker container 0123456789ab`, `unit tt.service`. An id is as short as its own tool prints it. */
export function belongingText({ kind, name, runtime }: Belonging): string {
  switch (kind) {
    case 'container':
      return `${runtime ?? 'a'} container ${new RegExp(`^${ID}$`).test(name) ? name.slice(0, 12) : name}`;
    case 'unit':
      return `unit ${name}`;
    case 'user-unit':
      return `user unit ${name}`;
    case 'session':
      return `session ${name}`;
    case 'service':
      return `service ${name}`;
  }
}
