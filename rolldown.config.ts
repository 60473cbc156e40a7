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
  renderChunk(code) {
    const take = (names: string, from: string): string =>
      `const ${names.replaceAll(' as ', ': ')} = process.getBuiltinModule("${from}");`;
    return code.replace(IMPORT, (_, first: string, second: string | undefined, from: string) =>
      [first, second].flatMap((names) => (names === undefined ? [] : take(names, from))).join(' '),
    );
  },
};

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
    codeSplitting: { groups: [{ name: 'core', test: (id) => frequent.has(id) || LIBRARIES.test(id) }] },
  },
});
