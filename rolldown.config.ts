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

/** What only builds and the daemon need of the machine; each brings a library or a server with it. */
const LATE_HOST = [
  'contained-run',
  'watch',
  'serve',
  'call-socket',
  'memory',
  'process-log',
  'own-command',
  'signals',
];

/**
 * What nearly every command loads is one file: finding, reading and compiling twenty small ones costs more than
 * the few functions that a command does not call. Builds, deployment and their libraries stay apart.
 */
function inEveryCommand(id: string): boolean {
  if (/node_modules\/(commander|ini)\//.test(id)) return true;
  const room = id.match(/\/src\/([\w-]+)\/([\w-]+)\.ts$/);
  if (room === null) return false;
  const [, name = '', file = ''] = room;
  if (['config', 'kernels', 'driver', 'state'].includes(name)) return true;
  if (name === 'host') return !LATE_HOST.includes(file);
  if (name === 'dkms')
    return ['bash-assignments', 'commands', 'foreign-runs', 'framework', 'mend', 'tree'].includes(file);
  if (name === 'reconcile')
    return !/^(admin-hooks|apply|build-hooks|give-back|own-copies|verify-install|work)/.test(file);
  return (
    name === 'cli' &&
    !/^(ask|bootstrap|doctor)/.test(file) &&
    ![
      'deploy',
      'hooks',
      'config',
      'cancel',
      'history',
      'logs',
      'watch-status',
      'boot',
      'driver',
      'service',
      'render-files',
      'usage',
    ].includes(file)
  );
}

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
    codeSplitting: { groups: [{ name: 'core', test: inEveryCommand }] },
  },
});
