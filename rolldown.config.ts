import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defineConfig, type Plugin } from 'rolldown';

const IMPORT = /^import (?:\* as )?(\w[\w$]*|\{[^}]*\})(?:, (\{[^}]*\}))? from "(node:[\w/]+)";$/gm;

/**
 * Takes Node's own modules without an import: importing one runs every lazy getter of it, which loads half of
 * Node (fs brings promises and readline, process brings workers, crypto brings WebCrypto) and costs a short
 * command a fifth of its time.
 */
const builtinsWithoutImport: Plugin = {
  name: 'builtins-without-import',
  renderChunk(code, { name }) {
    const take = (names: string, from: string): string =>
      name === CORE && LATE.has(from)
        ? takeLate(names, from)
        : `const ${names.replaceAll(' as ', ': ')} = process.getBuiltinModule("${from}");`;
    return code.replace(IMPORT, (_, first: string, second: string | undefined, from: string) =>
      [first, second].flatMap((names) => (names === undefined ? [] : take(names, from))).join(' '),
    );
  },
};

const CORE = 'core';

/** Takes five milliseconds to load, and a look at a machine that is as it should be starts no command. */
const LATE = new Set(['node:child_process']);

/** Functions that take the module when they are called: all that the core uses of it. */
function takeLate(names: string, from: string): string {
  const late = (name: string): string =>
    `(...words) => process.getBuiltinModule("${from}").${name}(...words)`;
  if (!names.startsWith('{')) {
    return `const ${names} = new Proxy({}, { get: (_, name) => process.getBuiltinModule("${from}")[name] });`;
  }
  const functions = names
    .slice(1, -1)
    .split(',')
    .map((one) => one.trim().split(' as '));
  return functions.map(([name = '', local = name]) => `const ${local} = ${late(name)};`).join(' ');
}

/** What is run most often, and by each kernel installation. */
const FREQUENT = ['cli/main', 'cli/status', 'cli/reconcile', 'kernel-events/way'];

const STATIC_IMPORT = /^(?:import|export) (?!type\b)[^;']*?\bfrom '([^']+)';$/gm;

/**
 * What the frequent commands load is one file: finding, reading and compiling twenty small ones costs more than
 * the few functions that a command does not call. What they import late, on their way to a build, stays apart, and
 * so does what only other commands need.
 */
const frequent = new Set<string>();
for (const name of FREQUENT) follow(join(import.meta.dirname, `src/${name}.ts`));

function follow(file: string): void {
  if (frequent.has(file)) return;
  frequent.add(file);
  for (const [, from = ''] of readFileSync(file, 'utf8').matchAll(STATIC_IMPORT)) {
    if (from.startsWith('.')) follow(join(dirname(file), from));
  }
}

/** Of the libraries, these are called by every command. */
const LIBRARIES = /node_modules\/(commander|ini)\//;

export default defineConfig({
  input: 'src/main.ts',
  platform: 'node',
  plugins: [builtinsWithoutImport],
  output: {
    dir: 'dist',
    format: 'esm',
    cleanDir: true,
    minify: 'dce-only',
    entryFileNames: 'main.js',
    chunkFileNames: '[name]-[hash].js',
    codeSplitting: { groups: [{ name: CORE, test: (id) => frequent.has(id) || LIBRARIES.test(id) }] },
  },
});
