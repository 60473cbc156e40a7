// What Node.js's compiler made of the program, kept for the next start.

export const COMPILED_FOLDER = '/var/cache/ttkmd/compiled';

/** From here on; what cannot be kept is compiled anew each time, and nobody hears of it (module.enableCompileCache). */
export function keepCompiled(): void {
  process.getBuiltinModule('node:module').enableCompileCache(COMPILED_FOLDER);
}
