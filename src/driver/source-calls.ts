// Which functions of the kernel a driver source calls, as far as its text proves it.

/** What a kernel may be configured without, so that a driver that calls it does not link; see kernels/needed-options. */
const WATCHED: Readonly<Record<string, RegExp>> = {
  hwmon_device_register_with_info: /\bCONFIG_HWMON(?:_MODULE)?\b/,
  dma_buf_export: /\bCONFIG_(?:DMA_SHARED_BUFFER|SYNC_FILE)\b/,
};

const RELEVANT = new RegExp(
  Object.entries(WATCHED)
    .flatMap(([name, option]) => [name, option.source])
    .join('|'),
);

export interface SourceCalls {
  /** Called whatever the source is built for: the function, and the first kernel version for which it is. */
  readonly surely: Readonly<Record<string, string>>;
  /** Called under some condition. */
  readonly maybe: readonly string[];
}

/** A line of C, and under which conditions of the preprocessor it stands. */
interface Line {
  readonly text: string;
  readonly isDirective: boolean;
  /** The first kernel version for which it counts; undefined where more than a version decides. */
  readonly from: string | undefined;
}

/**
 * @param texts the C files and headers of the source, by their paths in it
 * @param makefiles what kbuild reads of it
 */
export function findCalls(texts: ReadonlyMap<string, string>, makefiles: readonly string[]): SourceCalls {
  const built = new Set(makefiles.flatMap(builtFiles));
  const surely: Record<string, string> = {};
  const maybe: string[] = [];
  // Most files have nothing of it, and a look at the machine is to take no time.
  const files = [...texts]
    .filter(([, text]) => RELEVANT.test(text))
    .map(([path, text]) => ({ path, lines: linesOf(text) }));
  for (const [name, option] of Object.entries(WATCHED)) {
    const call = new RegExp(`\\b${name}\\b`);
    const used = files.flatMap(({ path, lines }) =>
      lines.filter(({ text }) => call.test(text)).map((line) => ({ ...line, path })),
    );
    if (used.length === 0) continue;
    // A stand-in of the source's own, and code that the compiler drops, are told by these.
    const isConditional =
      used.some(({ isDirective, from }) => isDirective || from === undefined) ||
      files.some(({ lines }) => lines.some(({ text, isDirective }) => !isDirective && option.test(text)));
    const first = used.find(({ path }) => built.has(path));
    if (isConditional || first?.from === undefined) maybe.push(name);
    else surely[name] = first.from;
  }
  return { surely, maybe };
}

/** C files that are part of the module whatever make is told. */
function builtFiles(makefile: string): string[] {
  let depth = 0;
  return makefile
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .flatMap((line) => {
      if (/^\s*if(?:n?eq|n?def)\b/.test(line)) depth += 1;
      if (/^\s*endif\b/.test(line)) depth -= 1;
      const objects = /^(?:obj-m|tenstorrent-(?:y|objs))\s*[:+]?=(.*)$/.exec(line)?.[1];
      if (objects === undefined || depth > 0) return [];
      return [...objects.matchAll(/(?:^|\s)([\w./-]+)\.o(?=\s|$)/g)].map(([, name]) => `/${name}.c`);
    });
}

function linesOf(text: string): Line[] {
  const conditions: (string | undefined)[] = [];
  const plain = withoutComments(text).replaceAll(/\\\n/g, ' ');
  return plain.split('\n').map((line) => {
    const directive = /^\s*#\s*(\w*)(.*)$/.exec(line);
    const [, word = '', rest = ''] = directive ?? [];
    if (/^if/.test(word)) conditions.push(word === 'if' ? versionOf(rest) : undefined);
    else if (/^el/.test(word)) conditions.splice(-1, 1, undefined);
    else if (word === 'endif') conditions.pop();
    return { text: line, isDirective: directive !== null, from: strictest(conditions) };
  });
}

/** Neither what is said in comments nor what is said in quotes is code. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"/g, (found) =>
    found.startsWith('"') ? '""' : found.replaceAll(/[^\n]/g, ' '),
  );
}

function versionOf(condition: string): string | undefined {
  const numbers = /^\s*LINUX_VERSION_CODE\s*>=\s*KERNEL_VERSION\((\d+),\s*(\d+),\s*(\d+)\)\s*$/.exec(
    condition,
  );
  return numbers?.slice(1).join('.');
}

/** The version from which all conditions hold. */
function strictest(conditions: readonly (string | undefined)[]): string | undefined {
  let strict = '0';
  for (const condition of conditions) {
    if (condition === undefined) return undefined;
    if (isNewer(condition, strict)) strict = condition;
  }
  return strict;
}

function isNewer(a: string, b: string): boolean {
  const [left, right] = [a, b].map((one) => one.split('.').map(Number));
  for (let index = 0; index < 3; index += 1) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
